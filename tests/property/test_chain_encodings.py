"""decode(encode(x)) = x for every format of the ground floor; bad bytes cost only a DecodeError."""

from __future__ import annotations

import contextlib
import dataclasses

import eth_abi
import pytest
import strategies as chain_st
from hypothesis import given
from hypothesis import strategies as st

from chain import abi, rlp
from chain.block import decode_block, decode_header, decode_withdrawal
from chain.errors import DecodeError
from chain.receipt import bloom_contains, combine_blooms, decode_receipt, logs_bloom
from chain.transaction import decode_transaction, recover_sender

_ITEMS = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5))
_FORMATS = {
    "transaction": (chain_st.transactions(), decode_transaction),
    "receipt": (chain_st.receipts, decode_receipt),
    "header": (chain_st.headers, decode_header),
    "withdrawal": (chain_st.withdrawals, decode_withdrawal),
    "block": (chain_st.blocks, decode_block),
}


def _afresh(value):
    """A copy without the cached bytes, so that encoding really runs."""
    return dataclasses.replace(value)


@given(_ITEMS)
def test_rlp_round_trip(item):
    assert rlp.decode(rlp.encode(item)) == item


@given(st.lists(_ITEMS, max_size=8))
def test_rlp_split_list_gives_back_the_encoded_items(items):
    encoded = [rlp.encode(item) for item in items]
    assert rlp.encode_list(encoded) == rlp.encode(items)
    assert rlp.split_list(rlp.encode(items)) == encoded


@given(st.binary(max_size=40))
def test_rlp_takes_only_what_it_would_write(data):
    try:
        item = rlp.decode(data)
    except DecodeError:
        return
    assert rlp.encode(item) == data


@given(st.integers(0, 2**256 - 1))
def test_rlp_integer_round_trip(number):
    assert rlp.decode_int(rlp.encode_int(number)) == number


@pytest.mark.parametrize("name", _FORMATS)
@given(data=st.data())
def test_format_round_trip(name, data):
    values, decode = _FORMATS[name]
    value = data.draw(values)
    decoded = decode(value.encode())
    assert decoded == value
    assert decoded.hash == value.hash
    assert _afresh(decoded).encode() == value.encode()


@pytest.mark.parametrize("name", _FORMATS)
@given(data=st.data())
def test_format_with_one_byte_changed_is_refused_or_read_as_written(name, data):
    values, decode = _FORMATS[name]
    raw = bytearray(data.draw(values).encode())
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] = data.draw(st.integers(0, 255))
    try:
        decoded = decode(bytes(raw))
    except DecodeError:
        return
    assert _afresh(decoded).encode() == raw


@pytest.mark.parametrize("name", _FORMATS)
@given(data=st.data())
def test_format_cut_short_is_refused(name, data):
    values, decode = _FORMATS[name]
    raw = data.draw(values).encode()
    with pytest.raises(DecodeError):
        decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


@pytest.mark.parametrize("name", _FORMATS)
@given(noise=st.binary(max_size=120))
def test_format_from_noise_raises_only_decode_error(name, noise):
    _, decode = _FORMATS[name]
    with contextlib.suppress(DecodeError):
        decode(noise)


@given(chain_st.signed_transactions())
def test_sender_is_recovered_from_decoded_bytes(pair):
    tx, sender = pair
    assert recover_sender(decode_transaction(tx.encode())) == sender


@given(st.lists(chain_st.logs, max_size=4))
def test_bloom_holds_each_address_and_topic(logs):
    bloom = logs_bloom(logs)
    for log in logs:
        assert all(bloom_contains(bloom, entry) for entry in (log.address, *log.topics))
    assert bloom == combine_blooms(logs_bloom([log]) for log in logs)


# ------------------------------------------------------------------------------------------- abi

_ABI_LEAVES = [
    ("uint256", chain_st.uint256),
    ("uint64", chain_st.uint64),
    ("int8", st.integers(-128, 127)),
    ("int256", st.integers(-(2**255), 2**255 - 1)),
    ("bool", st.booleans()),
    ("address", chain_st.addresses),
    ("bytes4", st.binary(min_size=4, max_size=4)),
    ("bytes32", chain_st.hashes),
    ("bytes", st.binary(max_size=70)),
    ("string", st.text(st.characters(codec="utf-8"), max_size=40)),
]


def _arrays(inner):
    def of(pair):
        name, values = pair
        return st.sampled_from(
            [
                (f"{name}[]", st.lists(values, max_size=3).map(tuple)),
                (f"{name}[2]", st.lists(values, min_size=2, max_size=2).map(tuple)),
            ]
        )

    def tuples(pairs):
        return "(" + ",".join(n for n, _ in pairs) + ")", st.tuples(*[v for _, v in pairs])

    return st.one_of(inner.flatmap(of), st.lists(inner, min_size=1, max_size=3).map(tuples))


_ABI_TYPES = st.recursive(st.sampled_from(_ABI_LEAVES), _arrays, max_leaves=4)


@given(st.data())
def test_abi_agrees_with_eth_abi_and_decodes_what_it_encodes(data):
    pairs = data.draw(st.lists(_ABI_TYPES, max_size=3))
    types = [name for name, _ in pairs]
    values = tuple(data.draw(strategy) for _, strategy in pairs)
    encoded = abi.encode(types, values)
    assert encoded == eth_abi.encode(types, values)
    assert abi.decode(types, encoded) == values


@given(st.data())
def test_abi_decode_of_changed_bytes_raises_only_decode_error(data):
    name, strategy = data.draw(_ABI_TYPES)
    raw = bytearray(abi.encode([name], [data.draw(strategy)]))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DecodeError):
        abi.decode([name], bytes(raw))


@given(_ABI_TYPES, st.binary(max_size=200))
def test_abi_decode_of_noise_raises_only_decode_error(pair, noise):
    with contextlib.suppress(DecodeError):
        abi.decode([pair[0]], noise)


@given(chain_st.transactions((0, 1, 2, 3, 4)))
def test_signing_hash_is_the_same_from_bytes_and_from_fields(tx):
    assert decode_transaction(tx.encode()).signing_hash == _afresh(tx).signing_hash
