"""The worked examples and figures in the pages about settlement are what the code gives."""

from __future__ import annotations

from pathlib import Path

from settlement import withdrawal

from genesis.presets import l2_preset
from rollup.settlement.deploy import GAME_TYPE

PAGES = Path(__file__).resolve().parents[3] / "docs" / "protocol"


def test_withdrawals_page_names_the_hash_and_the_slot_of_its_example():
    page = (PAGES / "withdrawals.md").read_text()
    item = withdrawal()
    assert item.hash.hex() in page
    assert item.storage_slot.hex() in page


def test_dispute_game_page_names_our_type_of_game_and_the_growth_of_bonds():
    page = (PAGES / "dispute-game.md").read_text()
    settlement = l2_preset("mainnet").settlement
    assert hex(GAME_TYPE) in page
    assert f"base × {settlement.bond_growth_ppm / 10**6:g}^d" in page
    assert f"| {settlement.max_game_depth}, {settlement.split_depth} |" in page


def test_settlement_page_has_the_delays_of_the_presets():
    page = (PAGES / "settlement.md").read_text()
    devnet, mainnet = (l2_preset(name).settlement for name in ("devnet", "mainnet"))
    assert devnet == l2_preset("minimal").settlement
    day = 86_400
    for label, field, unit, name in (
        ("proof maturity", "proof_maturity_delay_s", day, "d"),
        ("clock of each side of a game", "max_clock_s", day, "d"),
        ("clock extension", "clock_extension_s", 3600, "h"),
        ("finality delay of a game", "game_finality_delay_s", day, "d"),
        ("delay of DelayedWETH", "bond_delay_s", day, "d"),
        ("between two proposals", "proposal_interval_s", 3600, "h"),
    ):
        short, long = getattr(devnet, field), getattr(mainnet, field) / unit
        assert f"| {label} | {short} s | {long:g} {name} |" in page
    bonds = (devnet.base_bond_gwei, mainnet.base_bond_gwei)
    assert bonds == (8000, 80_000_000)
    assert "| bond of a root claim | 0.000008 ETH | 0.08 ETH |" in page
