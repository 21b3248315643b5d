"""Random steps on the one-step verifier beside the step machine, and wrong witnesses for them: by
turns steps of programs and of whole blocks of an L2.

    python scripts/verify_steps_on_l1.py                          all 20,000 steps
    python scripts/verify_steps_on_l1.py --steps 500 --mutants 0  fewer
    python scripts/verify_steps_on_l1.py --seed 7                 others

The contracts run on py-evm. Exit code 1 where a step ends otherwise than on the machine, or a wrong
witness is accepted; each such case is printed with state and witness. At the end: what was reached.
"""

from __future__ import annotations

import argparse
import random
import sys
from itertools import islice
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]


def main() -> int:
    """Compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    from step_runs import random_steps
    from step_verifier import Judge, StepVerifier
    from stepped_chain import random_block_steps

    from evm.forks import ISTHMUS
    from evm.step.instructions import OPCODES
    from evm.step_rules import step_rules_of
    from rollup.settlement.step_verifier import fork_rules

    rules = step_rules_of(ISTHMUS)
    judge = Judge(StepVerifier(fork_rules(rules)))
    rnd = random.Random(arguments.seed)
    programs = random_steps(random.Random(arguments.seed), rules)
    blocks = random_block_steps(random.Random(arguments.seed), "isthmus")
    steps = (step for both in zip(programs, blocks, strict=False) for step in both)
    per_step, more = divmod(arguments.mutants, max(arguments.steps, 1))
    for index, step in enumerate(islice(steps, arguments.steps)):
        judge.step(step)
        judge.mutants(step, rnd, per_step + (index < more))
        if (index + 1) % 1_000 == 0:
            print(
                f"{judge.found.steps:,} steps, {judge.found.mutants:,} wrong witnesses", flush=True
            )
    found = judge.found
    for line in found.wrong:
        print(f"WRONG {line}")
    for kind, count in sorted(found.unsupported.items()):
        print(f"refused by name: {kind}: {count}")
    missing = sorted({opcode.name for opcode in OPCODES.values()} - set(found.kinds))
    print(f"opcodes that were not reached: {', '.join(missing) or 'none'}")
    gas = found.gas()
    print(f"{len(found.kinds)} kinds: " + ", ".join(sorted(found.kinds)))
    if gas:
        print(f"gas: median {int(median(gas)):,}, most {max(gas):,}")
    print(
        f"{found.steps:,} steps and {found.mutants:,} wrong witnesses: "
        f"{len(found.wrong)} wrong answers, {found.unsupported.total()} refused by name"
    )
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
