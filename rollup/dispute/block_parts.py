"""Which steps of a block's trace belong to which transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chain.errors import StemmaError
from evm.step.machine import Machine
from evm.step.names import is_nothing
from evm.step.state import Phase
from evm.step.stepping import advance

from .block_steps import BlockSteps


class NoSuchStep(StemmaError):
    """The block has no such transaction, or the transaction no such step."""


@dataclass(frozen=True, slots=True)
class BlockParts:
    """The trace's steps: those before the transactions, each transaction's, those behind them."""

    begin: range
    transactions: Sequence[range]
    end: range

    def part(self, name: int | str) -> range:
        """The steps of `begin`, of `end`, or of a transaction by its index. Raises NoSuchStep."""
        if name == "begin":
            return self.begin
        if name == "end":
            return self.end
        if not isinstance(name, int) or not 0 <= name < len(self.transactions):
            raise NoSuchStep(
                f"no transaction {name}: the block has {len(self.transactions)}, the first is 0; "
                "its other parts are `begin` and `end`"
            )
        return self.transactions[name]

    def step(self, name: int | str, step: int) -> int:
        """The index in the block's trace of a step of a part. Raises NoSuchStep."""
        steps = self.part(name)
        if not 0 <= step < len(steps):
            raise NoSuchStep(f"no step {step}: {name} has {len(steps)} steps, the first is 0")
        return steps[step]


def parts_of(steps: BlockSteps) -> BlockParts:
    """Run through a trace and see where each transaction is taken up."""
    machine = Machine(steps.begun.first, steps.begun.opener, steps.begun.rules)
    starts: list[int] = []
    for index in range(steps.trace.steps):
        if machine.phase == Phase.BLOCK_BEGIN:
            # A block that is not in order begins again with its deposits alone.
            starts.clear()
        elif machine.phase == Phase.TRANSACTION_BEGIN and is_nothing(machine.pending):
            starts.append(index)
        advance(machine)
    if not starts:
        return BlockParts(range(steps.trace.steps), (), range(0))
    bounds = [*starts, steps.trace.steps]
    ranges = [range(first, last) for first, last in pairwise(bounds)]
    return BlockParts(range(starts[0]), ranges[:-1], ranges[-1])
