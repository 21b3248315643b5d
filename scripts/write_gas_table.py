"""Measure the contracts on L1 and write their tables into docs/protocol.

    python scripts/write_gas_table.py            write the tables of settlement.md and one-step.md
    python scripts/write_gas_table.py --check    compare only; exit code 1 if a page is stale

The measurement runs on py-evm, as the tests of the contracts do (tests/support/settlement_gas.py).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "protocol" / "settlement.md"
STEP_PAGE = ROOT / "docs" / "protocol" / "one-step.md"
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


def step_table() -> str:
    """Size of each contract of the one-step verifier, and gas of its steps."""
    from step_gas import measured, table

    return table(measured())


def with_tables(page: str) -> str:
    """The settlement page with both tables as they are measured now."""
    page = _with_table(page, "creations", creation_table())
    return _with_table(page, "calls", call_table())


def with_step_table(page: str) -> str:
    """The page about steps with its table as it is measured now."""
    return _with_table(page, "steps", step_table())


def _with_table(page: str, name: str, table: str) -> str:
    pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
    text, count = re.subn(pattern, rf"\g<1>{table}\n\g<2>", page, flags=re.S)
    if count != 1:
        raise SystemExit(f"expected the table {name} once, found {count}")
    return text


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    stale = 0
    for page, write in ((PAGE, with_tables), (STEP_PAGE, with_step_table)):
        current = page.read_text(encoding="utf-8")
        text = write(current)
        if text == current:
            continue
        stale += 1
        if arguments.check:
            print(f"{page.relative_to(ROOT)} is stale: python scripts/write_gas_table.py")
        else:
            page.write_text(text, encoding="utf-8")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
