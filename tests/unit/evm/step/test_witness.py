"""What a witness must be: every refusal by its name, and nothing else gets through."""

from __future__ import annotations

import pytest
from evm_engines import Case
from evm_programs import CONTRACTS
from step_machine import begun

from evm.step.errors import MissingPreimage, WitnessError
from evm.step.opener import LiveOpener, encode_witness, witness_items
from evm.step.state import Phase, State
from evm.step.stepping import NoSuchPhase, step
from evm.step.trace import Trace

ADD = bytes.fromhex("6002600301")
"""PUSH1 2, PUSH1 3, ADD."""


@pytest.fixture(scope="module")
def addition():
    """Rules, the state before an ADD, and its witness."""
    case = Case((ADD, b"", b"", b""), b"", 100_000, 0)
    begin = begun(case)
    trace = Trace(begin.first, begin.opener, begin.rules)
    index = next(
        number
        for number, state in enumerate(trace.states())
        if state.phase == Phase.RUN and begin.opener.open(state.frame, type(state.frame)).pc == 4
    )
    before, witness, after = trace.witness(index)
    return begin.rules, before.commitment, witness, after.commitment


def test_a_witness_is_the_state_the_frame_the_code_and_the_operands(addition):
    rules, before, witness, after = addition
    assert [len(item) for item in witness_items(witness)] == [129, 186, 33, 64, 64]
    assert step(before, witness, rules) == after


def test_another_state_is_refused(addition):
    rules, before, witness, _ = addition
    with pytest.raises(WitnessError, match="item 0, state: hash is"):
        step(before[:-1] + bytes((before[-1] ^ 1,)), witness, rules)


def test_another_status_is_refused(addition):
    rules, before, witness, _ = addition
    with pytest.raises(WitnessError, match="item 0, state: hash is"):
        step(b"\x00" + before[1:], witness, rules)


def test_a_changed_word_is_refused(addition):
    rules, before, witness, _ = addition
    items = witness_items(witness)
    items[-1] = items[-1][:-1] + b"\x07"
    with pytest.raises(WitnessError, match="item 4, Item: hash is"):
        step(before, encode_witness(items), rules)


def test_a_longer_item_is_refused(addition):
    rules, before, witness, _ = addition
    items = witness_items(witness)
    items[1] += b"\x00"
    with pytest.raises(WitnessError, match="item 1, Frame: 187 bytes, expected 186"):
        step(before, encode_witness(items), rules)


def test_bytes_left_over_are_refused(addition):
    rules, before, witness, _ = addition
    with pytest.raises(WitnessError, match="3 bytes left over behind item 4"):
        step(before, witness + bytes(3), rules)


@pytest.mark.parametrize("size", [0, 2, 3, 100, 131, 400])
def test_a_witness_that_is_cut_off_is_refused(addition, size):
    rules, before, witness, _ = addition
    with pytest.raises(WitnessError):
        step(before, witness[:size], rules)


def test_the_same_thing_twice_stands_there_twice(addition):
    rules, before, witness, _ = addition
    items = witness_items(witness)
    with pytest.raises(WitnessError, match="left over"):
        step(before, encode_witness([*items, items[-1]]), rules)


def test_no_step_from_a_phase_that_is_not_one(addition):
    rules = addition[0]
    state = State(99, bytes(32), bytes(32), bytes(32), bytes(32))
    with pytest.raises(NoSuchPhase, match="phase 99"):
        step(state.commitment, encode_witness([state.encode()]), rules)


@pytest.mark.parametrize(("phase", "status"), [(Phase.VALID, 0), (Phase.INVALID, 1)])
def test_the_last_state_stays(addition, phase, status):
    state = State(phase, bytes(32), bytes(32), bytes(32), bytes(32))
    assert state.commitment[0] == status
    assert step(state.commitment, encode_witness([state.encode()]), addition[0]) == state.commitment


def test_a_trace_says_which_preimage_it_lacks():
    with pytest.raises(MissingPreimage, match="0x" + "07" * 32):
        LiveOpener({}.get).raw(b"\x07" * 32, 100)


def test_commitments_of_a_trace_are_those_of_its_states():
    case = Case((ADD * 200, b"", b"", b""), b"", 100_000, 0)
    begin = begun(case)
    trace = Trace(begin.first, begin.opener, begin.rules, interval=64)
    commitments = [state.commitment for state in trace.states()]
    assert len(commitments) == trace.steps + 1
    for index in (0, 1, 63, 64, 65, 200, trace.steps, trace.steps + 5):
        assert trace.commitment(index) == commitments[min(index, trace.steps)]
    assert (
        CONTRACTS[0]
        in begin.opener.open(trace.last.pending, type(trace.last.pending)).call.encode()
    )
