"""Measure the settlement contracts and write their tables into docs/protocol/settlement.md.

    python scripts/write_gas_table.py            write both tables
    python scripts/write_gas_table.py --check    compare only; exit code 1 if the page is stale

The measurement runs on py-evm, as the tests of the contracts do (tests/support/settlement_gas.py).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "protocol" / "settlement.md"
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]


def creation_table() -> str:
    """Size of each contract and gas of its creation."""
    from contract_bench import ContractBench
    from settlement import creations

    from evm.intrinsic_gas import required_gas

    bench = ContractBench()
    lines = ["| contract | code, bytes | creation, gas |", "|---|---:|---:|"]
    total = 0
    for name, transaction in creations().items():
        address, outcome = bench.create(transaction.data)
        intrinsic, floor = required_gas(transaction.data, is_create=True)
        gas = max(intrinsic + outcome.gas_used - outcome.gas_refund, floor)
        total += gas
        lines.append(f"| {name} | {len(bench.state.get_code(address)):,} | {gas:,} |")
    return "\n".join([*lines, f"| all | | {total:,} |"])


def call_table() -> str:
    """Gas of each call."""
    from settlement_gas import measure

    rows = sorted(measure(), key=lambda row: row.contract)
    lines = ["| contract | call | gas |", "|---|---|---:|"]
    return "\n".join([*lines, *(f"| {row.contract} | {row.call} | {row.gas:,} |" for row in rows)])


def with_tables(page: str) -> str:
    """The page with both tables as they are measured now."""
    for name, table in (("creations", creation_table()), ("calls", call_table())):
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text = rf"\g<1>{table}\n\g<2>"
        page, count = re.subn(pattern, text, page, flags=re.S)
        if count != 1:
            raise SystemExit(f"{PAGE}: expected the table {name} once, found {count}")
    return page


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    current = PAGE.read_text(encoding="utf-8")
    text = with_tables(current)
    if text == current:
        return 0
    if arguments.check:
        print(f"{PAGE.relative_to(ROOT)} is stale: python scripts/write_gas_table.py")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
