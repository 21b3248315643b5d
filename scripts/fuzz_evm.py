"""Run random EVM programs on every machine until so many were run: `fuzz_evm.py --programs 100000`.

A case is four programs that call each other. It runs on stock py-evm, on our interpreter, as
transpiled Python in two ways, on revm (Cancun; where pyrevm is installed) and, one in sixteen,
on EELS (Prague; where `make bench-tools` has put it), then again with less gas than it needs.
Status, gas, output, logs, refund, accounts, slots and the state root have to agree. Beside each of
its cases EELS judges one under Osaka and one block of signed transactions, delegations included.

A case depends on the seed and its number alone: `--first` goes on where a run has stopped, or shows
one case again. Prints a line now and then, each disagreement cut down to what it takes, and at the
end what was reached; exits with 1 if there was a disagreement.
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
EELS_SHARE = 16
REPORT_S = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--programs", type=int, default=4_000, help="how many have to be run")
    parser.add_argument("--seed", type=int, default=None, help="default: the time")
    parser.add_argument("--first", type=int, default=0, metavar="CASE", help="case to begin with")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    return fuzz(arguments.programs, seed, arguments.first)


def fuzz(programs: int, seed: int, first: int) -> int:
    """Run cases from `first` on until so many programs were run; 1 if machines disagree, else 0."""
    import evm_eels
    from evm_fuzz import Campaign

    with_revm = importlib.util.find_spec("pyrevm") is not None
    with_eels = evm_eels.is_there()
    print(f"seed {seed}, from case {first}")
    print("revm joins" if with_revm else "revm is not installed (pip install pyrevm)")
    print("EELS joins" if with_eels else evm_eels.MISSING, flush=True)
    campaign = Campaign(with_revm=with_revm)
    number, started, reported = first, time.perf_counter(), time.perf_counter()
    while campaign.coverage.programs_run < programs:
        rnd = random.Random(f"{seed} {number}")
        judged = with_eels and number % EELS_SHARE == 0
        for mismatch in campaign.run(rnd, with_eels=judged):
            print(f"case {number} of seed {seed}: {mismatch}", flush=True)
        number += 1
        now = time.perf_counter()
        if now - reported > REPORT_S:
            reported = now
            print(f"to go on: --first {number}; {campaign.line(now - started)}", flush=True)
    print(campaign.line(time.perf_counter() - started))
    print(campaign.coverage)
    return 1 if campaign.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
