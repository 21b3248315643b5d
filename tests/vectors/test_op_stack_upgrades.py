"""Upgrade transactions of the OP Stack's forks, byte for byte, and source hashes of the specs."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from chain.transaction import decode_transaction
from genesis.upgrades import UnknownUpgrade, upgrade_source_hash, upgrade_transactions

ROOT = vectors_root() / "op_stack" / "deposits"
KNOWN = ("ecotone", "fjord", "isthmus", "jovian")


def spec_cases() -> list[dict]:
    return json.loads((ROOT / "upgrade_source_hashes_spec.json").read_text())["cases"]


@pytest.mark.parametrize("fork", ["ecotone", "fjord", "isthmus"])
def test_upgrade_transactions_of_kona(fork):
    items = json.loads((ROOT / "upgrade_deposit_txs.json").read_text())["items"]
    wanted = [raw for name, raw in items.items() if name.startswith(f"{fork}_tx_")]
    assert ["0x" + tx.encode().hex() for tx in upgrade_transactions(fork)] == wanted


@pytest.mark.parametrize("fork", KNOWN)
def test_upgrade_transactions_of_the_specs(fork):
    cases = [case for case in spec_cases() if case["fork"] == fork]
    made = upgrade_transactions(fork)
    hashes = ["0x" + tx.source_hash.hex() for tx in made]
    assert hashes == [case["sourceHash"] for case in cases]
    for tx, case in zip(made, cases, strict=True):
        fields = case["fields"]
        assert "0x" + tx.sender.hex() == fields["from"].lower()
        assert ("null" if tx.to is None else "0x" + tx.to.hex()) == fields.get("to", "null").lower()
        if "..." not in fields.get("data", "..."):
            assert "0x" + tx.data.hex() == fields["data"]


def test_source_hashes_of_the_specs():
    for case in spec_cases():
        assert "0x" + upgrade_source_hash(case["intent"]).hex() == case["sourceHash"]


def test_contracts_of_jovian_are_those_of_kona():
    items = json.loads((ROOT / "upgrade_deposit_txs.json").read_text())["items"]
    l1_block, _, oracle, _, _ = upgrade_transactions("jovian")
    assert "0x" + l1_block.data.hex() == items["jovian-l1-block-deployment"]
    assert "0x" + oracle.data.hex() == items["jovian-gas-price-oracle-deployment"]


def test_deposits_of_op_alloy_are_read_and_written_back():
    items = json.loads((ROOT / "raw_deposit_txs_receipts.json").read_text())["items"]
    raws = [bytes.fromhex(item["hex"][2:]) for item in items if item["hex"].startswith("0x7e")]
    assert len(raws) == 3
    for raw in raws:
        assert decode_transaction(raw).encode() == raw


@pytest.mark.parametrize("fork", ["karst", "interop"])
def test_an_upgrade_that_is_not_known_is_refused_by_name(fork):
    with pytest.raises(UnknownUpgrade, match=fork):
        upgrade_transactions(fork)
