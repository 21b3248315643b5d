"""Real L2 blocks executed from nothing but their witnesses, op-geth's fee tables, opt8n's cases."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from executor_blocks import load
from state_fixtures import state_of
from vectors import vectors_root

from chain.block import Header, receipts_root, transactions_root
from chain.receipt import Receipt
from chain.state import State
from chain.transaction import DynamicFeeTransaction, recover_sender
from chain.types import Address, Hash32
from evm.environment import BlockEnvironment
from evm.executor import execute_block
from evm.fastlz import fastlz_size
from evm.fees import L1FeeParameters, encode_eip1559_params, l1_fee, l1_gas, next_base_fee
from evm.forks import CANYON, FJORD, HOLOCENE, DataFee
from evm.transition import Transition
from genesis.addresses import BASE_FEE_VAULT
from genesis.config import ChainConfig, ForkTimes

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


def _parent(base_fee: int, limit: int, used: int, extra_data: bytes) -> Header:
    return Header(
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
        extra_data=extra_data,
        prev_randao=Hash32(bytes(32)),
        base_fee_per_gas=base_fee,
    )


def test_base_fees_of_op_geth():
    table = json.loads((ROOT / "fees/eip1559_optimism.json").read_text())
    for base_fee, limit, used, expected, denominator, elasticity in table[
        "TestCalcBaseFeeOptimismHolocene"
    ]:
        parent = _parent(base_fee, limit, used, encode_eip1559_params(denominator, elasticity))
        assert next_base_fee(ChainConfig.optimism(10), parent) == expected
    early = replace(
        ChainConfig.optimism(10),
        forks=ForkTimes(regolith=0, canyon=2),
        bedrock_eip1559_denominator=50,
    )
    for base_fee, limit, used, expected, is_canyon in table["TestCalcBaseFeeOptimism"]:
        parent = _parent(base_fee, limit, used, b"")
        assert next_base_fee(early, parent, 2 if is_canyon else 1) == expected


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


EMPTY_TRANSACTION = (
    b"\xdd\x80\x80\x80\x94" + _bytes("0x095e7baea6a6c7c4c2dfeb977efac326af552d87") + b"\x80" * 5
)


@pytest.mark.parametrize("rule", list(DataFee), ids=lambda rule: rule.name.lower())
def test_fees_of_op_geth_on_the_empty_transaction(rule):
    table = json.loads((ROOT / "fees/l1_cost.json").read_text())
    given = table["params"]
    prices = L1FeeParameters(
        base_fee=given["baseFee"],
        blob_base_fee=given["blobBaseFee"],
        base_fee_scalar=given["baseFeeScalar"],
        blob_base_fee_scalar=given["blobBaseFeeScalar"],
        operator_fee_scalar=0,
        operator_fee_constant=0,
        rule=rule,
        overhead=given["overhead"],
        bedrock_scalar=given["scalar"],
    )
    expected = table["expected_on_empty_tx"][rule.name.lower()]
    assert l1_fee(prices, EMPTY_TRANSACTION) == expected["fee"]
    assert l1_gas(prices, EMPTY_TRANSACTION) == expected["gas"]


def test_fastlz_lengths_of_op_geth():
    for case in json.loads((ROOT / "fees/l1_cost.json").read_text())["flz_compress_len"]:
        if "input_repeat" in case:
            byte, count = case["input_repeat"]
            data = _bytes(byte) * count
        elif case["input"].startswith("0x"):
            data = _bytes(case["input"])
        else:
            data = EMPTY_TRANSACTION
        assert fastlz_size(data) == case["len"]


# -- ethereum-optimism/tests: one transaction each, executed by op-geth


def _number(text: str) -> int:
    return int(text, 16)


def _state(alloc: dict) -> State:
    return state_of(
        {
            address: {"nonce": "0x0", "balance": "0x0", "code": "0x", "storage": {}} | account
            for address, account in _in_hex(alloc).items()
        }
    )


def _in_hex(alloc: dict) -> dict:
    return {
        address: account | {"nonce": hex(account.get("nonce", 0))}
        for address, account in alloc.items()
    }


def _transaction(fields: dict) -> DynamicFeeTransaction:
    to = fields.get("to")
    return DynamicFeeTransaction(
        chain_id=_number(fields["chainId"]),
        nonce=_number(fields["nonce"]),
        max_priority_fee_per_gas=_number(fields["maxPriorityFeePerGas"]),
        max_fee_per_gas=_number(fields["maxFeePerGas"]),
        gas_limit=_number(fields["gasLimit"]),
        to=None if to is None else Address(_bytes(to)),
        value=_number(fields["value"]),
        data=_bytes(fields["input"]),
        y_parity=_number(fields["yParity"]),
        r=_number(fields["r"]),
        s=_number(fields["s"]),
    )


def _opt8n_cases() -> list:
    reason = "its alloc leaves out the code of the contract that it calls"
    marks = {"Multicall3Preinstall": pytest.mark.skip(reason=reason)}
    paths = sorted((ROOT / "op_tests/execution").glob("*.json"))
    return [pytest.param(path, id=path.stem, marks=marks.get(path.stem, ())) for path in paths]


@pytest.mark.parametrize("rules", [CANYON, FJORD, HOLOCENE], ids=lambda rules: rules.name)
@pytest.mark.parametrize("path", _opt8n_cases())
def test_execution_of_op_geth(path, rules):
    case = json.loads(path.read_text())
    after = case.get("outAlloc") or case["out_alloc"]
    state, tx = _state(case["alloc"]), _transaction(case["txs"][0]["EIP1559"])
    block = BlockEnvironment(
        chain_id=tx.chain_id,
        number=_number(case["env"]["currentNumber"]),
        timestamp=_number(case["env"]["currentTimestamp"]),
        coinbase=Address(_bytes(case["env"]["currentCoinbase"])),
        prev_randao=Hash32(bytes(32)),
        gas_limit=_number(case["env"]["currentGasLimit"]),
        # What the sender paid a unit of gas on top of the tip; the file does not say it.
        base_fee=tx.max_fee_per_gas - tx.max_priority_fee_per_gas,
        blob_base_fee=1,
        block_hash=lambda _number: None,
        rules=rules,
    )
    applied = Transition(state, block).apply(tx, recover_sender(tx), block.gas_limit, 0)
    outcome = applied.outcome
    receipt = Receipt(tx.type, outcome.succeeded, applied.gas_used, outcome.logs)
    assert receipts_root([receipt]).hex() == case["result"]["receiptRoot"][2:]
    assert transactions_root([tx.encode()]).hex() == case["result"]["txRoot"][2:]
    for text, account in after.items():
        address = Address(_bytes(text))
        assert state.get_nonce(address) == account.get("nonce", state.get_nonce(address))
        for slot, value in account.get("storage", {}).items():
            assert state.get_storage(address, _number(slot)) == _number(value)
    assert state.get_balance(BASE_FEE_VAULT) >= applied.gas_used * block.base_fee
