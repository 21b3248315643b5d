"""A tiny machine to test the rules of dispute games with: a block is a counter that runs to LENGTH.

It is a real state machine with a twin on L1 (counter_vm.vy), and has the shape of the real one: a
state of 129 bytes, commitments whose first byte is the status, a first state that the game makes.
An output root is keccak(block number u64 ‖ output root before).

    begin (0)    opens the bounds and the agreed root; a root of the block itself ends the run
    run (1)      adds one to the counter; at LENGTH computes the output root
    done (9)     stays; the status comes from the bounds, which are the step's local context
"""

from __future__ import annotations

from functools import cache

from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.types import Hash32
from rollup.dispute.split import ExecutionBounds
from rollup.dispute.trace import StepData

LENGTH = 5
BEGIN, RUN, DONE = 0, 1, 9
UNFINISHED = 3


class BadWitness(StemmaError):
    """The machine refuses a state or a witness."""


@cache
def output_root(number: int) -> Hash32:
    """The true output root of a block."""
    return keccak256(output_preimage(number))


def output_preimage(number: int) -> bytes:
    """What an output root is the hash of."""
    return number.to_bytes(8, "big") + (output_root(number - 1) if number else bytes(32))


def state_bytes(phase: int, pending: bytes, counter: int = 0) -> bytes:
    """A state; the counter stands in the place of the effects."""
    return bytes([phase]) + pending + bytes(32) + counter.to_bytes(32, "big") + bytes(32)


def commitment(status: int, state: bytes) -> Hash32:
    """status ‖ keccak(state)[1:]."""
    return Hash32(bytes([status]) + keccak256(state)[1:])


def step(state: bytes, proof: bytes, context: Hash32) -> Hash32:
    """Run one step. Raises BadWitness."""
    if len(state) != 129:
        raise BadWitness(f"state of {len(state)} bytes")
    phase, pending, counter = state[0], state[1:33], int.from_bytes(state[65:97], "big")
    if phase == RUN and counter + 1 < LENGTH:
        return commitment(UNFINISHED, state_bytes(RUN, pending, counter + 1))
    bounds = proof[:136]
    if len(bounds) != 136 or keccak256(bounds) != context:
        raise BadWitness("the bounds are not those of the trace")
    agreed, disputed, number = bounds[:32], bounds[32:64], bounds[64:72]
    if phase == DONE:
        computed = pending
    elif pending != context:
        raise BadWitness("the state is of another trace")
    elif phase == BEGIN:
        opened = proof[136:]
        if len(opened) != 40 or keccak256(opened) != agreed:
            raise BadWitness("the agreed output root is not opened")
        if opened[:8] != number:
            return commitment(UNFINISHED, state_bytes(RUN, pending))
        computed = agreed
    elif phase == RUN:
        computed = keccak256(number + agreed)
    else:
        raise BadWitness(f"phase {phase}")
    return commitment(0 if computed == disputed else 1, state_bytes(DONE, computed))


class CounterSteps:
    """The trace between two output roots, of which the first has to be true."""

    def __init__(self, bounds: ExecutionBounds) -> None:
        self.bounds = bounds
        numbers = [n for n in (bounds.l2_number - 1, bounds.l2_number) if n >= 0]
        (self._agreed,) = [n for n in numbers if output_root(n) == bounds.agreed]
        self._length = LENGTH if self._agreed != bounds.l2_number else 0

    def _state(self, index: int) -> bytes:
        """The state after step `index`; -1: the first."""
        if index < 0:
            return self.bounds.first_state
        if index >= self._length:
            return state_bytes(DONE, output_root(self.bounds.l2_number))
        return state_bytes(RUN, self.bounds.pending, index)

    def commitment(self, index: int) -> Hash32:
        status = UNFINISHED
        if index >= self._length:
            status = 0 if output_root(self.bounds.l2_number) == self.bounds.disputed else 1
        return commitment(status, self._state(index))

    def step_data(self, index: int) -> StepData:
        proof = self.bounds.encode()
        if index == 0:
            proof += output_preimage(self._agreed)
        return StepData(self._state(index - 1), proof)


class CounterOutputs:
    """The honest view of the counter's chain."""

    def output_root(self, l2_number: int) -> Hash32:
        return output_root(l2_number)

    def steps(self, bounds: ExecutionBounds) -> CounterSteps:
        return CounterSteps(bounds)
