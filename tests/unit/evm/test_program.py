"""Code made ready to run, and what memory costs."""

from __future__ import annotations

import pytest
from eth.exceptions import OutOfGas

from evm.pyevm.memory import grow, touch
from evm.pyevm.program import Program


def test_push_data_is_no_jump_target():
    program = Program(bytes.fromhex("605b5b5b"))
    assert program.jump_targets == {2, 3}
    assert program.pushes == {0: (0x5B, 2)}


def test_push_cut_off_by_the_end_is_filled_with_zeros_and_stops():
    program = Program(bytes.fromhex("62aa"))
    assert program.pushes == {0: (0xAA0000, 2)}
    assert program.code[2] == 0x00


@pytest.mark.parametrize(("end", "cost"), [(1, 3), (32, 3), (33, 6), (32 * 724, 724 * 3 + 1023)])
def test_memory_costs_what_the_yellow_paper_says(end, cost):
    memory = bytearray()
    assert grow(memory, end, 10_000) == 10_000 - cost
    assert len(memory) == (end + 31) // 32 * 32


def test_memory_nobody_can_pay_for_is_out_of_gas_at_once():
    memory = bytearray()
    with pytest.raises(OutOfGas):
        grow(memory, 2**256, 30_000_000)
    assert memory == b""


def test_empty_range_extends_nothing():
    memory = bytearray()
    assert touch(memory, 2**255, 0, 5) == 5
    assert memory == b""
