"""docs/protocol/data-availability.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from da_committee import L1_CHAIN_ID, make_committee

from genesis.da_committee import DaCommittee
from rollup.da.cell_message import MAX_MESSAGE_BYTES
from rollup.da.certificate import certificate_digest
from rollup.da.confidence import miss_probability

PAGE = (Path(__file__).resolve().parents[4] / "docs/protocol/data-availability.md").read_text()


def test_the_digest_of_the_worked_example():
    digest = certificate_digest(make_committee((1,)), L1_CHAIN_ID, b"\xc0" + bytes(47), 7)
    assert f"\n{digest.hex()}\n" in PAGE


def test_the_odds_of_the_table():
    assert f"{float(miss_probability(4)):.1%}".replace("%", " %") in PAGE
    assert f"{float(miss_probability(8)):.3%}".replace("%", " %") in PAGE
    assert f"{float(miss_probability(16)) * 1e6:.1f}·10⁻⁶" in PAGE


def test_defaults_and_bounds():
    fields = DaCommittee.__dataclass_fields__
    for name in ("confirmation_percent", "safety_percent", "recency_window"):
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
        assert row.endswith(f"| {fields[name].default} |")
    assert f"bounded at {MAX_MESSAGE_BYTES:,} bytes" in PAGE
