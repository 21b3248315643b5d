"""The worked example of docs/protocol/genesis.md: the hashes it names are those the code makes."""

from __future__ import annotations

from pathlib import Path

from genesis.allocation import dev_l1_genesis, genesis_block, l2_genesis
from genesis.presets import l2_preset

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "protocol" / "genesis.md").read_text()


def test_page_names_the_genesis_of_the_minimal_preset_and_its_chain_id():
    spec = l2_genesis(l2_preset("minimal"), 1_700_000_000)
    assert genesis_block(spec)[0].hash.hex() in PAGE
    assert f"chain id {spec.config.chain_id};" in PAGE


def test_page_names_the_genesis_of_the_embedded_l1():
    assert genesis_block(dev_l1_genesis(1_700_000_000))[0].hash.hex() in PAGE
