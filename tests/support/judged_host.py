"""A host of natives whose steps the one-step verifier takes too."""

from __future__ import annotations

import random
from dataclasses import replace

from step_host import StepHost
from step_runs import Step
from step_verifier import Judge, StepVerifier

from evm.precompiles import NATIVE_PRECOMPILES
from evm.step.opener import encode_witness, witness_items
from evm.step.state import Phase, State
from evm.step.stepping import record
from rollup.settlement.step_verifier import ForkRules

RULES = ForkRules.BLS | ForkRules.DELEGATIONS | ForkRules.NATIVES
MOST_GAS = 1 << 24
"""EIP-7825."""


class JudgedHost(StepHost):
    """Each step of a native has to be decided, and as the machine does, while `judges` is True.

    A step that lacks a slot becomes a load and is taken again: of those one in `loads` is judged.
    While `proves` is False, steps are taken fast and without witnesses.
    """

    def __init__(
        self, verifier: StepVerifier, mutants: int = 0, *, judges: bool = True, loads: int = 1
    ) -> None:
        super().__init__(NATIVE_PRECOMPILES)
        self.judge, self.rnd, self.mutants = Judge(verifier), random.Random(4), mutants
        self.judges, self.loads = judges, loads

    def _run(self, state: State) -> State:
        if not self.proves:
            return super()._run(state)
        while state.phase != Phase.TRANSACTION_END:
            state = self.step(state)
        return state

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self._block = replace(self._block, timestamp=self._block.timestamp + seconds)

    def step(self, state: State) -> State:
        """One step; if it is a native's and the host judges, the verifier's too."""
        after, witness = record(state, self._opener, self._rules)
        is_left_out = after.phase == Phase.LOAD and self.rnd.randrange(self.loads)
        if state.phase == Phase.PRECOMPILE and self.judges and not is_left_out:
            first, *items = witness_items(witness)
            step = Step(state.phase, 0, first, encode_witness(items), after.commitment, "native")
            self.judge.step(step)
            self.judge.mutants(step, self.rnd, self.mutants)
            assert self.judge.found.wrong == []
            assert not self.judge.found.unsupported
        return after
