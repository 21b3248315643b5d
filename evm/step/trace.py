"""A run as a list of states: the commitment at any index, the witness of any step.

Every state shares all but a few nodes with the one before, so a state is kept every `interval`
steps, sooner behind dear ones, hashed, and what lies between is run again when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from chain.errors import StemmaError

from .machine import Machine
from .names import is_nothing
from .opener import LiveOpener
from .rules import StepRules
from .state import Phase, State
from .stepping import advance, record

INTERVAL: Final = 128
DEAR: Final = frozenset(
    {Phase.TRANSACTION_BEGIN, Phase.TRANSACTION_END, Phase.HASH, Phase.PRECOMPILE}
)
"""Phases whose steps may hash a kilobyte by blocks, or pair points: up to 400 opcodes' time."""
_DEAR_WEIGHT: Final = 64
LAST: Final = frozenset({Phase.VALID, Phase.INVALID})


def is_over(machine: Machine) -> bool:
    """Whether no step leads on: the block is done, or a message that belongs to no block is."""
    if machine.phase in LAST:
        return True
    is_message = machine.phase == Phase.TRANSACTION_END
    return is_message and is_nothing(machine.transaction.rest)


class Trace:
    """All states from a first one to the last, which is the one that no step leads on from."""

    def __init__(
        self, first: State, opener: LiveOpener, rules: StepRules, *, interval: int = INTERVAL
    ) -> None:
        """Run to the end. `interval` is the number of opcodes between two states that are kept."""
        self._opener = opener
        self._rules = rules
        self._kept = [first]
        self._places = [0]
        self.steps = 0
        machine, weight = Machine(first, opener, rules), 0
        while not is_over(machine):
            weight += _DEAR_WEIGHT if machine.phase in DEAR else 1
            advance(machine)
            self.steps += 1
            if weight >= interval:
                self._kept.append(_hashed(machine))
                self._places.append(self.steps)
                weight = 0
        self.last = _hashed(machine)

    def state(self, index: int) -> State:
        """The state before step `index`; behind the last step the last one stays.

        Raises StemmaError for a negative index.
        """
        return self._machine(index).state() if index < self.steps else self.last

    def commitment(self, index: int) -> bytes:
        """Its commitment."""
        return self.state(index).commitment

    def witness(self, index: int) -> tuple[State, bytes, State]:
        """The state before a step, the step's witness, and the state after it."""
        before = self.state(index)
        after, witness = record(before, self._opener, self._rules)
        return before, witness, after

    def states(self) -> Iterator[State]:
        """Every state, the first to the last."""
        machine = Machine(self._kept[0], self._opener, self._rules)
        for _ in range(self.steps):
            yield machine.state()
            advance(machine)
        yield self.last

    def _machine(self, index: int) -> Machine:
        if index < 0:
            raise StemmaError(f"step {index} of a trace of {self.steps}: a step has no such number")
        place = bisect_right(self._places, index) - 1
        machine = Machine(self._kept[place], self._opener, self._rules)
        for _ in range(index - self._places[place]):
            advance(machine)
        return machine


def _hashed(machine: Machine) -> State:
    """The state as it is, with its name known, so that no later question has to hash so much."""
    state = machine.state()
    _ = state.name
    return state
