"""serialise → JSON → decode gives the very value back; a changed field is found out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import prague_headers, signed_transactions, user_receipts

from chain.block import Block, Header
from chain.receipt import Receipt
from chain.transaction import SignedTransaction, recover_sender
from node.l1.decoding import (
    L1DataInvalid,
    header_from_json,
    receipt_from_json,
    transaction_from_json,
)
from node.l1.fee_bumping import Fees, at_least, bump, initial_fees
from node.rpc.serialise import header_json, receipt_json, transaction_json

TRANSACTIONS = signed_transactions().map(lambda pair: pair[0])
HEADER = Header(
    parent_hash=bytes(32),
    beneficiary=bytes(20),
    state_root=bytes(32),
    transactions_root=bytes(32),
    receipts_root=bytes(32),
    logs_bloom=bytes(256),
    number=1,
    gas_limit=1,
    gas_used=0,
    timestamp=1,
    extra_data=b"",
    prev_randao=bytes(32),
    base_fee_per_gas=7,
)


@given(prague_headers)
def test_header_comes_back(header: Header) -> None:
    assert header_from_json(json.loads(json.dumps(header_json(header)))) == header


@given(prague_headers, st.sampled_from(["gasUsed", "timestamp", "number", "baseFeePerGas"]))
def test_altered_header_is_found_out(header: Header, field: str) -> None:
    body = header_json(header)
    body[field] = hex(int(str(body[field]), 16) + 1)
    with pytest.raises(L1DataInvalid, match="L1 header"):
        header_from_json(body)


@given(TRANSACTIONS)
def test_transaction_comes_back_with_its_sender(transaction: SignedTransaction) -> None:
    sender = recover_sender(transaction)
    body = json.loads(json.dumps(transaction_json(transaction, sender, None)))
    assert transaction_from_json(body) == (transaction, sender)


@given(TRANSACTIONS, st.sampled_from(["nonce", "gas", "value"]))
def test_altered_transaction_is_found_out(transaction: SignedTransaction, field: str) -> None:
    body = transaction_json(transaction, recover_sender(transaction), None)
    body[field] = hex(int(str(body[field]), 16) + 1)
    with pytest.raises(L1DataInvalid, match="L1 transaction"):
        transaction_from_json(body)


@given(TRANSACTIONS, user_receipts)
def test_receipt_comes_back(transaction: SignedTransaction, receipt: Receipt) -> None:
    block = Block(HEADER, (transaction,), ())
    sender = recover_sender(transaction)
    body = json.loads(json.dumps(receipt_json(block, 0, [receipt], sender)))
    body["type"] = hex(receipt.type)
    assert receipt_from_json(body) == receipt


@given(st.integers(0, 10**13), st.integers(0, 10**12), st.integers(0, 10**12))
def test_bumped_fees_are_a_replacement_that_pools_take(base: int, tip: int, blob: int) -> None:
    fees = initial_fees(base, tip, blob)
    higher = bump(fees)
    percent = 200 if blob else 110
    assert higher.tip_wei * 100 >= fees.tip_wei * percent
    assert higher.cap_wei * 100 >= fees.cap_wei * percent
    assert higher.cap_wei >= higher.tip_wei
    assert (higher.tip_wei, higher.cap_wei) > (fees.tip_wei, fees.cap_wei)
    assert bump(Fees(1, 1)).blob_cap_wei == 0
    market = Fees(3, 1, 7)
    assert at_least(Fees(2, 9, 0), market) == Fees(3, 9, 7)
