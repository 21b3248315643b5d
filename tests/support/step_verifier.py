"""The one-step verifier on the bench, and what it says to steps of the step machine."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from contract_bench import SENDER, ContractBench, Outcome, call_data
from step_mutations import mutants
from step_runs import WHOLE_CODES, Step, stage_of

from evm.intrinsic_gas import required_gas
from rollup.settlement.step_verifier import PRAGUE, SIGNATURE, ForkRules, verifier_creations

UNSUPPORTED_STEP = "UnsupportedStep(uint8,uint8)"
UNSUPPORTED_PRECOMPILE = "UnsupportedPrecompile(address)"


class StepVerifier:
    """Router and kinds, deployed once. Steps change nothing, so calls do not influence another."""

    def __init__(self, rules: ForkRules = PRAGUE) -> None:
        self.bench = ContractBench()
        self.sizes: dict[str, int] = {}
        self._names: dict[bytes, str] = {}
        for creation in verifier_creations(SENDER, 0, rules):
            address = self.bench.deploy(creation.data)
            assert address == creation.address, creation.contract
            self.sizes[creation.contract] = len(self.bench.state.get_code(address))
            self._names[address] = creation.contract
            self.router = address

    def step(self, state: bytes, proof: bytes) -> Outcome:
        """What the router answers; its output is the commitment after the step."""
        return self.bench.send(self.router, self.data(state, proof))

    def contract_of(self, step: Step) -> str:
        """Which contract decides a step."""
        if step.kind in WHOLE_CODES:
            return "CodeStep"
        return self.kind_of(step.phase, step.opcode or stage_of(step.kind)) or "none"

    def kind_of(self, phase: int, detail: int) -> str | None:
        """Which contract decides a phase and an opcode, stage or native; None: no contract."""
        address = self.bench.view(self.router, "kindOf(uint8,uint8)", ["address"], phase, detail)
        return self._names.get(bytes(address))

    @staticmethod
    def data(state: bytes, proof: bytes) -> bytes:
        """The call's data."""
        return call_data(SIGNATURE, state, proof, bytes(32))

    def transaction_gas(self, step: Step, outcome: Outcome) -> int:
        """Gas of a whole transaction that does nothing but take the step."""
        intrinsic, floor = required_gas(self.data(step.state, step.proof), is_create=False)
        return max(intrinsic + outcome.gas_used, floor)


@dataclass
class Figures:
    """What steps of one kind were like."""

    contract: str
    gas: list[int] = field(default_factory=list)
    witness_bytes: list[int] = field(default_factory=list)


@dataclass
class Judgement:
    """What the verifier made of steps and of wrong witnesses for them."""

    steps: int = 0
    mutants: int = 0
    wrong: list[str] = field(default_factory=list)
    """Steps that were not answered as the machine does, and wrong witnesses that were accepted."""
    unsupported: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Figures] = field(default_factory=dict)

    def gas(self) -> list[int]:
        """Of the whole transaction, for each step that was answered."""
        return [gas for figures in self.kinds.values() for gas in figures.gas]


class Judge:
    """Compares the verifier with the step machine, and counts."""

    def __init__(self, verifier: StepVerifier) -> None:
        self.verifier = verifier
        self.found = Judgement()

    def step(self, step: Step) -> None:
        """The right witness: the same commitment, or a refusal by name."""
        outcome = self.verifier.step(step.state, step.proof)
        self.found.steps += 1
        if outcome.refused_with(UNSUPPORTED_STEP) or outcome.refused_with(UNSUPPORTED_PRECOMPILE):
            self.found.unsupported[step.kind] += 1
        elif outcome.succeeded and outcome.output == step.after:
            contract = self.verifier.contract_of(step)
            figures = self.found.kinds.setdefault(step.kind, Figures(contract))
            figures.gas.append(self.verifier.transaction_gas(step, outcome))
            figures.witness_bytes.append(len(step.proof))
        else:
            told = outcome.output.hex() if outcome.succeeded else repr(outcome.output)
            self.found.wrong.append(
                f"{step.kind}: {told}, expected {step.after.hex()}; state {step.state.hex()}, "
                f"witness {step.proof.hex()}"
            )

    def mutants(self, step: Step, rnd: random.Random, count: int) -> None:
        """Wrong witnesses for the step: all have to be refused."""
        for mutant in mutants(step.proof, rnd, count):
            self.found.mutants += 1
            if self.verifier.step(step.state, mutant).succeeded:
                self.found.wrong.append(
                    f"{step.kind}: state {step.state.hex()} accepted {mutant.hex()}, "
                    f"which is not {step.proof.hex()}"
                )
