"""Random programs for the forks before Berlin, on our machine and on EELS.

The programs of `evm_programs.py` begin with opcodes that those forks lack, so these are others:
each step pushes what an opcode wants and runs it. Nothing jumps.
"""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from evm_eels import Specification, World, logs_of, specification
from evm_engines import CHAIN_ID, GAS_LIMIT, NUMBER, TIME, Case, Ending, ours, prepare, view
from evm_programs import COINBASE, CONTRACTS, ORIGIN, PRECOMPILES, STRANGER

from evm.forks import (
    BYZANTIUM,
    FRONTIER,
    HOMESTEAD,
    ISTANBUL,
    PETERSBURG,
    SPURIOUS_DRAGON,
    TANGERINE_WHISTLE,
    RuleSet,
)

RULES: dict[str, RuleSet] = {
    "frontier": FRONTIER,
    "homestead": HOMESTEAD,
    "tangerine_whistle": TANGERINE_WHISTLE,
    "spurious_dragon": SPURIOUS_DRAGON,
    "byzantium": BYZANTIUM,
    "constantinople": PETERSBURG,  # EELS has it as it came to be
    "istanbul": ISTANBUL,
}
"""By EELS's names."""
DIFFICULTY = int.from_bytes(b"\x0d" * 32, "big")
PLACES = (*CONTRACTS, *CONTRACTS, STRANGER, ORIGIN, *PRECOMPILES[:6])
WORDS = (0, 0, 1, 2, 3, 31, 32, 33, 64, 255, 256, 2**255, 2**256 - 1)
GAS = (3_000, 60_000, 400_000, 2_000_000, 2_000_000)
# Opcode and how many words it takes; what it leaves stays on the stack.
SIMPLE = (
    *((op, 2) for op in (*range(0x01, 0x08), *range(0x10, 0x15), *range(0x16, 0x19))),
    (0x0A, 2), (0x0B, 2), (0x1A, 2), (0x08, 3), (0x09, 3), (0x15, 1), (0x19, 1), (0x1B, 2),
    (0x1C, 2), (0x1D, 2),
    *((op, 0) for op in (0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3A, 0x3D, 0x41, 0x42, 0x43, 0x44,
                         0x45, 0x46, 0x47, 0x58, 0x59, 0x5A, 0x5B)),
    (0x35, 1), (0x54, 1), (0x54, 1), (0x55, 2), (0x55, 2), (0x55, 2), (0x50, 1),
)  # fmt: skip
INIT_CODES = (
    bytes.fromhex("600a600055600160005360016000f3"),  # stores, then leaves one byte of code
    bytes.fromhex("33ff"),  # destroys itself for its creator
    bytes.fromhex("61100060006000f0"),  # a creation within, and no code
    bytes.fromhex("6113886000f3"),  # 5,000 bytes of code, which few can pay for
    bytes.fromhex("fe"),
    b"",
)
CALLS = (0xF1, 0xF1, 0xF1, 0xF2, 0xF4, 0xFA)


def push(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes((0x5F + size,)) + value.to_bytes(size, "big")


def _word(rnd: random.Random) -> int:
    return rnd.choice(WORDS) if rnd.random() < 0.8 else rnd.getrandbits(rnd.choice((8, 64, 256)))


def _small(rnd: random.Random) -> int:
    return rnd.choice((0, 0, 1, 31, 32, 64, 100))


def _call(rnd: random.Random) -> bytes:
    op = rnd.choice(CALLS)
    value = push(rnd.choice((0, 0, 1, 7, 200))) if op in (0xF1, 0xF2) else b""
    ranges = b"".join(push(_small(rnd)) for _ in range(4))
    place = push(int.from_bytes(rnd.choice(PLACES), "big"))
    gas = rnd.choice((push(0), push(2_300), push(20_000), push(100_000), b"\x5a", b"\x5a"))
    return ranges + value + place + gas + bytes((op,))


def _creation(rnd: random.Random) -> bytes:
    init = rnd.choice(INIT_CODES)
    stored = push(int.from_bytes(init.ljust(32, b"\x00"), "big")) + push(0) + b"\x52"
    value = push(rnd.choice((0, 0, 1, 300)))
    if rnd.random() < 0.3:
        return stored + push(rnd.randrange(2)) + push(len(init)) + push(0) + value + b"\xf5"
    return stored + push(len(init)) + push(0) + value + b"\xf0"


def _reading(rnd: random.Random) -> bytes:
    place = push(int.from_bytes(rnd.choice(PLACES), "big"))
    if rnd.random() < 0.2:
        return push(_small(rnd)) + push(_small(rnd)) + push(_small(rnd)) + place + b"\x3c"
    return place + bytes((rnd.choice((0x31, 0x3B, 0x3F)),))


def _memory(rnd: random.Random) -> bytes:
    op, words = rnd.choice(((0x51, 1), (0x52, 2), (0x53, 2), (0x20, 2), (0x37, 3), (0x39, 3),
                            (0x3E, 3), (0xA0, 2), (0xA1, 3), (0xA2, 4)))  # fmt: skip
    return b"".join(push(_small(rnd)) for _ in range(words)) + bytes((op,))


def _plain(rnd: random.Random) -> bytes:
    op, words = rnd.choice(SIMPLE)
    return b"".join(push(_word(rnd)) for _ in range(words)) + bytes((op,))


def _ending(rnd: random.Random) -> bytes:
    place = push(int.from_bytes(rnd.choice(PLACES), "big"))
    result = push(_small(rnd)) + push(_small(rnd))
    return rnd.choice((b"\x00", result + b"\xf3", result + b"\xfd", place + b"\xff", b"\xfe"))


def program(rnd: random.Random, fork: str) -> bytes:
    """Steps of opcodes that the fork mostly has."""
    table = RULES[fork].machine.opcodes
    kinds = (_plain, _plain, _plain, _memory, _reading, _call, _call, _creation)
    code = b""
    for _ in range(rnd.randint(1, 30)):
        step = rnd.choice(kinds)(rnd)
        if step[-1] in table or rnd.random() < 0.01:
            code += step
    return code + _ending(rnd)


def random_case(rnd: random.Random, fork: str) -> Case:
    """Four programs that call each other."""
    codes = tuple(program(rnd, fork) for _ in CONTRACTS)
    data = rnd.randbytes(rnd.choice((0, 4, 36)))
    return Case(codes, data, rnd.choice(GAS), rnd.choice((0, 0, 5)), rnd.random() < 0.5)


def on_ours(case: Case, fork: str) -> Ending:
    """The case on our machine, without its output, which EELS does not tell."""
    return dataclasses.replace(ours(case, RULES[fork]), output=b"")


def on_eels(case: Case, fork: str) -> Ending:
    """The case on EELS; what destroyed itself or is empty goes as its `fork.py` has it."""
    spec = specification(fork)
    world = World(spec)
    prepare(world, case)
    output = spec.interpreter.process_message_call(_message(spec, world, case))
    for address in output.accounts_to_delete:
        world.delete_account(address)
    touched = getattr(output, "touched_accounts", ())
    for address in touched if output.error is None else ():
        if spec.state.account_exists_and_is_empty(world.inner, address):
            world.delete_account(address)
    succeeded = output.error is None
    return Ending(
        succeeded,
        int(output.gas_left),
        b"",
        int(output.refund_counter) if succeeded else 0,
        logs_of(output.logs),
        view(world),
        world.compute_root(),
    )


def _made(kind: Any, **values: Any) -> Any:
    """A record of EELS, of those fields that its fork has."""
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})


def _message(spec: Specification, world: World, case: Case) -> Any:
    from ethereum_types.bytes import Bytes, Bytes20, Bytes32
    from ethereum_types.numeric import U64, U256, Uint

    origin, target = Bytes20(ORIGIN), Bytes20(CONTRACTS[0])
    block = _made(
        spec.vm.BlockEnvironment,
        chain_id=U64(CHAIN_ID),
        state=world.inner,
        block_gas_limit=Uint(GAS_LIMIT),
        block_hashes=[Bytes32(bytes(32))] * NUMBER,
        coinbase=Bytes20(COINBASE),
        number=Uint(NUMBER),
        time=U256(TIME),
        difficulty=Uint(DIFFICULTY),
    )
    transaction = _made(
        spec.vm.TransactionEnvironment,
        origin=origin,
        gas_price=Uint(0),
        gas=Uint(case.gas),
        index_in_block=Uint(0),
        tx_hash=None,
    )
    return _made(
        spec.vm.Message,
        block_env=block,
        tx_env=transaction,
        caller=origin,
        target=target,
        current_target=target,
        gas=Uint(case.gas),
        value=U256(case.value),
        data=Bytes(case.data),
        code_address=target,
        code=case.codes[0],
        depth=Uint(0),
        should_transfer_value=True,
        is_static=False,
        parent_evm=None,
    )
