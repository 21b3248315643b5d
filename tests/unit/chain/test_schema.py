"""The layout of keys and records, to the byte: what is on disk today must open tomorrow."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain import rlp
from chain.account import EMPTY_CODE_HASH, Account, encode_account
from chain.errors import DecodeError
from chain.heads import BlockId, Heads
from chain.storage import CorruptRecord
from chain.storage.schema import (
    SCHEMA_VERSION,
    Kind,
    canonical_key,
    decode_heads,
    decode_location,
    decode_senders,
    encode_heads,
    encode_location,
    encode_senders,
    key_of,
    pack_list,
    pack_node,
    seal,
    unpack_list,
    unpack_node,
    unseal,
)
from chain.trie import EMPTY_ROOT, Trie

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "protocol" / "storage.md"
hashes = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**64 - 1)


def test_worked_example_of_the_storage_document():
    schema = key_of(Kind.META, b"schema")
    canonical = canonical_key(258)
    records = [
        (schema, seal(schema, SCHEMA_VERSION.to_bytes(4, "big"))),
        (canonical, seal(canonical, b"\x11" * 32)),
    ]
    text = DOCUMENT.read_text()
    for key, record in records:
        cells = (key[:1], key[1:], record[:4], record[4:])
        kind, subject, checksum, payload = (f"`{cell.hex()}`" for cell in cells)
        assert f"| {kind} {subject} | {checksum} {payload} |" in text


def test_no_two_kinds_share_a_letter_and_the_document_lists_each():
    text = DOCUMENT.read_text()
    assert len({kind.value for kind in Kind}) == len(Kind)
    assert all(f"| `{kind.value.decode()}` |" in text for kind in Kind)


def leaf_of(key: bytes, fields: Account) -> bytes:
    trie = Trie({})
    trie.set(
        key, encode_account(fields.nonce, fields.balance, fields.storage_root, fields.code_hash)
    )
    return trie.commit()[1].popitem()[1]


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**256 - 1),
    st.sampled_from([EMPTY_ROOT, b"\x77" * 32]),
    st.sampled_from([EMPTY_CODE_HASH, b"\x88" * 32]),
)
def test_packed_node_unpacks_to_itself(key, nonce, balance, root, code_hash):
    node = leaf_of(key, Account(nonce, balance, root, code_hash))
    packed = pack_node(node)
    assert unpack_node(packed) == node
    is_plain = (root, code_hash) == (EMPTY_ROOT, EMPTY_CODE_HASH)
    assert len(packed) == len(node) - (65 if is_plain else 0)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_packed_list_unpacks_to_itself(items):
    encoded = rlp.encode(items)
    assert unpack_list(pack_list(encoded)) == encoded
    assert len(pack_list(encoded)) <= len(encoded)


def test_damaged_deflated_list_is_refused():
    packed = pack_list(rlp.encode([bytes(1000)]))
    assert len(packed) < 100
    with pytest.raises(DecodeError, match="deflated list"):
        unpack_list(packed[:-5])


@given(st.binary(min_size=1, max_size=40), st.binary(max_size=80))
def test_sealed_payload_opens_under_its_key(key, payload):
    assert unseal(key, seal(key, payload)) == payload


@given(st.binary(min_size=1, max_size=40), st.binary(max_size=80), st.data())
def test_sealed_payload_with_one_changed_bit_does_not_open(key, payload, data):
    record = bytearray(seal(key, payload))
    bit = data.draw(st.integers(0, 8 * len(record) - 1))
    record[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptRecord):
        unseal(key, bytes(record))


@given(st.lists(st.tuples(numbers, hashes), min_size=3, max_size=3, unique_by=lambda pair: pair[0]))
def test_heads_read_back(pairs):
    heads = Heads(*(BlockId(*pair) for pair in sorted(pairs, reverse=True)))
    assert decode_heads(encode_heads(heads)) == heads


@given(numbers, hashes, st.integers(0, 2**32 - 1))
def test_transaction_location_reads_back(number, block_hash, index):
    block = BlockId(number, block_hash)
    assert decode_location(encode_location(block, index)) == (block, index)


@given(st.lists(st.binary(min_size=20, max_size=20), max_size=5))
def test_senders_read_back(senders):
    assert decode_senders(encode_senders(senders)) == tuple(senders)


@given(numbers, numbers)
def test_canonical_keys_lie_in_order_of_height(one, other):
    assert (canonical_key(one) < canonical_key(other)) == (one < other)


def test_value_of_another_length_is_refused():
    for read, payload in ((decode_senders, bytes(21)), (decode_location, bytes(43))):
        with pytest.raises(DecodeError, match=str(len(payload))):
            read(payload)
