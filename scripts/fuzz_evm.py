"""Run random EVM programs on every machine until all are done: `fuzz_evm.py --programs 100000`.

Prints a line now and then and each disagreement in full; exits with 1 if there was one. Each case
runs on stock py-evm, on our interpreter, as transpiled Python and, with pyrevm installed, on revm.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
CONTRACTS_IN_A_CASE = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=4_000, help="how many programs to run")
    parser.add_argument("--seed", type=int, default=None, help="default: the time")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    from evm_fuzz import compare, random_case

    seed = int(time.time()) if arguments.seed is None else arguments.seed
    with_revm = importlib.util.find_spec("pyrevm") is not None
    print(f"seed {seed}, revm {'joins' if with_revm else 'is not installed (pip: pyrevm)'}")
    rnd = random.Random(seed)
    cases = -(-arguments.programs // CONTRACTS_IN_A_CASE)
    succeeded = mismatches = 0
    for number in range(1, cases + 1):
        success, found = compare(random_case(rnd), rnd, with_revm=with_revm)
        succeeded += success
        mismatches += len(found)
        for mismatch in found:
            print(f"case {number} of seed {seed}\n{mismatch}", flush=True)
        if number % 250 == 0 or number == cases:
            programs = number * CONTRACTS_IN_A_CASE
            print(
                f"{programs} programs, {succeeded} of {number} cases succeed, "
                f"{mismatches} mismatches",
                flush=True,
            )
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
