"""A trie built in one pass from sorted leaves is the trie of the same keys set one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.crypto.keccak import keccak256
from chain.trie import EMPTY_ROOT, Trie
from chain.trie.bulk import build_trie
from chain.trie.errors import TrieOrderError

# Short keys, so that paths are shared for long and nodes are small enough to be inlined.
leaves = st.dictionaries(
    st.binary(min_size=3, max_size=3), st.binary(min_size=1, max_size=40), max_size=60
)
close = st.dictionaries(
    st.binary(min_size=4, max_size=4).map(lambda key: bytes(byte & 0x11 for byte in key)),
    st.binary(min_size=1, max_size=4),
    max_size=40,
)


def one_by_one(given_leaves):
    trie = Trie({})
    for key, value in given_leaves.items():
        trie.set(key, value)
    return trie.commit()


@settings(max_examples=150, deadline=None)
@given(st.one_of(leaves, close))
def test_root_and_nodes_are_those_of_a_trie_grown_key_by_key(given_leaves):
    nodes = {}
    root = build_trie(sorted(given_leaves.items()), nodes.__setitem__)
    expected_root, expected = one_by_one(given_leaves)
    assert root == expected_root
    if given_leaves:
        assert nodes == expected
        assert dict(Trie(nodes, root).items()) == given_leaves


def test_many_hashed_keys():
    given_leaves = {keccak256(b"%d" % number): b"value %d" % number for number in range(3_000)}
    nodes = {}
    root = build_trie(sorted(given_leaves.items()), nodes.__setitem__)
    assert (root, nodes) == one_by_one(given_leaves)


def test_nothing_has_the_empty_root():
    assert build_trie([], lambda *_: None) == EMPTY_ROOT


@pytest.mark.parametrize("second", [b"\x01\x02", b"\x01\x01", b"\x01", b"\x02\x00\x00"])
def test_keys_out_of_order_are_refused(second):
    with pytest.raises(TrieOrderError, match=f"key 0x{second.hex()} does not follow"):
        build_trie([(b"\x01\x02", b"a"), (second, b"b")], lambda *_: None)
