"""The one-step verifier on the bench, and what it says to steps of the step machine."""

from __future__ import annotations

from contract_bench import SENDER, ContractBench, Outcome, call_data
from step_runs import Step

from evm.intrinsic_gas import required_gas
from rollup.settlement.step_verifier import PRAGUE, SIGNATURE, ForkRules, verifier_creations


class StepVerifier:
    """Router and kinds, deployed once. Steps change nothing, so calls do not influence another."""

    def __init__(self, rules: ForkRules = PRAGUE) -> None:
        self.bench = ContractBench()
        self.sizes: dict[str, int] = {}
        for creation in verifier_creations(SENDER, 0, rules):
            address = self.bench.deploy(creation.data)
            assert address == creation.address, creation.contract
            self.sizes[creation.contract] = len(self.bench.state.get_code(address))
            self.router = address

    def step(self, state: bytes, proof: bytes) -> Outcome:
        """What the router answers; its output is the commitment after the step."""
        return self.bench.send(self.router, self.data(state, proof))

    @staticmethod
    def data(state: bytes, proof: bytes) -> bytes:
        """The call's data."""
        return call_data(SIGNATURE, state, proof, bytes(32))

    def transaction_gas(self, step: Step, outcome: Outcome) -> int:
        """Gas of a whole transaction that does nothing but take the step."""
        intrinsic, floor = required_gas(self.data(step.state, step.proof), is_create=False)
        return max(intrinsic + outcome.gas_used, floor)
