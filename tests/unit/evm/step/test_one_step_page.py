"""docs/protocol/one-step.md is true: its example is a step of this machine, its sizes are ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from evm_engines import Case
from step_machine import begun

from evm.step import state
from evm.step.names import size_of
from evm.step.opener import encode_witness
from evm.step.state import Frame, Phase
from evm.step.stepping import step
from evm.step.structures.world import Account, Code, Slot
from evm.step.trace import Trace

PAGE = (Path(__file__).parents[4] / "docs/protocol/one-step.md").read_text()
_, _, EXAMPLE = PAGE.partition("## A worked example")
PROGRAM = bytes.fromhex("6002600301")


def example_step():
    """Rules, the state before the ADD of the page's program, its witness, the state after it."""
    begin = begun(Case((PROGRAM, b"", b"", b""), b"", 100_000, 0))
    trace = Trace(begin.first, begin.opener, begin.rules)
    index = next(
        number
        for number, each in enumerate(trace.states())
        if each.phase == Phase.RUN and begin.opener.open(each.frame, Frame).pc == 4
    )
    return begin.rules, *trace.witness(index)


def in_example(label: str) -> bytes:
    """The hexadecimal digits behind a label of the example."""
    found = re.search(rf"^{label} +([0-9a-f \n]+)$", EXAMPLE, re.MULTILINE)
    assert found is not None, label
    return bytes.fromhex(found[1])


def test_the_example_is_a_step_of_this_machine():
    rules, before, witness, after = example_step()
    items = [in_example(label) for label in ("state", "frame", "chunk", "top", "next")]
    assert encode_witness(items) == witness
    assert in_example("before") == before.commitment
    assert in_example("after") == after.commitment
    assert step(in_example("before"), encode_witness(items), rules) == in_example("after")


@pytest.mark.parametrize(
    "kind",
    [
        "State", "Effects", "Frame", "Call", "Context", "Block", "Transaction", "Message",
        "Outcome", "Copy", "Log", "Hashing", "Load",
    ],
)  # fmt: skip
def test_sizes_are_those_of_the_page(kind):
    record = re.search(rf"^{kind.lower()} += (.*(?:\n  .*)*)", PAGE, re.MULTILINE)
    assert record is not None
    stated = re.search(r"(\d+) bytes", record[1])
    assert stated is not None
    assert int(stated[1]) == size_of(getattr(state, kind))


@pytest.mark.parametrize(("kind", "size"), [(Account, 121), (Slot, 72), (Code, 36)])
def test_sizes_of_entries_are_those_of_the_page(kind, size):
    assert size_of(kind) == size
    assert f"({size}" in PAGE
