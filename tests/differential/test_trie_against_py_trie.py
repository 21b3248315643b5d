"""Our trie against py-trie: the same roots, and proofs that each accepts of the other."""

from __future__ import annotations

import rlp
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from chain.trie import Trie, verify_proof

keys = st.one_of(
    st.lists(st.sampled_from([0x00, 0x01, 0x10, 0x11]), min_size=1, max_size=3).map(bytes),
    st.binary(min_size=32, max_size=32),
)
values = st.one_of(st.binary(max_size=3), st.binary(min_size=30, max_size=60))
writes = st.lists(st.tuples(keys, values, st.booleans()), max_size=30)


def write_both(run) -> tuple[Trie, HexaryTrie]:
    ours, theirs = Trie({}), HexaryTrie({})
    for key, value, look in run:
        ours.set(key, value)
        theirs.set(key, value)
        if look:
            assert ours.root_hash() == theirs.root_hash
    assert ours.root_hash() == theirs.root_hash
    return ours, theirs


@settings(deadline=None)
@given(writes)
def test_same_writes_and_deletions_give_the_same_root(run):
    write_both(run)


@settings(deadline=None)
@given(writes, keys)
def test_each_accepts_the_proofs_of_the_other(run, other):
    ours, theirs = write_both(run)
    for key in {other, *(key for key, _, _ in run)}:
        value = theirs.get(key)
        proof = [rlp.decode(node) for node in ours.prove(key)]
        assert HexaryTrie.get_from_proof(ours.root_hash(), key, proof) == value
        # py-trie lists inlined nodes too; they are inside their parents.
        nodes = [rlp.encode(node) for node in theirs.get_proof(key)]
        listed = [node for place, node in enumerate(nodes) if place == 0 or len(node) >= 32]
        assert verify_proof(theirs.root_hash, key, listed) == (value or None)
