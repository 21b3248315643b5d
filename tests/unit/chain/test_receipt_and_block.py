"""Receipts, headers and blocks: known hashes, and what decoding refuses."""

from __future__ import annotations

import dataclasses

import pytest

from chain import rlp
from chain.block import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    EMPTY_TRANSACTIONS_ROOT,
    Block,
    Header,
    Withdrawal,
    decode_block,
    decode_header,
    receipts_root,
    transactions_root,
    withdrawals_root,
)
from chain.errors import DecodeError, EncodeError
from chain.receipt import EMPTY_BLOOM, Log, Receipt, bloom_contains, decode_receipt, logs_bloom
from chain.transaction import DynamicFeeTransaction, LegacyTransaction, sign_transaction

_KEY = b"\x11" * 32
_LOG = Log(address=b"\x22" * 20, topics=(b"\x33" * 32,), data=b"\x44")
_RECEIPT = Receipt(type=2, succeeded=True, cumulative_gas_used=21_000, logs=(_LOG,))

# The first block of Ethereum's main network.
_MAINNET_GENESIS = Header(
    parent_hash=bytes(32),
    beneficiary=bytes(20),
    state_root=bytes.fromhex("d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544"),
    transactions_root=EMPTY_TRANSACTIONS_ROOT,
    receipts_root=EMPTY_TRANSACTIONS_ROOT,
    logs_bloom=EMPTY_BLOOM,
    number=0,
    gas_limit=5_000,
    gas_used=0,
    timestamp=0,
    extra_data=bytes.fromhex("11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa"),
    prev_randao=bytes(32),
    difficulty=17_179_869_184,
    nonce=bytes.fromhex("0000000000000042"),
)
_PRAGUE = dataclasses.replace(
    _MAINNET_GENESIS,
    base_fee_per_gas=7,
    withdrawals_root=EMPTY_TRANSACTIONS_ROOT,
    blob_gas_used=0,
    excess_blob_gas=0,
    parent_beacon_block_root=bytes(32),
    requests_hash=EMPTY_REQUESTS_HASH,
)
_TRANSACTIONS = (
    sign_transaction(LegacyTransaction(1, 0, 9, 21_000, b"\x11" * 20, 1, b""), _KEY),
    sign_transaction(DynamicFeeTransaction(1, 1, 1, 9, 21_000, b"\x11" * 20, 1, b""), _KEY),
)
_BLOCK = Block(
    header=_PRAGUE,
    transactions=_TRANSACTIONS,
    withdrawals=(Withdrawal(index=1, validator_index=2, address=b"\x55" * 20, amount_gwei=3),),
)


def test_header_of_the_main_network_has_its_hash():
    assert _MAINNET_GENESIS.hash.hex() == (
        "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
    )
    assert _MAINNET_GENESIS.ommers_hash == EMPTY_OMMERS_HASH


def test_header_with_a_gap_in_its_optional_fields_is_refused():
    with pytest.raises(EncodeError, match="left out"):
        dataclasses.replace(_PRAGUE, blob_gas_used=None).encode()


@pytest.mark.parametrize("count", [0, 14, 18, 19, 22])
def test_header_with_another_number_of_items_is_refused(count):
    fields = [*rlp.decode(_PRAGUE.encode()), b"", b""][:count]
    with pytest.raises(DecodeError, match=f"got {count}"):
        decode_header(rlp.encode(fields))


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (0, bytes(31), "parent_hash: expected 32 bytes"),
        (2, bytes(21), "beneficiary: expected 20 bytes"),
        (6, bytes(255), "logs_bloom: expected 256 bytes"),
        (8, b"\x01" * 9, "number: expected at most 8 bytes"),
        (11, b"\x00\x01", "timestamp: leading zero"),
        (14, bytes(7), "nonce: expected 8 bytes"),
        (15, [], "base_fee_per_gas: expected an integer"),
    ],
)
def test_header_in_a_wrong_form_is_refused_with_the_field(position, value, reason):
    fields = rlp.decode(_PRAGUE.encode())
    fields[position] = value
    with pytest.raises(DecodeError, match=reason):
        decode_header(rlp.encode(fields))


def test_block_decodes_to_itself_with_its_hash_and_number():
    block = decode_block(_BLOCK.encode())
    assert block == _BLOCK
    assert (block.hash, block.number) == (_PRAGUE.hash, 0)
    assert [tx.hash for tx in block.transactions] == [tx.hash for tx in _TRANSACTIONS]


def test_a_block_takes_transactions_that_are_decoded_already():
    known = {tx.encode(): tx for tx in _TRANSACTIONS[1:]}
    block = decode_block(_BLOCK.encode(), known.get)
    assert block == _BLOCK
    taken = [mine is theirs for mine, theirs in zip(block.transactions, _TRANSACTIONS, strict=True)]
    assert taken == [False] + [True] * len(known)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([b"\xc0"], "expected 3 or 4 items, got 1"),
        ([b"\xc0", b"\xc0", b"\xc0"], "header"),
        ([_PRAGUE.encode(), b"\x80", b"\xc0"], "transactions: expected a list"),
        ([_PRAGUE.encode(), b"\xc1\x80", b"\xc0"], "no bytes"),
        ([_PRAGUE.encode(), rlp.encode([_TRANSACTIONS[0].encode()]), b"\xc0"], "wrapped"),
        ([_PRAGUE.encode(), b"\xc0", b"\xc0", b"\xc1\xc0"], "withdrawal: expected 4 items"),
    ],
)
def test_block_in_a_wrong_form_is_refused(parts, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_block(rlp.encode_list(parts))


def test_roots_of_empty_bodies():
    assert transactions_root([]) == receipts_root([]) == withdrawals_root([])
    assert transactions_root([]) == EMPTY_TRANSACTIONS_ROOT


def test_bloom_answers_for_what_it_holds():
    bloom = logs_bloom([_LOG])
    assert bloom_contains(bloom, _LOG.address)
    assert bloom_contains(bloom, _LOG.topics[0])
    assert not bloom_contains(bloom, b"\x99" * 20)
    assert sum(byte.bit_count() for byte in bloom) <= 6


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_receipt_has_the_type_of_its_transaction_in_front(kind):
    receipt = dataclasses.replace(_RECEIPT, type=kind)
    raw = receipt.encode()
    assert raw[0] == kind or (kind == 0 and raw[0] >= 0xC0)
    assert decode_receipt(raw) == receipt


def test_deposit_receipt_keeps_nonce_and_version():
    receipt = Receipt(0x7E, False, 5, (), deposit_nonce=0, deposit_receipt_version=1)
    decoded = decode_receipt(receipt.encode())
    assert decoded == receipt
    assert decoded.deposit_nonce == 0


def test_receipt_from_before_byzantium_keeps_its_state_root():
    receipt = Receipt(0, True, 5, (), state_root=b"\x11" * 32)
    assert rlp.decode(receipt.encode())[0] == b"\x11" * 32
    assert decode_receipt(receipt.encode()) == receipt


def _receipt_with(position: int, value) -> bytes:
    fields = rlp.decode(_RECEIPT.encode()[1:])
    fields[position:] = [value] if position == 4 else [value, *fields[position + 1 :]]
    return b"\x02" + rlp.encode(fields)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no bytes"),
        (b"\x00" + _RECEIPT.encode()[1:], "not supported: 0x00"),
        (b"\x05\xc0", "not supported: 0x05"),
        (b"\x02\xc0", "expected 4 to 4 items, got 0"),
        (_receipt_with(0, b"\x02"), "status"),
        (_receipt_with(0, bytes(32)), "status"),
        (_receipt_with(1, b"\x01" * 9), "cumulative_gas_used"),
        (_receipt_with(2, EMPTY_BLOOM), "bloom: does not follow"),
        (_receipt_with(3, [[b"", [], b""]]), "log address"),
        (
            _receipt_with(3, [[b"\x01" * 20, [bytes(32)] * 5, b""]]),
            "log topics: expected at most 4",
        ),
        (_receipt_with(4, b"\x01"), "expected 4 to 4 items, got 5"),
    ],
)
def test_receipt_in_a_wrong_form_is_refused(raw, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_receipt(raw)
