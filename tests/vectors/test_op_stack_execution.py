"""Real L2 blocks executed from nothing but their witnesses, and the fee tables of op-geth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from executor_blocks import load
from vectors import vectors_root

from chain.block import Header
from chain.state import State
from chain.types import Address, Hash32
from evm.executor import execute_block
from evm.fastlz import fastlz_size
from evm.fees import L1FeeParameters, encode_eip1559_params, next_base_fee
from genesis.config import ChainConfig

ROOT = vectors_root() / "op_stack"
BLOCKS = sorted((ROOT / "executor_blocks").glob("*.json.gz"))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@pytest.mark.parametrize("path", BLOCKS, ids=lambda path: path.name.split(".")[0])
def test_real_block_has_its_hash(path: Path):
    block = load(path)
    result = execute_block(
        block.config,
        block.parent,
        block.attributes,
        State.at(block.preimages, block.parent.state_root),
        block_hash=lambda _number: None,
    )
    assert result.header.hash == block.expected_hash


def _child_of(base_fee: int, limit: int, used: int, denominator: int, elasticity: int) -> int:
    header = Header(
        parent_hash=Hash32(bytes(32)),
        beneficiary=Address(bytes(20)),
        state_root=Hash32(bytes(32)),
        transactions_root=Hash32(bytes(32)),
        receipts_root=Hash32(bytes(32)),
        logs_bloom=bytes(256),
        number=7,
        gas_limit=limit,
        gas_used=used,
        timestamp=1,
        extra_data=encode_eip1559_params(denominator, elasticity),
        prev_randao=Hash32(bytes(32)),
        base_fee_per_gas=base_fee,
    )
    return next_base_fee(ChainConfig.optimism(10), header)


def test_base_fees_of_op_geth():
    table = json.loads((ROOT / "fees/eip1559_optimism.json").read_text())
    for base_fee, limit, used, expected, denominator, elasticity in table[
        "TestCalcBaseFeeOptimismHolocene"
    ]:
        assert _child_of(base_fee, limit, used, denominator, elasticity) == expected
    for base_fee, limit, used, expected, is_canyon in table["TestCalcBaseFeeOptimism"]:
        denominator = 250 if is_canyon else 50
        assert _child_of(base_fee, limit, used, denominator, 6) == expected


def test_fjord_fees_of_op_geth():
    table = json.loads((ROOT / "fees/l1_cost.json").read_text())

    def prices(values: dict) -> L1FeeParameters:
        return L1FeeParameters(
            base_fee=values["baseFee"],
            blob_base_fee=values["blobBaseFee"],
            base_fee_scalar=values["baseFeeScalar"],
            blob_base_fee_scalar=values["blobBaseFeeScalar"],
            operator_fee_scalar=0,
            operator_fee_constant=0,
        )

    empty = table["expected_on_empty_tx"]["fjord"]["fee"]
    assert prices(table["params"]).data_fee(31) == empty
    parity = table["fjord_solidity_parity"]
    assert prices(parity).data_fee(parity["fastLzSize"]) == parity["fee"]
    bounds, price = table["fjord_min_bound_fastlz_sizes"], prices(table["params"])
    assert {price.data_fee(size) for size in bounds["at_minimum"]} == {empty}
    assert all(price.data_fee(size) > empty for size in bounds["above_minimum"])


def test_fastlz_lengths_of_op_geth():
    for case in json.loads((ROOT / "fees/l1_cost.json").read_text())["flz_compress_len"]:
        if "input_repeat" in case:
            byte, count = case["input_repeat"]
            data = _bytes(byte) * count
        elif case["input"].startswith("0x"):
            data = _bytes(case["input"])
        else:
            # the empty legacy transaction of the table, with every number 0
            to = _bytes("0x095e7baea6a6c7c4c2dfeb977efac326af552d87")
            data = b"\xdd\x80\x80\x80\x94" + to + b"\x80" * 5
        assert fastlz_size(data) == case["len"]
