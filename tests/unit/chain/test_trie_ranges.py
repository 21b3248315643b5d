"""Ranges of a trie: together they are the trie, and no altered one is taken."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from chain.crypto.keccak import keccak256
from chain.trie import EMPTY_ROOT, MissingNode, ProofError
from chain.trie.bulk import build_trie
from chain.trie.ranges import FIRST_KEY, LAST_KEY, TrieRange, check_range, read_range


def trie(count: int, seed: int = 1, prefix: bytes = b""):
    """Leaves in order, nodes by hash, root; values of sizes that inline and do not."""
    rng = Random(seed)
    made = {
        prefix + keccak256(rng.randbytes(8))[len(prefix) :]: rng.randbytes(rng.choice((1, 3, 70)))
        for _ in range(count)
    }
    leaves = sorted(made.items())
    nodes: dict[bytes, bytes] = {}
    return leaves, nodes, build_trie(leaves, nodes.__setitem__)


def ranges(nodes, root, most_leaves):
    start = FIRST_KEY
    while True:
        found = read_range(nodes.get, root, start, most_leaves=most_leaves, most_bytes=10**9)
        yield found
        if found.is_last:
            return
        start = found.following


@pytest.mark.parametrize("count", [1, 2, 3, 16, 17, 200])
@pytest.mark.parametrize("most", [1, 3, 50, 1000])
def test_ranges_in_turn_give_every_leaf_and_every_node_once(count, most) -> None:
    leaves, nodes, root = trie(count)
    found, made = [], []
    for part in ranges(nodes, root, most):
        made += check_range(root, part)
        found += part.leaves
    assert found == leaves
    assert len(made) == len(nodes)
    assert dict(made) == nodes


def test_keys_that_share_almost_everything() -> None:
    _, nodes, root = trie(40, prefix=b"\xab" * 31)
    made = []
    for part in ranges(nodes, root, 3):
        made += check_range(root, part)
    assert dict(made) == nodes


def test_the_size_ends_a_range_after_one_leaf_at_least() -> None:
    _, nodes, root = trie(50)
    part = read_range(nodes.get, root, FIRST_KEY, most_leaves=50, most_bytes=1)
    assert len(part.leaves) == 1
    check_range(root, part)


def test_the_empty_trie_has_one_empty_range() -> None:
    part = read_range({}.get, EMPTY_ROOT, FIRST_KEY, most_leaves=5, most_bytes=5)
    assert part == TrieRange(FIRST_KEY, LAST_KEY, ())
    assert check_range(EMPTY_ROOT, part) == []
    with pytest.raises(ProofError):
        check_range(EMPTY_ROOT, replace(part, leaves=((FIRST_KEY, b"x"),)))


def test_a_trie_that_is_not_whole_says_which_node_is_missing() -> None:
    _, nodes, root = trie(100)
    del nodes[next(key for key in nodes if key != root)]
    with pytest.raises(MissingNode):
        list(ranges(nodes, root, 1000))


def middle(most: int = 20) -> tuple[bytes, TrieRange]:
    leaves, nodes, root = trie(200)
    start = leaves[60][0]
    return root, read_range(nodes.get, root, start, most_leaves=most, most_bytes=10**9)


SPOILS = {
    "one left out": lambda r: replace(r, leaves=r.leaves[:7] + r.leaves[8:]),
    "the first left out": lambda r: replace(r, leaves=r.leaves[1:]),
    "the last left out": lambda r: replace(r, leaves=r.leaves[:-1]),
    "all left out": lambda r: replace(r, leaves=()),
    "one altered": lambda r: replace(
        r, leaves=(*r.leaves[:5], (r.leaves[5][0], b"other"), *r.leaves[6:])
    ),
    "one added": lambda r: replace(
        r, leaves=(*r.leaves[:5], (r.leaves[4][0][:-1] + b"\xff", b"new"), *r.leaves[5:])
    ),
    "out of order": lambda r: replace(r, leaves=r.leaves[::-1]),
    "without its value": lambda r: replace(r, leaves=(*r.leaves[:-1], (r.leaves[-1][0], b""))),
    "a node left out": lambda r: replace(r, nodes=r.nodes[1:]),
    "another node left out": lambda r: replace(r, nodes=r.nodes[:-1]),
    "a node altered": lambda r: replace(r, nodes=(r.nodes[0][:-1] + b"\x01", *r.nodes[1:])),
    "a node too many": lambda r: replace(r, nodes=(*r.nodes, b"\xc2\x01\x02")),
    "a node twice": lambda r: replace(r, nodes=(*r.nodes, r.nodes[0])),
    "said to be the last": lambda r: replace(r, end=LAST_KEY),
    "said to end later": lambda r: replace(r, end=bytes((r.end[0] + 8,)) + r.end[1:]),
    "said to end earlier": lambda r: replace(r, end=r.leaves[-2][0]),
    "said to begin earlier": lambda r: replace(r, start=FIRST_KEY),
    "ends before it begins": lambda r: replace(r, end=FIRST_KEY, leaves=()),
}


@pytest.mark.parametrize("how", SPOILS)
def test_no_altered_range_is_taken(how) -> None:
    root, part = middle()
    check_range(root, part)
    with pytest.raises(ProofError):
        check_range(root, SPOILS[how](part))


def test_a_range_between_two_leaves_proves_that_there_is_none() -> None:
    leaves, nodes, root = trie(200)
    low = (int.from_bytes(leaves[9][0], "big") + 1).to_bytes(32, "big")
    part = read_range(nodes.get, root, low, most_leaves=1, most_bytes=10**9)
    high = (int.from_bytes(part.end, "big") - 1).to_bytes(32, "big")
    # With the nodes across the borders of the larger range, which are those of this one and more.
    shorter = TrieRange(low, high, (), part.nodes)
    try:
        made = check_range(root, shorter)
    except ProofError as error:
        assert "nodes are needed" in str(error)
    else:
        assert all(node in nodes.values() for _, node in made)


def test_random_alterations_are_refused() -> None:
    """Bits of leaves and nodes flipped: a check never passes with other leaves than the trie's."""
    rng = Random(5)
    root, part = middle(40)
    for _ in range(300):
        leaves, nodes = list(part.leaves), list(part.nodes)
        target = rng.choice(("value", "key", "node"))
        if target == "node":
            index = rng.randrange(len(nodes))
            nodes[index] = flipped(rng, nodes[index])
        else:
            index = rng.randrange(len(leaves))
            key, value = leaves[index]
            leaves[index] = (
                (flipped(rng, key), value)
                if target == "key"
                else (
                    key,
                    flipped(rng, value),
                )
            )
        with pytest.raises(ProofError):
            check_range(root, replace(part, leaves=tuple(leaves), nodes=tuple(nodes)))


def flipped(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ (1 << rng.randrange(8)),)) + data[at + 1 :]
