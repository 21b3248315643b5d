"""What a creation looks at, and in which order."""

from __future__ import annotations

import pytest
from evm_engines import Case, ours, prepare
from evm_programs import COINBASE, CONTRACTS, ORIGIN

from chain.state import MemoryStateStore, State
from chain.types import Hash32
from evm.environment import BlockEnvironment, Message, Outcome
from evm.forks import PARIS, PRAGUE
from evm.pyevm.instructions import INSTRUCTIONS, OPCODES
from evm.pyevm.machine import Machine
from evm.tracing import StructLogger

OTHERS = (b"\x00",) * 3


def creation(opcode: int, size: int, wei: int) -> bytes:
    """Code that creates with so much of its empty memory, and tells whether it went on."""
    salt = b"\x60\x00" if opcode == 0xF5 else b""
    code = salt + b"\x61" + size.to_bytes(2, "big") + b"\x60\x00\x60" + bytes((wei,))
    return code + bytes((opcode,)) + bytes.fromhex("60005260206000f3")


def outcome(case: Case, tracer: StructLogger | None = None) -> Outcome:
    state = State(MemoryStateStore())
    prepare(state, case)
    state.begin_transaction()
    block = BlockEnvironment(
        chain_id=901,
        number=100,
        timestamp=1_700_000_000,
        coinbase=COINBASE,
        prev_randao=Hash32(bytes(32)),
        gas_limit=30_000_000,
        base_fee=0,
        blob_base_fee=1,
        block_hash=lambda _number: None,
    )
    message = Message(ORIGIN, CONTRACTS[0], case.value, case.data, case.gas, 0)
    return Machine(state, block, tracer=tracer).run(message)


@pytest.mark.parametrize("opcode", [0xF0, 0xF5])
def test_init_code_above_the_limit_ends_the_creator_even_if_it_could_not_pay(opcode):
    ending = ours(Case((creation(opcode, 49_153, 200), *OTHERS), b"", 1_000_000, 0))
    assert not ending.succeeded
    assert ending.gas_left == 0


@pytest.mark.parametrize("opcode", [0xF0, 0xF5])
def test_init_code_at_the_limit_pushes_zero_where_the_wei_are_not_there(opcode):
    ending = ours(Case((creation(opcode, 49_152, 200), *OTHERS), b"", 1_000_000, 0))
    assert ending.succeeded
    assert ending.output == bytes(32)


def test_before_shanghai_init_code_has_neither_limit_nor_price():
    case = Case((creation(0xF0, 49_153, 200), *OTHERS), b"", 1_000_000, 0)
    free, paid = ours(case, PARIS), ours(Case((creation(0xF0, 32, 200), *OTHERS), b"", 99_999, 0))
    assert free.succeeded
    assert paid.succeeded
    assert ours(Case((creation(0xF0, 32, 200), *OTHERS), b"", 99_999, 0), PARIS).gas_left == (
        paid.gas_left + 2
    )


def test_every_opcode_but_those_of_the_loop_and_of_the_end_has_an_instruction():
    by_the_loop = {0x50, 0x56, 0x57, 0x58, 0x5A, 0x5B, *range(0x5F, 0xA0)}
    for value, row in OPCODES.items():
        assert (row.run is None) == (value in by_the_loop or row.end is not None), row.name
        assert INSTRUCTIONS[value] is row.run


def test_names_are_those_that_tracers_show():
    shown = {value: str(row.mnemonic) for value, row in PRAGUE.machine.opcodes.items()}
    ours_differ = {shown[value] for value in shown if OPCODES[value].name != shown[value]}
    assert ours_differ == {"SHA3"}


@pytest.mark.parametrize("opcode", [0xF0, 0xF5])
@pytest.mark.parametrize(("size", "wei"), [(49_153, 200), (49_152, 200), (32, 0)])
def test_a_traced_creation_ends_as_an_untraced_one(opcode, size, wei):
    case = Case((creation(opcode, size, wei), *OTHERS), b"", 1_000_000, 0)
    assert outcome(case, StructLogger()) == outcome(case)
