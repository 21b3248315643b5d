"""What the phases of a block cut into pieces, against the same done at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.crypto.keccak import keccak256
from chain.trie import ordered_trie_root
from evm.fastlz import fastlz_size
from evm.step.fastlz_steps import EMPTY_TABLE, FastLz, advance, final_size, is_over
from evm.step.ordered_trie import (
    MAX_BUILDER_BYTES,
    add_leaf,
    at_place,
    leaf_head,
    leaf_reference,
)
from evm.step.streams import FRESH_CARRY, MAX_CARRY_BYTES, absorbed, digest


def rebuilt(values):
    count, builder = len(values), b""
    for place in range(count):
        index = at_place(place, count)
        value = values[index]
        node = leaf_head(index, count, len(value), value[:1]) + value
        builder = add_leaf(builder, place, count, leaf_reference(node))
        assert len(builder) <= MAX_BUILDER_BYTES
    return builder


@pytest.mark.parametrize("count", [*range(1, 20), 127, 128, 129, 130, 143, 144, 145, 255, 256, 300])
def test_a_list_of_every_kind_of_length_has_the_root_of_the_trie(count):
    values = [bytes((index % 251, 7)) * (1 + index % 40) for index in range(count)]
    assert rebuilt(values) == ordered_trie_root(values)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=150))
def test_a_list_of_short_values_has_the_root_of_the_trie(values):
    assert rebuilt(values) == ordered_trie_root(values)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8))
def test_pieces_hash_as_the_whole(pieces):
    carry = FRESH_CARRY
    for piece in pieces:
        carry = absorbed(carry, piece)
        assert len(carry) <= MAX_CARRY_BYTES
    assert digest(carry) == keccak256(b"".join(pieces))


compressible = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.integers(0, 3000).map(bytes),
        st.tuples(st.binary(min_size=1, max_size=9), st.integers(1, 400)).map(
            lambda pair: pair[0] * pair[1]
        ),
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(compressible)
def test_fastlz_in_pieces_gives_the_same_length(data):
    assert stepped(data) == fastlz_size(data)


def test_fastlz_in_pieces_looks_as_far_back_as_fastlz():
    block = keccak256(b"1") + keccak256(b"2")
    for distance in (8190, 8191, 8192, 8200, 70_000):
        noise = b"".join(keccak256(bytes((n & 255, n >> 8))) for n in range(distance // 32 + 1))
        data = block + noise[: distance - len(block)] + block + b"end of the transaction"
        assert stepped(data) == fastlz_size(data)


def test_fastlz_goes_on_behind_16_mib():
    """What is looked at is the same wherever it stands: a place has as many bits as a length."""
    text = keccak256(b"first") + bytes(2000) + keccak256(b"1") * 9 + bytes(range(256)) * 9
    sizes = []
    for start in (0, 2**24 - 1000, 2**32 - len(text) - 1):
        state, table = FastLz(start + 2, start), bytearray(EMPTY_TABLE)
        while not is_over(state, start + len(text)):
            advance(
                state, table, start + len(text),
                lambda first, end, start=start: text.rjust(2**14)[
                    first - start - len(text) + 2**14 : end - start - len(text) + 2**14
                ],
            )  # fmt: skip
        sizes.append(final_size(state, start + len(text)))
    assert sizes == [fastlz_size(text)] * 3


def stepped(data):
    state, table = FastLz(), bytearray(EMPTY_TABLE)
    while not is_over(state, len(data)):
        advance(state, table, len(data), lambda start, end: data[start:end])
    return final_size(state, len(data))
