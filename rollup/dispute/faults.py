"""Lies to be planted by a development network: what they are about, and a trace that tells them.

A lying proposer is an honest one over another view of the chain: true below a block, false from
there on; and in the trace of that block true up to the step at which the lie is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.transaction import Transaction
from chain.types import ZERO_HASH, Hash32

from .block_steps import BlockSteps, SteppedAside
from .game import Game
from .input_lies import INPUT_LIES
from .lie import FaultKind
from .lies import needed, places
from .position import Position
from .split import ExecutionBounds, VmStatus
from .trace import Outputs, SplitTrace, StepData, Steps


class BadFault(StemmaError):
    """A fault that is none, or cannot be planted."""


class NoPlaceForFault(StemmaError):
    """The block has no step at which such a lie can be told."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A lie about one L2 block."""

    kind: FaultKind
    block: int


def parse_fault(text: str) -> Fault:
    """Read KIND@BLOCK. Raises BadFault."""
    name, _, number = text.partition("@")
    kinds = {kind.value: kind for kind in FaultKind}
    if name not in kinds:
        raise BadFault(f"fault {name!r} is none of {', '.join(kinds)}")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) < 2**63:
        raise BadFault(f"fault {text!r}: expected KIND@BLOCK with a block number from 1")
    return Fault(kinds[name], int(number))


class HonestOutputs(Outputs, Protocol):
    """The true outputs, whose steps are whole traces."""

    def steps(self, bounds: ExecutionBounds) -> BlockSteps:
        """See Outputs."""
        ...

    def bounds_of(self, l2_number: int) -> ExecutionBounds:
        """Bounds of the block for itself, in no game."""
        ...

    def transactions(self, l2_number: int) -> Sequence[Transaction]:
        """Those that a block has."""
        ...

    def steps_from(
        self, bounds: ExecutionBounds, transactions: Sequence[Transaction]
    ) -> BlockSteps:
        """The steps of the block, made of other transactions."""
        ...


class FaultyOutputs:
    """An honest view of the chain up to a fault, and a lying one behind it.

    A lie about a step is told by the machine itself: it goes on from a state that is false, so the
    fault's block has an output root of its own. Blocks behind it have hashes that are of nothing.
    """

    def __init__(
        self, honest: HonestOutputs, fault: Fault, *, has_proven_inputs: bool = False
    ) -> None:
        """Nothing is run before somebody asks for the fault's block. Where inputs are proven, what
        can be told of them is told of them rather than of execution.
        """
        self._honest = honest
        self._fault = fault
        self._input_lie = INPUT_LIES.get(fault.kind) if has_proven_inputs else None
        self._false_root: Hash32 | None = None
        self._told: tuple[ExecutionBounds, SteppedAside | BlockSteps] | None = None

    def output_root(self, l2_number: int) -> Hash32:
        """True below the fault's block; false, and another for each kind, from there on.

        Raises NoPlaceForFault, TraceUnknown.
        """
        root = self._honest.output_root(l2_number)
        if l2_number < self._fault.block:
            return root
        if l2_number == self._fault.block:
            if self._false_root is None:
                self._false_root = self._lie(self._honest.bounds_of(l2_number)).output_root
            return self._false_root
        return keccak256(b"fault:" + self._fault.kind.value.encode() + root)

    def steps(self, bounds: ExecutionBounds) -> Steps:
        """True up to the faulty step where the trace begins honestly; else all false."""
        believed = self.output_root(bounds.l2_number)
        if bounds.l2_number < self._fault.block:
            return self._honest.steps(bounds)
        if bounds.l2_number > self._fault.block:
            return FaultySteps(None, bounds, 0, believed)
        named = replace(bounds, inputs_root=None) if bounds.by_l1 else bounds
        if self._told is None or self._told[0] != named:
            self._told = (named, self._lie(named))
        return self._told[1]

    def _lie(self, bounds: ExecutionBounds) -> SteppedAside | BlockSteps:
        if self._input_lie is not None:
            return self._made_of_others(bounds)
        honest = self._honest.steps(bounds)
        for lie, change in places(honest, self._fault.kind):
            aside = SteppedAside(honest, lie, change)
            if aside.output_root not in (honest.output_root, ZERO_HASH):
                return aside
        raise self._no_place(needed(self._fault.kind))

    def _made_of_others(self, bounds: ExecutionBounds) -> BlockSteps:
        assert self._input_lie is not None  # noqa: S101 - asked before
        found = self._input_lie.falsified(self._honest.transactions(bounds.l2_number))
        if found is None:
            raise self._no_place(self._input_lie.needs)
        return self._honest.steps_from(bounds, found[0])

    def _no_place(self, needs: str) -> NoPlaceForFault:
        return NoPlaceForFault(
            f"fault {self._fault.kind.value}: no place for it in L2 block {self._fault.block}, "
            f"which needs {needs}"
        )


class OneLie:
    """A proposer's view who lies about one block and in the game about it, and nowhere else.

    Games about blocks behind it begin at the truth and are true, so a network with a lie in it
    has one game to lose.
    """

    def __init__(
        self, honest: HonestOutputs, fault: Fault, *, has_proven_inputs: bool = False
    ) -> None:
        """See FaultyOutputs."""
        self._block = fault.block
        self._honest = honest
        self._lying = FaultyOutputs(honest, fault, has_proven_inputs=has_proven_inputs)
        self._true, self._false = SplitTrace(honest), SplitTrace(self._lying)

    def output_root(self, l2_number: int) -> Hash32:
        """What to claim of a block. Raises NoPlaceForFault, TraceUnknown."""
        outputs = self._lying if l2_number == self._block else self._honest
        return outputs.output_root(l2_number)

    def claim_at(self, game: Game, parent_index: int | None, position: Position) -> Hash32:
        """See TraceProvider."""
        return self._of(game).claim_at(game, parent_index, position)

    def step_data(self, game: Game, claim_index: int, position: Position) -> StepData:
        """See TraceProvider."""
        return self._of(game).step_data(game, claim_index, position)

    def _of(self, game: Game) -> SplitTrace:
        return self._false if game.subject.l2_number == self._block else self._true


class FaultySteps:
    """The steps of an honest trace up to `first_lie`; false ones from there on."""

    def __init__(
        self, honest: Steps | None, bounds: ExecutionBounds, first_lie: int, believed: Hash32
    ) -> None:
        """`believed` is the output root to which the liar says that the trace leads."""
        self._honest = honest
        self._bounds = bounds
        self._first_lie = first_lie
        self._last = VmStatus.VALID if believed == bounds.disputed else VmStatus.INVALID

    def commitment(self, index: int) -> Hash32:
        """See Steps."""
        if self._honest is not None and index < self._first_lie:
            return self._honest.commitment(index)
        bounds = self._bounds
        false = keccak256(b"fault:" + bounds.agreed + bounds.disputed + index.to_bytes(8, "big"))
        return Hash32(bytes([self._last]) + false[1:])

    def step_data(self, index: int) -> StepData:
        """See Steps: the honest one, for a lie has no witness."""
        if self._honest is None:
            return StepData(self._bounds.first_state, b"")
        return self._honest.step_data(index)
