"""Deposits, receipts and headers against real ones of the OP Stack."""

from __future__ import annotations

import dataclasses
import gzip
import json

import pytest
from vectors import vectors_root

from chain import rlp
from chain.block import decode_header
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.receipt import decode_receipt
from chain.transaction import DepositTransaction, decode_transaction, recover_sender

_OP_STACK = vectors_root() / "op_stack"


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _op_alloy_items():
    text = (_OP_STACK / "deposits" / "raw_deposit_txs_receipts.json").read_text()
    return [(item["path"], _hex(item["hex"])) for item in json.loads(text)["items"]]


def test_deposits_of_op_alloy():
    raws = [raw for path, raw in _op_alloy_items() if "transaction" in path]
    assert raws
    for raw in raws:
        tx = decode_transaction(raw)
        assert isinstance(tx, DepositTransaction)
        assert dataclasses.replace(tx).encode() == raw
        assert tx.hash == keccak256(raw)


def test_deposit_receipts_of_op_alloy():
    count = 0
    for path, raw in _op_alloy_items():
        if "receipt" not in path:
            continue
        payload = rlp.decode(raw)
        if isinstance(payload, bytes):  # as a message to a peer wraps it
            raw = payload
        elif len(payload) > 4:  # without its type, as the inner fields
            raw = b"\x7e" + raw
        elif payload[3] and not any(payload[2]):  # their example has a log and an empty bloom
            with pytest.raises(DecodeError, match="bloom"):
                decode_receipt(raw)
            continue
        receipt = decode_receipt(raw)
        assert receipt.deposit_nonce is not None
        assert dataclasses.replace(receipt).encode() == raw
        count += 1
    assert count == 4


def test_upgrade_deposits_of_kona():
    items = json.loads((_OP_STACK / "deposits" / "upgrade_deposit_txs.json").read_text())["items"]
    raws = [_hex(text) for text in items.values() if text.startswith("0x7e")]
    assert len(raws) == 21
    for raw in raws:
        tx = decode_transaction(raw)
        assert isinstance(tx, DepositTransaction)
        assert tx.encode() == raw


@pytest.mark.parametrize(
    "path", sorted((_OP_STACK / "executor_blocks").glob("*.json.gz")), ids=lambda path: path.stem
)
def test_transactions_of_real_l2_blocks(path):
    with gzip.open(path, "rt") as file:
        fixture = json.load(file)["fixture"]
    for text in fixture["executing_payload"]["transactions"] or ():
        raw = _hex(text)
        tx = decode_transaction(raw)
        assert tx.hash == keccak256(raw)
        assert len(recover_sender(tx)) == 20
    if "raw_parent_header" in fixture:
        raw = _hex(fixture["raw_parent_header"])
        assert decode_header(raw).encode() == raw
