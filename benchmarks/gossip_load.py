"""`make bench-gossip`: transactions sent to any of four nodes, at a rate; how many get lost.

Four processes on loopback in a line: the sequencer, and three verifiers of which two reach it over
others alone. Each takes a quarter of the load over JSON-RPC; what it takes goes by gossip. Lost is
what a node took and what is in no block of the sequencer in the end.

    python benchmarks/gossip_load.py --rate 2000 --seconds 60

The nodes, the client and everything else share this machine: the rate that is reached says as much
about its cores as about gossip.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from transaction_load import Outcome, line_of_four, run_load  # noqa: E402


def report(outcome: Outcome, rate: float) -> None:
    print("| | |\n|---|---:|")
    rows = {
        "asked for, a second": f"{rate:.0f}",
        "taken": f"{outcome.sent}",
        "taken, a second": f"{outcome.sent / outcome.sending_s:.0f}",
        "refused at first and sent again": f"{outcome.refused}",
        "in blocks": f"{outcome.included}",
        "lost": f"{outcome.lost}",
        "seconds of sending": f"{outcome.sending_s:.1f}",
        "seconds until all were in blocks": f"{outcome.until_included_s:.1f}",
        "cores": f"{len(os.sched_getaffinity(0))}",
    }
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    print(
        "\n| node | taken from the client | messages again | dropped unjudged |"
        "\n|---|---:|---:|---:|"
    )
    for number, (taken, stats) in enumerate(zip(outcome.per_node, outcome.statistics, strict=True)):
        print(f"| {number} | {taken} | {stats['duplicates']} | {stats['dropped']} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=2000, help="transactions a second, together")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--senders", type=int, default=10, help="accounts at each node")
    parser.add_argument("--idle", type=float, default=60, help="wait so long for another block")
    options = parser.parse_args()
    count = int(options.rate * options.seconds)
    with tempfile.TemporaryDirectory() as directory, line_of_four(Path(directory)) as nodes:
        outcome = run_load(
            nodes, count, options.rate, senders_a_node=options.senders, idle_s=options.idle
        )
    report(outcome, options.rate)
    if outcome.lost:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
