"""The worked example of docs/protocol/execution.md is what the code computes."""

from __future__ import annotations

from pathlib import Path

from execution import L1_PRICES, L2_CONFIG, genesis, send

from evm.fastlz import fastlz_size
from evm.fees import l1_attributes, l1_fee, next_base_fee

PAGE = (Path(__file__).parents[3] / "docs/protocol/execution.md").read_text()


def test_worked_example_of_the_page():
    tx = send(0, 0, value=5).encode()
    prices = l1_attributes(lambda _account, slot: L1_PRICES[slot])
    assert tx.hex() in PAGE
    assert f"{l1_fee(prices, tx):,} wei" in PAGE
    assert f"{prices.operator_fee(21_000):,} wei" in PAGE
    assert f"{next_base_fee(L2_CONFIG, genesis(L2_CONFIG)[0].header):,} wei" in PAGE
    assert fastlz_size(tx) <= 170
