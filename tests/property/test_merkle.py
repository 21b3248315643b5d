"""Merkle trees: each leaf proves itself at its place, and nowhere else."""

from __future__ import annotations

import strategies as chain_st
from hypothesis import assume, given
from hypothesis import strategies as st

from chain.attestation import shares_leaf, shares_proof, shares_root
from chain.crypto.merkle import leaf_hash, merkle_proof, merkle_root, verify_merkle

_leaves = st.lists(chain_st.hashes, min_size=1, max_size=40)


@given(_leaves, st.data())
def test_merkle_proof_of_each_leaf_verifies(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = merkle_proof(leaves, index)
    assert verify_merkle(merkle_root(leaves), leaves[index], index, len(leaves), proof)
    assert len(proof) <= (len(leaves) - 1).bit_length()


@given(_leaves, st.data())
def test_merkle_proof_of_another_leaf_place_or_sibling_fails(leaves, data):
    count, root = len(leaves), merkle_root(leaves)
    index = data.draw(st.integers(0, count - 1))
    proof = merkle_proof(leaves, index)
    other = data.draw(chain_st.hashes)
    assume(other != leaves[index])
    assert not verify_merkle(root, other, index, count, proof)
    assert not verify_merkle(root, leaves[index], index, count, [*proof, other])
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        assume(other != proof[place])
        changed = [*proof[:place], other, *proof[place + 1 :]]
        assert not verify_merkle(root, leaves[index], index, count, changed)
        assert not verify_merkle(root, leaves[index], index, count, proof[:-1])


@given(_leaves, st.integers(-5, 60), st.integers(-5, 60), st.lists(st.binary(max_size=40)))
def test_merkle_verification_of_any_numbers_and_words_only_answers(leaves, index, count, proof):
    root = merkle_root(leaves)
    assert verify_merkle(root, bytes(32), index, count, proof) in (True, False)


@given(st.lists(chain_st.hashes, min_size=2, max_size=20))
def test_merkle_root_depends_on_order(leaves):
    assume(leaves[0] != leaves[1])
    swapped = [leaves[1], leaves[0], *leaves[2:]]
    assert merkle_root(leaves) != merkle_root(swapped)


@given(chain_st.hashes, chain_st.hashes)
def test_merkle_node_cannot_pass_as_leaf(left, right):
    assert merkle_root([left, right]) != leaf_hash(left + right)


@given(st.lists(st.tuples(chain_st.addresses, st.integers(0, 10**6)), min_size=1), st.data())
def test_each_share_proves_itself(shares, data):
    index = data.draw(st.integers(0, len(shares) - 1))
    proof = shares_proof(shares, index)
    leaf = shares_leaf(index, *shares[index])
    assert verify_merkle(shares_root(shares), leaf, index, len(shares), proof)
