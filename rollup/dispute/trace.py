"""What the honest side knows: output roots above the split depth, steps of a trace below it.

`TraceProvider` is all that the strategy asks. `SplitTrace` makes one out of two simpler things: the
output root of a block, and the steps between two output roots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from chain.errors import Recovery, StemmaError
from chain.types import Hash32

from .game import Game
from .position import Position, depth, trace_index
from .position import move as moved
from .split import ExecutionBounds, block_number, bounds_below, execution_bounds


class TraceUnknown(StemmaError):
    """The honest side cannot tell yet, or not at all, what is true at a position."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


@dataclass(frozen=True, slots=True)
class StepData:
    """What a step is made from: the state before it (its bytes), and the witness."""

    state_data: bytes
    proof: bytes


class TraceProvider(Protocol):
    """The honest answers in one game."""

    def claim_at(self, game: Game, parent_index: int | None, position: Position) -> Hash32:
        """What is true at a position, in answer to that claim (None: the root itself)."""
        ...

    def step_data(self, game: Game, claim_index: int, position: Position) -> StepData:
        """What runs the step at a leaf `position` of the trace to which that claim belongs."""
        ...


class Steps(Protocol):
    """The trace of one block between two output roots; step 0 runs from the first state."""

    def commitment(self, index: int) -> Hash32:
        """Commitment after step `index`; behind the trace's end that of its last state."""
        ...

    def step_data(self, index: int) -> StepData:
        """The state before step `index`, and its witness."""
        ...


class Outputs(Protocol):
    """Output roots by block, and the steps that lead from one to the next."""

    def output_root(self, l2_number: int) -> Hash32:
        """The output root of a block. Raises TraceUnknown where it is not known."""
        ...

    def steps(self, bounds: ExecutionBounds) -> Steps:
        """The trace between two output roots. Raises TraceUnknown where it cannot be made."""
        ...


class SplitTrace:
    """Output roots down to the split depth, steps below."""

    def __init__(self, outputs: Outputs) -> None:
        """Keep where the answers come from."""
        self._outputs = outputs

    def claim_at(self, game: Game, parent_index: int | None, position: Position) -> Hash32:
        """See TraceProvider."""
        rules = game.parameters
        if depth(position) <= rules.split_depth:
            number = block_number(game.subject, position, rules.split_depth)
            return self._outputs.output_root(number)
        assert parent_index is not None  # noqa: S101 - the root stands above the split
        steps = self._outputs.steps(_bounds(game, parent_index, position))
        return steps.commitment(step_index(game, position))

    def step_data(self, game: Game, claim_index: int, position: Position) -> StepData:
        """See TraceProvider."""
        steps = self._outputs.steps(execution_bounds(game, claim_index))
        return steps.step_data(step_index(game, position))


def step_index(game: Game, position: Position) -> int:
    """The step of its trace behind which a claim at this position speaks of the state."""
    rules = game.parameters
    leaves = 1 << (rules.max_depth - rules.split_depth - 1)
    return trace_index(position, rules.max_depth) % leaves


def _bounds(game: Game, parent_index: int, position: Position) -> ExecutionBounds:
    parent = game.claims[parent_index]
    if depth(parent.position) > game.parameters.split_depth:
        return execution_bounds(game, parent_index)
    is_attack = moved(parent.position, is_attack=True) == position
    return bounds_below(game, parent_index, is_attack=is_attack)
