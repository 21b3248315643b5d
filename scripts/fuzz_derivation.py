"""Feed derivation with random and hostile L1 data and let two verifiers check each other.

    python scripts/fuzz_derivation.py --inputs 100000 --seed 1

Prints what was reached as it goes. Ends with code 1 at the first error that stops derivation, the
first step that does not come to an end, or the first disagreement; the same seed comes to it again.
How it works: tests/support/derivation_fuzz.py. `make test` runs a share of it.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from derivation_fuzz import DerivationFuzzer  # noqa: E402

from rollup.derivation.rules import Rule  # noqa: E402

REPORT_EVERY_S = 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="batcher data to read")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    started = time.monotonic()
    reported = [started]

    def progress(fuzzer: DerivationFuzzer) -> None:
        if time.monotonic() - reported[0] > REPORT_EVERY_S:
            reported[0] = time.monotonic()
            report(fuzzer, started)

    fuzzer = DerivationFuzzer(options.seed, progress=progress)
    try:
        fuzzer.run(options.inputs)
    except Exception as error:
        report(fuzzer, started)
        print(f"FAILED: {type(error).__name__}: {error} {getattr(error, '__notes__', '')}")
        raise
    report(fuzzer, started)
    for rule in Rule:
        print(f"{fuzzer.rules.get(rule.name, 0):>10} {rule.name}")
    return 0


def report(fuzzer: DerivationFuzzer, started: float) -> None:
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{fuzzer.inputs} inputs, {fuzzer.worlds} worlds, {fuzzer.l1_blocks} L1 blocks, "
        f"{fuzzer.l2_blocks} L2 blocks, {fuzzer.reorgs} reorgs, {fuzzer.restarts} restarts; "
        f"{len(fuzzer.rules)} of {len(Rule)} rules, {len(fuzzer.pairs)} pairs; "
        f"{time.monotonic() - started:.0f} s, {time.process_time():.0f} s CPU, "
        f"{memory_mb:.0f} MB at most",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
