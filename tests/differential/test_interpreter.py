"""Random programs on py-evm as it comes and on ours: success, gas, output, logs, state agree.

Four contracts hold random code and call, create and destroy each other, so frames, refunds and
reverts are compared too. STEMMA_PROGRAMS sets how many programs run.
"""

from __future__ import annotations

import os
import random

import pytest
from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message as StockMessage

from chain.state import MemoryStateStore, State
from chain.types import Address, Hash32
from evm.environment import BlockEnvironment, Message
from evm.pyevm.machine import Machine
from evm.tracing import StructLogger

PROGRAMS = int(os.environ.get("STEMMA_PROGRAMS", "400"))
ORIGIN = Address(b"\xaa" * 20)
COINBASE = Address(b"\x0c" * 20)
CONTRACTS = tuple(Address(bytes((0xC0 + index,)) * 20) for index in range(4))
TARGETS = (
    *CONTRACTS,
    ORIGIN,
    Address(b"\xdd" * 20),
    Address(bytes(19) + b"\x04"),
    Address(bytes(19) + b"\x02"),
)
PLAIN = [
    *range(0x01, 0x0C), *range(0x10, 0x1E), 0x20, *range(0x30, 0x3B), 0x3B, 0x3D, 0x3D, 0x3E, 0x3F,
    *range(0x40, 0x4B), 0x50, 0x51, 0x52, 0x53, 0x54, 0x54, 0x55, 0x55, *range(0x58, 0x60),
    0xA0, 0xA1, 0xA2, 0xA4, *list(range(0x80, 0x86)) * 2, *list(range(0x90, 0x95)) * 2,
]  # fmt: skip
SMALL = (0, 1, 2, 3, 4, 0x20, 0x40, 0x60, 0xFF)


def push(value: int, size: int = 1) -> bytes:
    return bytes((0x5F + size,)) + value.to_bytes(size, "big")


def random_push(rnd: random.Random) -> bytes:
    size = rnd.choice((1, 1, 1, 2, 3, 32))
    if rnd.random() < 0.1:
        return bytes((0x5F + size,)) + b"\xff" * size
    data = bytes(rnd.choice((*SMALL, rnd.randrange(256))) for _ in range(size))
    return bytes((0x5F + size,)) + data


def random_call(rnd: random.Random) -> bytes:
    opcode = rnd.choice((0xF1, 0xF1, 0xF2, 0xF4, 0xFA))
    code = push(rnd.choice(SMALL)) * 2 + push(rnd.choice(SMALL)) + push(rnd.choice(SMALL))
    if opcode in (0xF1, 0xF2):
        code += push(rnd.choice((0, 0, 1, 50)))
    gas = rnd.choice((b"\x5a", push(rnd.randrange(2**16), 2), push(0)))
    return code + b"\x73" + rnd.choice(TARGETS) + gas + bytes((opcode,))


def random_create(rnd: random.Random) -> bytes:
    init = rnd.choice(
        (b"\x60\x01\x60\x00\xf3", b"\x5f\x5f\xfd", b"\x33\xff", b"\x60\xef\x5f\x53\x60\x01\x5f\xf3")
    )
    opcode = rnd.choice((0xF0, 0xF5))
    code = push(int.from_bytes(init.ljust(32, b"\x00"), "big"), 32) + b"\x5f\x52"
    if opcode == 0xF5:
        code += push(rnd.choice((0, 1)))
    return code + push(len(init)) + b"\x5f" + push(rnd.choice((0, 0, 3))) + bytes((opcode,))


def program(rnd: random.Random) -> bytes:
    code = b"".join(push(rnd.choice(SMALL)) for _ in range(14))
    for _ in range(rnd.randint(5, 60)):
        chance = rnd.random()
        if chance < 0.4:
            code += random_push(rnd)
        elif chance < 0.45:
            code += b"\x5b"
        elif chance < 0.5:
            code += random_call(rnd)
        elif chance < 0.52:
            code += random_create(rnd)
        elif chance < 0.54:
            # a loop or a jump to somewhere
            code += push(rnd.randrange(80)) + bytes((rnd.choice((0x56, 0x57)),))
        elif chance < 0.55:
            code += bytes((rnd.choice((0x00, 0xF3, 0xFD, 0xFF, 0xFE)),))
        elif chance < 0.99:
            code += bytes((rnd.choice(PLAIN),))
        else:
            code += bytes((rnd.randrange(256),))
    return code


class Stock:
    """py-evm's own state and computation."""

    def __init__(self, codes: tuple[bytes, ...]) -> None:
        context = ExecutionContext(
            COINBASE, 1_700_000_000, 100, 0, b"\x0d" * 32, 30_000_000,
            [bytes((number,)) * 32 for number in range(1, 100)], 901, 7, 0,
        )  # fmt: skip
        self.state = PragueState(AtomicDB(), context, BLANK_ROOT_HASH)
        self.state.set_balance(ORIGIN, 10**18)
        for address, code in zip(CONTRACTS, codes, strict=True):
            self.state.set_nonce(address, 1)
            self.state.set_balance(address, 100)
            self.state.set_code(address, code)
        self.state.set_storage(CONTRACTS[0], 1, 7)
        self.state.persist()
        self.state.lock_changes()

    def run(self, data: bytes, gas: int, value: int):
        state = self.state
        for address in (ORIGIN, CONTRACTS[0]):
            state.mark_address_warm(address)
        message = StockMessage(gas, CONTRACTS[0], ORIGIN, value, data, state.get_code(CONTRACTS[0]))
        context = state.get_transaction_context_class()(gas_price=9, origin=ORIGIN)
        done = state.computation_class.apply_message(state, message, context)
        for address in done.get_accounts_for_deletion():
            state.delete_account(address)
        return (
            done.is_success,
            done.get_gas_remaining(),
            done.output,
            done.get_gas_refund() if done.is_success else 0,
            tuple((a, tuple(t), bytes(d)) for a, t, d in done.get_log_entries()),
            view(state),
        )


def ours(codes: tuple[bytes, ...], data: bytes, gas: int, value: int, tracer=None):
    state = State(MemoryStateStore())
    state.set_balance(ORIGIN, 10**18)
    for address, code in zip(CONTRACTS, codes, strict=True):
        state.set_nonce(address, 1)
        state.set_balance(address, 100)
        state.set_code(address, code)
    state.set_storage(CONTRACTS[0], 1, 7)
    state.compute_root()
    state.begin_transaction()
    block = BlockEnvironment(
        chain_id=901,
        number=100,
        timestamp=1_700_000_000,
        coinbase=COINBASE,
        prev_randao=Hash32(b"\x0d" * 32),
        gas_limit=30_000_000,
        base_fee=7,
        blob_base_fee=1,
        block_hash=lambda number: Hash32(bytes((100 - number,)) * 32) if number else None,
    )
    machine = Machine(state, block, tracer=tracer)
    outcome = machine.run(Message(ORIGIN, CONTRACTS[0], value, data, gas, 9))
    for address in outcome.destroyed:
        state.delete_account(address)
    logs = tuple(
        (log.address, tuple(int.from_bytes(topic, "big") for topic in log.topics), log.data)
        for log in outcome.logs
    )
    return (
        outcome.succeeded,
        outcome.gas_left,
        outcome.output,
        outcome.refund,
        logs,
        view(state),
    )


def view(state):
    accounts = (*CONTRACTS, ORIGIN, TARGETS[5], TARGETS[6], TARGETS[7])
    return tuple(
        (
            state.get_balance(account),
            state.get_nonce(account),
            state.get_code(account),
            tuple(state.get_storage(account, slot) for slot in (*SMALL, 2**256 - 1)),
        )
        for account in accounts
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("seed", range(4))
def test_random_programs_end_alike(seed):
    rnd = random.Random(seed)
    endings = {True: 0, False: 0}
    for number in range(PROGRAMS // 4):
        codes = tuple(program(rnd) for _ in CONTRACTS)
        data = rnd.randbytes(rnd.choice((0, 4, 36)))
        gas = rnd.choice((200, 3_000, 30_000, 200_000, 1_000_000))
        value = rnd.choice((0, 0, 5))
        expected = Stock(codes).run(data, gas, value)
        assert ours(codes, data, gas, value) == expected, (seed, number, codes[0].hex(), gas)
        if number % 5 == 0:
            assert ours(codes, data, gas, value, StructLogger()) == expected
        endings[expected[0]] += 1
    assert min(endings.values()) > 0
