"""What a step costs on L1, by contract: seeded steps of random programs and of whole blocks."""

from __future__ import annotations

import random
from itertools import islice
from statistics import median

from step_runs import random_steps
from step_verifier import Judge, StepVerifier
from stepped_chain import random_block_steps

from evm.forks import ISTHMUS
from evm.step_rules import step_rules_of
from rollup.settlement.step_verifier import fork_rules

STEPS = 1_200
SEED = 1_000


def measured() -> Judge:
    """The seeded steps, each judged once."""
    rules = step_rules_of(ISTHMUS)
    judge = Judge(StepVerifier(fork_rules(rules)))
    programs = random_steps(random.Random(SEED), rules)
    blocks = random_block_steps(random.Random(SEED), "isthmus")
    for step in (*islice(programs, STEPS), *islice(blocks, STEPS)):
        judge.step(step)
    assert judge.found.wrong == []
    return judge


def table(judge: Judge) -> str:
    """A row for each contract: size, steps, witness bytes, gas of a transaction with one step."""
    lines = [
        "| contract | code, bytes | steps | witness, bytes: median | gas: median | gas: most |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    everything: tuple[list[int], list[int]] = ([], [])
    for contract, size in judge.verifier.sizes.items():
        kinds = [each for each in judge.found.kinds.values() if each.contract == contract]
        gas = [value for each in kinds for value in each.gas]
        witness = [value for each in kinds for value in each.witness_bytes]
        everything[0].extend(gas)
        everything[1].extend(witness)
        lines.append(f"| {contract} | {size:,} | {_figures(gas, witness)} |")
    return "\n".join([*lines, f"| all | | {_figures(*everything)} |"])


def _figures(gas: list[int], witness: list[int]) -> str:
    if not gas:
        return "| | |"
    return f"{len(gas):,} | {int(median(witness)):,} | {int(median(gas)):,} | {max(gas):,}"
