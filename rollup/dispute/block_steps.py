"""The trace of one block as a game asks for it: commitments and step data by index.

A game counts commitments after a step, a `Trace` the states before one. Which lie or truth the
states tell is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chain.types import Hash32
from evm.step.machine import Machine
from evm.step.opener import LiveOpener, encode_witness, witness_items
from evm.step.rules import StepRules
from evm.step.state import State
from evm.step.trace import Trace

from .trace import StepData


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a trace begins: its first state, what its steps open, and the rules."""

    first: State
    opener: LiveOpener
    rules: StepRules

    def run(self) -> BlockSteps:
        """Run to the end. Raises MissingPreimage."""
        return BlockSteps(self, Trace(self.first, self.opener, self.rules))


class BlockSteps:
    """A whole trace. See Steps: behind the last step the last state stays."""

    def __init__(self, begun: Begun, trace: Trace) -> None:
        """Keep a trace and where it has begun."""
        self.begun = begun
        self.trace = trace

    @property
    def output_root(self) -> Hash32:
        """What the last state is left with: the output root, or nothing for a block that fails."""
        return Hash32(self.trace.last.encode()[1:33])

    def commitment(self, index: int) -> Hash32:
        """See Steps."""
        return Hash32(self.trace.commitment(index + 1))

    def step_data(self, index: int) -> StepData:
        """See Steps."""
        before, witness, _ = self.trace.witness(index)
        state, *proof = witness_items(witness)
        assert state == before.encode()  # noqa: S101 - a step opens its state first
        return StepData(state, encode_witness(proof))


class SteppedAside:
    """An honest trace up to a step, and behind it one that goes on from a state of its own."""

    def __init__(self, honest: BlockSteps, lie: int, change: Callable[[Machine], None]) -> None:
        """`change` is given the machine right behind step `lie`, and puts into it what is false."""
        begun = honest.begun
        machine = Machine(honest.trace.state(lie + 1), begun.opener, begun.rules)
        change(machine)
        self.lie = lie
        self._honest = honest
        self._behind = Begun(machine.state(), begun.opener, begun.rules).run()

    @property
    def output_root(self) -> Hash32:
        """What the lie leads to."""
        return self._behind.output_root

    def commitment(self, index: int) -> Hash32:
        """See Steps."""
        if index < self.lie:
            return self._honest.commitment(index)
        return self._behind.commitment(index - self.lie - 1)

    def step_data(self, index: int) -> StepData:
        """See Steps. The false step itself has the witness of the true one."""
        if index <= self.lie:
            return self._honest.step_data(index)
        return self._behind.step_data(index - self.lie - 1)
