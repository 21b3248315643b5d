"""A host of the step machine whose native steps the one-step verifier takes too."""

from __future__ import annotations

import random
from dataclasses import replace

from natives import PROOF_OF_ATTRIBUTION, WORKER, Natives, ascending_shares
from step_host import StepHost
from step_runs import Step
from step_verifier import Judge

from chain.attestation import shares_proof
from evm.precompiles import NATIVE_PRECOMPILES
from evm.step.opener import encode_witness, witness_items
from evm.step.state import Phase
from evm.step.stepping import record
from rollup.settlement.step_verifier import ForkRules

RULES = ForkRules.BLS | ForkRules.DELEGATIONS | ForkRules.NATIVES
MOST_GAS = 1 << 24
SHARES = ascending_shares(500_001, 300_000, 199_999)


class JudgedHost(StepHost):
    """Judges steps once a test asks for it.

    A step that lacks a slot becomes a load and is taken again: of those one in `loads` is judged,
    and of other steps as many wrong witnesses as `mutants` says.
    """

    def __init__(self, verifier):
        super().__init__(NATIVE_PRECOMPILES)
        self.judge, self.rnd = Judge(verifier), random.Random(4)
        self.judges, self.mutants, self.loads = False, 0, 100

    def _run(self, state):
        while state.phase != Phase.TRANSACTION_END:
            state = self.step(state)
        return state

    def wait(self, seconds):
        """Let time pass."""
        self._block = replace(self._block, timestamp=self._block.timestamp + seconds)

    def step(self, state):
        after, witness = record(state, self._opener, self._rules)
        is_load = after.phase == Phase.LOAD
        if (
            state.phase == Phase.PRECOMPILE
            and self.judges
            and not (is_load and self.rnd.randrange(self.loads))
        ):
            first, *items = witness_items(witness)
            step = Step(state.phase, 0, first, encode_witness(items), after.commitment, "native")
            self.judge.step(step)
            self.judge.mutants(step, self.rnd, 0 if is_load else self.mutants)
            assert self.judge.found.wrong == []
            assert not self.judge.found.unsupported
        return after


def opened(verifier, value=400_000):
    """A market with an open request: host, natives, the request's id. It is judged from then on."""
    host = JudgedHost(verifier)
    natives = Natives(host)
    natives.register_adapter()
    identity = natives.open_request(value=value)
    host.judges = True
    return host, natives, identity


def settle_arguments(natives, identity, shares=SHARES, *, is_held=False, **tokens):
    """Arguments of `settle`."""
    statement = natives.inference_statement(identity, shares, **tokens)
    arguments = natives.settle_arguments(statement, shares)
    return (*arguments[:2], [], []) if is_held else arguments


def settle(natives, identity, shares=SHARES, *, by=WORKER, **options):
    """Settle a request, its shares paid at once or held."""
    arguments = settle_arguments(natives, identity, shares, **options)
    return natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=by)


def share_arguments(identity, index, shares=SHARES):
    """Arguments of `claimShare`."""
    return (identity, index, len(shares), *shares[index], shares_proof(shares, index))


def changed(data, changes):
    """Calldata with other words among its arguments, by their numbers."""
    words = dict(changes)
    return data[:4] + b"".join(
        words[index].to_bytes(32, "big")
        if index in words
        else data[4 + 32 * index : 36 + 32 * index]
        for index in range((len(data) - 4 + 31) // 32)
    )
