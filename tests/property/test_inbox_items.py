"""Items of a batch inbox: what is written is read, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain import rlp
from chain.errors import DecodeError
from chain.types import Hash32
from rollup.wire.batch import SingularBatch
from rollup.wire.inbox_item import (
    MAX_ITEM_BATCHES,
    MAX_ITEM_BYTES,
    MAX_ITEM_TRANSACTIONS,
    ItemFull,
    ItemOut,
    UnreadableBatch,
    decode_item,
    encode_in_item,
    encode_item,
)

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
numbers = st.integers(0, 2**64 - 1)
batches = st.builds(
    SingularBatch,
    parent_hash=hashes,
    epoch_number=numbers,
    epoch_hash=hashes,
    timestamp=numbers,
    transactions=st.lists(st.binary(max_size=300), max_size=6).map(tuple),
)


def read(data):
    """The batches, up to the first that cannot be read; whether there was one."""
    found = []
    try:
        for item in decode_item(data):
            found.append(item.batch)
    except UnreadableBatch:
        return found, True
    return found, False


@given(st.lists(batches, max_size=5))
def test_what_is_written_is_read_and_stands_where_it_says(made):
    data = encode_item(made)
    assert read(data) == (made, False)
    for item in decode_item(data):
        assert data[item.start : item.end] == encode_in_item(item.batch)


@given(st.lists(batches, max_size=4), st.binary(min_size=1, max_size=60))
def test_garbage_behind_batches_leaves_them(made, garbage):
    found, _ = read(encode_item(made) + garbage)
    assert found[: len(made)] == made


@given(st.lists(batches, min_size=1, max_size=3), st.data())
def test_an_item_has_one_form(made, data):
    item = bytearray(encode_item(made))
    at = data.draw(st.integers(1, len(item) - 1))
    item[at] ^= data.draw(st.integers(1, 255))
    found, failed = read(bytes(item))
    assert failed or encode_item(found) == bytes(item)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x01\x00", b"\x02" + bytes(MAX_ITEM_BYTES)])
def test_what_is_no_item_is_refused(data):
    with pytest.raises(DecodeError, match="item: "):
        list(decode_item(data))


def batch_with(*transactions):
    return SingularBatch(Hash32(bytes(32)), 1, Hash32(bytes(32)), 2, transactions)


def test_too_many_transactions_are_neither_written_nor_read():
    most = batch_with(*[b"\x01"] * MAX_ITEM_TRANSACTIONS)
    assert read(encode_item([most])) == ([most], False)
    over = batch_with(*[b"\x01"] * (MAX_ITEM_TRANSACTIONS + 1))
    with pytest.raises(ItemFull, match="1537 transactions"):
        encode_item([over])
    assert read(b"\x02" + rlp.encode(over.encode())) == ([], True)
    one = batch_with(b"\x01")
    assert read(encode_item([most]) + encode_in_item(one)) == ([most], True)
    with pytest.raises(ItemFull, match="1537 transactions"):
        encode_item([one, most])


def test_too_many_batches_are_neither_written_nor_read():
    most = [batch_with()] * MAX_ITEM_BATCHES
    data = encode_item(most)
    assert read(data) == (most, False)
    assert read(data + encode_in_item(batch_with())) == (most, True)
    with pytest.raises(ItemFull, match="256 batches"):
        encode_item([*most, batch_with()])


def test_what_does_not_fit_is_refused_and_the_item_stays_as_it_was():
    out = ItemOut()
    large = batch_with(bytes(60_000))
    out.add(large)
    with pytest.raises(ItemFull, match="over 120000"):
        out.add(large)
    out.add(batch_with(b"\x01"))
    assert read(out.close()) == ([large, batch_with(b"\x01")], False)
    assert len(out.close()) <= out.size_bound_with(0)


@given(st.lists(batches, max_size=4))
def test_the_bound_holds(made):
    out = ItemOut()
    for batch in made:
        bound = out.size_bound_with(len(batch.encode()))
        out.add(batch)
        assert len(out.close()) <= bound
