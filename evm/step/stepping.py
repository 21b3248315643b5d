"""The door of this package: one step, live, recorded or from its witness alone.

It is the same step each time; what differs is who opens the names (`opener.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chain.errors import StemmaError

from .block_begin import step_block_begin, step_system_call
from .block_end import step_block_end
from .copying import step_copy
from .entering import step_enter
from .hashing import step_hash
from .leaving import step_leave
from .loading import step_load
from .machine import Machine
from .names import size_of
from .opener import LiveOpener, RecordingOpener, WitnessOpener
from .precompiled import step_precompile
from .rules import StepRules
from .running import step_run
from .state import Phase, State, commitment_of
from .transaction_begin import step_transaction_begin
from .transaction_end import step_transaction_end


class NoSuchPhase(StemmaError):
    """A state is in a phase in which this machine takes no step."""


def _stay(_: Machine) -> None:
    """The last state stays as it is."""


PHASES: Final[dict[int, Callable[[Machine], None]]] = {
    Phase.BLOCK_BEGIN: step_block_begin,
    Phase.SYSTEM_CALL: step_system_call,
    Phase.TRANSACTION_BEGIN: step_transaction_begin,
    Phase.TRANSACTION_END: step_transaction_end,
    Phase.BLOCK_END: step_block_end,
    Phase.RUN: step_run,
    Phase.COPY: step_copy,
    Phase.HASH: step_hash,
    Phase.ENTER: step_enter,
    Phase.PRECOMPILE: step_precompile,
    Phase.LEAVE: step_leave,
    Phase.LOAD: step_load,
    Phase.VALID: _stay,
    Phase.INVALID: _stay,
}
"""What one step does, by phase."""


def advance(m: Machine) -> None:
    """Take one step. Raises NoSuchPhase."""
    phase = PHASES.get(m.phase)
    if phase is None:
        raise NoSuchPhase(f"no step from phase {m.phase}: expected one of {sorted(PHASES)}")
    phase(m)


def record(state: State, live: LiveOpener, rules: StepRules) -> tuple[State, bytes]:
    """Take one step from a state that is known; the state after it, and the step's witness."""
    recorder = RecordingOpener(live)
    opened = recorder.open(state, State)
    machine = Machine(opened, recorder, rules)
    advance(machine)
    return machine.state(), recorder.witness


def step(commitment: bytes, witness: bytes, rules: StepRules) -> bytes:
    """The commitment after a step, from that before it and the witness alone.

    Raises WitnessError where the witness does not prove the step, NoSuchPhase where there is none.
    """
    opener = WitnessOpener(witness)
    data = opener.commitment(size_of(State))
    opener.check(commitment, commitment_of(data), "witness item 0, state")
    machine = Machine(State.decode(data), opener, rules)
    advance(machine)
    opener.finish()
    return machine.state().commitment
