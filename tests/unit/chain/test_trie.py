"""The trie where properties do not reach: missing nodes, malformed nodes, known roots, counting."""

from __future__ import annotations

import pytest

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.trie import (
    EMPTY_ROOT,
    MissingNode,
    ProofError,
    Trie,
    TrieNodeError,
    hashes_in,
    ordered_trie_root,
    verify_proof,
)
from chain.trie.node import decode_node, nibbles

OWNER = bytes(range(20))
WORKED_PROOF = [  # docs/protocol/trie.md
    "e216a0bd3ee507e6c67cfefca98f84be47c1bbc009315fabc4405db4ba32190374572a",
    "f84080808080a094a9f95bd89698e4da1812e0518053813b4d5b87caaf6b3c6fa57e9e50c0ff6880"
    "8080cf85206f727365887374616c6c696f6e8080808080808080",
    "e482006fa0d43b87fdcd4217013ccc92d04662e12d36e4cc25dc690077cd821a1956fc3e36",
    "f3808080808080de17dc808080808080c63584636f696e8080808080808080808570757070798080"
    "808080808080808476657262",
]


def filled(count: int = 100) -> tuple[dict[bytes, bytes], bytes, list[bytes]]:
    """Nodes, root and keys of a trie with hashed keys."""
    trie = Trie({})
    keys = [keccak256(bytes((number,))) for number in range(count)]
    for key in keys:
        trie.set(key, key)
    root, nodes = trie.commit()
    return dict(nodes), root, keys


def test_empty_root_is_the_one_of_the_yellow_paper():
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert Trie({}).commit() == (EMPTY_ROOT, {})


def test_worked_example_of_the_trie_document():
    trie = Trie({})
    for key, value in (
        (b"do", b"verb"),
        (b"dog", b"puppy"),
        (b"doge", b"coin"),
        (b"horse", b"stallion"),
    ):
        trie.set(key, value)
    root, nodes = trie.commit()
    assert root.hex() == "5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84"
    proof = trie.prove(b"dog")
    assert [node.hex() for node in proof] == WORKED_PROOF
    assert set(proof) <= set(nodes.values())
    assert verify_proof(root, b"dog", proof) == b"puppy"


def test_root_after_each_write_leaves_only_the_last_nodes_to_store():
    one, many = Trie({}), Trie({})
    for number in range(200):
        key = keccak256(bytes((number,)))
        one.set(key, b"x" * 40)
        many.set(key, b"y" * 40)
        many.root_hash()
        many.set(key, b"x" * 40)
        many.root_hash()
    assert many.commit() == one.commit()


def test_commit_hands_out_only_what_is_new():
    nodes, root, keys = filled()
    trie = Trie(nodes, root)
    assert trie.commit() == (root, {})
    trie.set(keys[3], b"other")
    _, new = trie.commit()
    assert 0 < len(new) <= 4
    assert not new.keys() & nodes.keys()
    assert trie.commit()[1] == {}


def test_writing_what_is_there_already_changes_nothing():
    nodes, root, keys = filled()
    trie = Trie(nodes, root)
    for key in keys:
        trie.set(key, key)
    trie.delete(keccak256(b"never there"))
    assert trie.commit() == (root, {})


def test_missing_node_names_hash_path_and_owner():
    nodes, root, keys = filled()
    victim = next(node for node in Trie(nodes, root).prove(keys[0])[1:])
    del nodes[keccak256(victim)]
    with pytest.raises(MissingNode) as caught:
        Trie(nodes, root, owner=OWNER).get(keys[0])
    assert caught.value.node_hash == keccak256(victim)
    assert caught.value.path == keys[0].hex()[0]
    assert caught.value.owner == OWNER
    for part in (keccak256(victim).hex(), f"path {keys[0].hex()[0]}", OWNER.hex()):
        assert part in str(caught.value)


def test_missing_root_is_named_as_such():
    with pytest.raises(MissingNode, match=r"\(root\)"):
        Trie({}, b"\x01" * 32).get(b"a")


@pytest.mark.parametrize("action", ["set", "delete", "collapse"])
def test_write_that_meets_a_missing_node_changes_nothing_and_succeeds_when_it_arrives(action):
    trie = Trie({})
    for key in (b"\x10\x01", b"\x10\x02", b"\x11\x01", b"\x11\x02", b"\x20"):
        trie.set(key, key * 20)
    root, new = trie.commit()
    for missing in [key for key in new if key != root]:
        nodes = {key: value for key, value in new.items() if key != missing}
        trie = Trie(nodes, root)
        write = {
            "set": lambda trie=trie: trie.set(b"\x11\x03", b"new" * 20),
            "delete": lambda trie=trie: trie.delete(b"\x11\x02"),
            "collapse": lambda trie=trie: (trie.delete(b"\x20"), trie.delete(b"\x10\x01")),
        }[action]
        try:
            write()
        except MissingNode:
            nodes[missing] = new[missing]
            write()
        nodes[missing] = new[missing]
        model = dict(Trie(new, root).items())
        if action == "set":
            model[b"\x11\x03"] = b"new" * 20
        for key in {"delete": [b"\x11\x02"], "collapse": [b"\x20", b"\x10\x01"]}.get(action, []):
            del model[key]
        assert dict(trie.items()) == model
        fresh = Trie({})
        for key, value in model.items():
            fresh.set(key, value)
        assert trie.root_hash() == fresh.root_hash()


MALFORMED = {
    "nothing": "",
    "a string": "8443617421",
    "an empty list": "c0",
    "three items": "c3010203",
    "a length beyond the end": "c883202020",
    "bytes after the list": "c2200100",
    "a short form written long": "f80220" + "01",
    "a length with a leading zero": "f90002" + "2001",
    "a single byte wrapped as a string": "c3208101",
    "an item past the end": "c22083",
    "a path flag above 3": "c24001",
    "a padding nibble that is not zero": "c22101",
    "an empty path string": "c28001",
    "a leaf without a value": "c22080",
    "an extension without a path": "e200a0" + "11" * 32,
    "an extension to a short string": "c2118101",
    "a path that is a list": "c3c12001",
    "a value that is a list": "c320c101",
    "a branch with a short child": "d1" + "01" + "80" * 16,
    "a branch whose child is a long list": "f841" + "f02e" + "80" * 63,
    "a branch with a list for a value": "d2" + "80" * 16 + "c101",
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_node_is_refused_in_a_proof_and_in_a_store(case):
    data = bytes.fromhex(MALFORMED[case])
    with pytest.raises(TrieNodeError):
        decode_node(data)
    root = keccak256(data)
    with pytest.raises(ProofError, match="root"):
        verify_proof(root, b"\x20", [data])
    with pytest.raises(DecodeError, match="root"):
        Trie({root: data}, root).get(b"\x20")


def test_inline_child_that_is_malformed_is_named_with_its_path():
    # A branch of 17 items whose second child is the empty list.
    data = bytes.fromhex("d1" + "80c0" + "80" * 15)
    with pytest.raises(ProofError, match="path 1"):
        verify_proof(keccak256(data), b"\x1f", [data])


@pytest.mark.parametrize("proof", [[b"\x80", b"\x80"], [b""], [b"\xc0"]])
def test_proof_about_the_empty_trie_has_no_nodes(proof):
    assert verify_proof(EMPTY_ROOT, b"key", []) is None
    assert verify_proof(EMPTY_ROOT, b"key", [b"\x80"]) is None
    with pytest.raises(ProofError, match="empty"):
        verify_proof(EMPTY_ROOT, b"key", proof)


def test_proof_says_what_it_lacks():
    nodes, root, keys = filled()
    proof = Trie(nodes, root).prove(keys[5])
    with pytest.raises(ProofError, match=f"ends after {len(proof) - 1} nodes"):
        verify_proof(root, keys[5], proof[:-1])
    with pytest.raises(ProofError, match="the proof has"):
        verify_proof(root, keys[5], [*proof, proof[0]])
    with pytest.raises(ProofError, match="node 0 at path"):
        verify_proof(b"\x07" * 32, keys[5], proof)
    with pytest.raises(ProofError):
        verify_proof(root, keys[6], proof)


def test_proof_of_a_key_does_not_prove_another():
    nodes, root, keys = filled()
    trie = Trie(nodes, root)
    absent = keccak256(b"absent")
    assert verify_proof(root, absent, trie.prove(absent)) is None
    for key in keys[:10]:
        if trie.prove(key) != trie.prove(absent):
            with pytest.raises(ProofError):
                verify_proof(root, key, trie.prove(absent))


def test_proof_with_changes_not_yet_committed_holds_for_the_new_root():
    nodes, root, keys = filled()
    trie = Trie(nodes, root)
    trie.set(keys[7], b"new")
    proof = trie.prove(keys[7])
    assert verify_proof(trie.root_hash(), keys[7], proof) == b"new"


def test_ordered_root_of_nothing_is_the_empty_root():
    assert ordered_trie_root([]) == EMPTY_ROOT


@pytest.mark.parametrize("length", [1, 100])
def test_ordered_root_is_that_of_a_trie_over_rlp_indices(length):
    trie, values = Trie({}), []
    counts = {*range(20), *range(120, 135), 255, 256, 257, 300, 1000}
    for number in range(1000):
        values.append(bytes((number % 256,)) * (1 + number % length))
        trie.set(rlp.encode(rlp.encode_int(number)), values[-1])
        if len(values) in counts:
            assert ordered_trie_root(values) == trie.root_hash()


def test_ordered_root_of_more_values_than_two_bytes_count():
    values = [b"value %d" % number for number in range(65_600)]
    trie = Trie({})
    for number, value in enumerate(values):
        trie.set(rlp.encode(rlp.encode_int(number)), value)
    assert ordered_trie_root(values) == trie.root_hash()


def test_nibbles_of_a_key():
    assert nibbles(b"\x01\xef") == bytes((0, 1, 14, 15))


def test_keys_of_sixty_four_bytes_that_share_all_but_the_end():
    trie = Trie({})
    keys = [b"\x00" * length for length in range(1, 65)]
    for key in keys:
        trie.set(key, key + b"!")
    root, nodes = trie.commit()
    again = Trie(nodes, root)
    assert list(again.items()) == [(key, key + b"!") for key in keys]
    for key in keys:
        assert verify_proof(root, key, again.prove(key)) == key + b"!"
    for key in keys:
        again.delete(key)
    assert again.root_hash() == EMPTY_ROOT


def many(nodes):
    """What a Fetch would do, over a dict; each call is noted."""
    calls: list[list[bytes]] = []

    def fetch(hashes):
        calls.append(list(hashes))
        return [nodes.get(node_hash) for node_hash in hashes]

    return fetch, calls


def test_what_was_read_ahead_is_not_read_again():
    nodes, root, keys = filled(100)
    absent = keccak256(b"absent")
    only_root = {root: nodes[root]}
    trie = Trie(only_root, root)
    fetch, calls = many(nodes)
    trie.read_ahead([*keys[:50], absent], fetch)
    assert all(call == sorted(call) for call in calls)
    assert len(calls) <= 4  # one for each depth
    assert [trie.get(key) for key in keys[:50]] == keys[:50]
    assert trie.get(absent) is None
    for key in keys[:50]:
        trie.set(key, b"new")
    slow = Trie(nodes, root)
    for key in keys[:50]:
        slow.set(key, b"new")
    assert trie.commit() == slow.commit()
    assert sorted(trie.take_retired()) == sorted(slow.take_retired())
    calls.clear()
    trie.read_ahead(keys[:50], fetch)
    assert not any(calls)


def test_reading_ahead_goes_through_extensions_inlined_nodes_and_short_keys():
    trie = Trie({})
    pairs = {b"\x00" * length: bytes((length,)) * 40 for length in range(1, 20)}
    pairs |= {b"\x10\x20" + bytes((number,)): b"x" for number in range(16)}
    for key, value in pairs.items():
        trie.set(key, value)
    root, nodes = trie.commit()
    ahead = Trie({root: nodes[root]}, root)
    ahead.read_ahead([*pairs, b"", b"\x01", b"\x10\x30"], many(nodes)[0])
    assert dict(ahead.items()) == pairs


def test_what_cannot_be_read_ahead_is_an_error_when_it_is_needed():
    nodes, root, keys = filled(100)
    ways = {key: Trie(nodes, root).prove(key) for key in keys[:2]}
    last, other = (keccak256(ways[key][-1]) for key in keys[:2])
    damaged = {node_hash: node for node_hash, node in nodes.items() if node_hash != last}
    damaged[other] = b"\xc1\x80"
    trie = Trie(damaged, root)
    trie.read_ahead(keys, many(damaged)[0])
    with pytest.raises(MissingNode):
        trie.get(keys[0])
    with pytest.raises(TrieNodeError):
        trie.get(keys[1])
    assert [trie.get(key) for key in keys[2:]] == keys[2:]


def test_same_node_in_two_places_is_read_for_each():
    trie = Trie({})
    value = b"v" * 40
    for first in (b"\x00", b"\x10"):
        for rest in (b"\x01", b"\x21"):
            trie.set(first + rest, value)
    root, nodes = trie.commit()
    ahead, slow = Trie(nodes, root), Trie(nodes, root)
    ahead.read_ahead([b"\x00\x01", b"\x10\x01"], many(nodes)[0])
    for changed in (ahead, slow):
        changed.set(b"\x00\x01", b"w" * 40)
    assert ahead.get(b"\x10\x01") == value
    assert ahead.root_hash() == slow.root_hash()


def test_nodes_that_lose_their_place_are_told_once():
    nodes, root, keys = filled(40)
    trie = Trie(nodes, root)
    trie.set(keys[0], b"other")
    trie.root_hash()
    trie.set(keys[0], b"another")  # what was hashed in between was never handed out
    retired = trie.take_retired()
    assert trie.take_retired() == []
    assert set(retired) == {keccak256(node) for node in Trie(nodes, root).prove(keys[0])}
    assert len(retired) == len(set(retired))
    _, made = trie.commit()
    proof = trie.prove(keys[0])
    assert set(made) == {keccak256(node) for node in proof}


@pytest.mark.parametrize("count", [1, 2, 3, 17, 100])
def test_made_less_retired_is_the_difference_of_two_tries(count):
    nodes, root, keys = filled(100)
    trie = Trie(nodes, root)
    for key in keys[:count]:
        trie.delete(key)
    after, made = trie.commit()
    assert reachable(nodes, root) - set(trie.take_retired()) | set(made) == reachable(
        nodes | made, after
    )


def reachable(nodes, root) -> set[bytes]:
    """The hashes of a trie's nodes."""
    found, waiting = set(), [] if root == EMPTY_ROOT else [root]
    while waiting:
        found.add(waiting.pop())
        waiting = [each for known in found for each in hashes_in(nodes[known]) if each not in found]
    return found
