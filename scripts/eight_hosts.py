"""Runs eight hosts for some minutes and says whether they kept one chain and all of its data.

    python scripts/eight_hosts.py --minutes 30 [--loss 20] [--directory DIR]

A sequencer, two verifiers, three DA nodes of which one lies, two light nodes; in network namespaces
where this user may make them (root), where each packet to a host is lost with that chance in
percent, else on addresses of loopback, which is said. The logs stay in
the directory that is named. tests/support/eight_hosts.py has what is done and what has to hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from eight_hosts import LOSS_PERCENT, run_eight_hosts  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--directory", type=Path, help="where data and logs stay")
    parser.add_argument("--aliases", action="store_true", help="no namespaces, also where they can")
    parser.add_argument("--loss", type=int, default=LOSS_PERCENT, help="packets lost, percent")
    options = parser.parse_args()
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory() as directory:
        root = options.directory or Path(directory)
        found = run_eight_hosts(
            root,
            60 * options.minutes,
            say,
            are_aliases=options.aliases,
            loss_percent=options.loss,
        )
    for name, value in found.items():
        say(f"{name}: {value}")
    say("one chain, equal safe heads, every batch there, the liar banned: all held")


if __name__ == "__main__":
    main()
