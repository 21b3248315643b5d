"""The trie against a plain dict, for keys short enough to meet every shape of node."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.trie import EMPTY_ROOT, ProofError, Trie, verify_proof

# Few distinct nibbles and lengths of one to four make prefixes, inlined nodes and branch values.
short_keys = st.lists(st.sampled_from([0x00, 0x01, 0x10, 0x11]), min_size=1, max_size=4).map(bytes)
hashed_keys = st.binary(min_size=32, max_size=32)
values = st.one_of(st.binary(min_size=1, max_size=4), st.binary(min_size=30, max_size=70))
contents = st.dictionaries(st.one_of(short_keys, hashed_keys), values, max_size=24)
steps = st.lists(
    st.tuples(st.sampled_from(["set", "delete", "root", "commit", "reopen"]), short_keys, values),
    max_size=60,
)


def build(pairs: dict[bytes, bytes]) -> Trie:
    trie = Trie({})
    for key, value in pairs.items():
        trie.set(key, value)
    return trie


@given(contents)
def test_trie_holds_what_a_dict_holds_and_lists_it_in_key_order(pairs):
    trie = build(pairs)
    assert list(trie.items()) == sorted(pairs.items())
    assert all(trie.get(key) == value for key, value in pairs.items())


@given(contents, st.randoms(use_true_random=False))
def test_root_does_not_depend_on_the_order_of_writes(pairs, random):
    shuffled = list(pairs.items())
    random.shuffle(shuffled)
    assert build(dict(shuffled)).root_hash() == build(pairs).root_hash()


@given(steps)
def test_any_run_of_writes_roots_commits_and_reopenings_leaves_the_dict_of_the_run(run):
    nodes: dict[bytes, bytes] = {}
    trie = Trie(nodes)
    model: dict[bytes, bytes] = {}
    for step, key, value in run:
        if step == "set":
            trie.set(key, value)
            model[key] = value
        elif step == "delete":
            trie.delete(key)
            model.pop(key, None)
        elif step == "root":
            assert trie.root_hash() == build(model).root_hash()
        else:
            root, new = trie.commit()
            nodes.update(new)
            if step == "reopen":
                trie = Trie(nodes, root)
        assert trie.get(key) == model.get(key)
    root, new = trie.commit()
    nodes.update(new)
    assert root == build(model).root_hash()
    assert dict(Trie(nodes, root).items()) == model


@given(contents)
def test_deleting_everything_leads_back_to_the_empty_root(pairs):
    trie = build(pairs)
    for key in pairs:
        trie.delete(key)
    assert trie.root_hash() == EMPTY_ROOT


@given(contents, st.one_of(short_keys, hashed_keys))
def test_proof_shows_presence_or_absence_of_any_key(pairs, other):
    trie = build(pairs)
    root = trie.root_hash()
    for key in [*pairs, other]:
        assert verify_proof(root, key, trie.prove(key)) == pairs.get(key)


@given(contents.filter(bool), st.data())
def test_any_change_to_a_proof_is_refused(pairs, data):
    trie = build(pairs)
    root = trie.root_hash()
    key = data.draw(st.one_of(st.sampled_from(sorted(pairs)), short_keys))
    proof = trie.prove(key)
    place = data.draw(st.integers(0, len(proof) - 1))
    node = bytearray(proof[place])
    node[data.draw(st.integers(0, len(node) - 1))] ^= data.draw(st.integers(1, 255))
    changed = [*proof[:place], bytes(node), *proof[place + 1 :]]
    for bad in (changed, proof[:-1], [*proof, proof[-1]], [*proof, b""], proof[1:]):
        with pytest.raises(ProofError):
            verify_proof(root, key, bad)


@settings(max_examples=300)
@given(st.binary(max_size=80), st.binary(min_size=1, max_size=4))
def test_any_bytes_offered_as_a_node_are_read_or_refused_with_a_proof_error(node, key):
    from chain.crypto.keccak import keccak256

    try:
        verify_proof(keccak256(node), key, [node])
    except ProofError as error:
        assert str(error)
