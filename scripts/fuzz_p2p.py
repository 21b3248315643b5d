"""Damaged messages and frames by the million: python scripts/fuzz_p2p.py [--count N] [--seed N].

Ends with an error at the first input that raises anything but the protocol's own refusal, that is
read in two forms, or that leaves memory behind.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

GROWTH_BYTES = 1 << 20


def main() -> int:
    from p2p_fuzz import fuzz_messages, fuzz_sessions

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs in all")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    frames = given.count // 10
    for name, run, count in (
        ("messages", fuzz_messages, given.count - frames),
        ("frames", fuzz_sessions, frames),
    ):
        started = time.monotonic()
        result = run(given.seed, count)
        print(
            f"{name}: {count:,} in {time.monotonic() - started:.0f} s, seed {given.seed}: "
            f"{result.accepted:,} read, {result.refused:,} refused, "
            f"{result.grown_bytes:,} bytes left"
        )
        if result.grown_bytes > GROWTH_BYTES:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
