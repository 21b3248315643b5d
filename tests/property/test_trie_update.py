"""One key of a trie written from the nodes on its way, against the trie itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.crypto.keccak import keccak256
from chain.trie import EMPTY_ROOT, Trie
from evm.step.trie_update import MAX_VALUE_BYTES, TrieUpdateError, look_up, update

# Keys that share long stretches, so that leaves and extensions part at every depth and short
# leaves lie in their parents.
keys = st.tuples(
    st.sampled_from((bytes(30), b"\x11" * 30, bytes(29) + b"\x10", bytes(15) + b"\x0f" * 15)),
    st.integers(0, 3),
    st.sampled_from((0, 1, 2, 16, 17, 0xF0, 0xFF)),
).map(lambda parts: parts[0] + bytes(parts[1:]))
values = st.sampled_from((b"\x01", b"\x80", b"v" * 20, b"w" * 33, b"x" * 60, b"y" * 110))
writes = st.lists(st.tuples(keys, values | st.just(b"")), min_size=1, max_size=40)


class Nodes(dict):
    """Nodes by hash; `opened` are the names asked for, in order."""

    def __init__(self):
        super().__init__()
        self.opened = []

    def open(self, name):
        self.opened.append(name)
        return self[name]

    def root_of(self, entries):
        trie = Trie(self)
        for key, value in entries.items():
            trie.set(key, value)
        root, nodes = trie.commit()
        self.update(nodes)
        return root


@settings(max_examples=300, deadline=None)
@given(writes)
def test_every_write_gives_the_root_of_the_trie(plan):
    nodes, entries, root = Nodes(), {}, EMPTY_ROOT
    for key, value in plan:
        assert look_up(nodes.open, root, key) == entries.get(key, b"")
        written = update(nodes.open, root, key, value)
        entries.pop(key, None)
        if value:
            entries[key] = value
        root = nodes.root_of(entries)
        assert written == root
        assert look_up(nodes.open, root, key) == value


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=300, unique=True), st.data())
def test_hashed_keys_of_a_large_trie(numbers, data):
    nodes = Nodes()
    entries = {keccak256(n.to_bytes(4, "big")): b"z" * (1 + n % 70) for n in numbers}
    root = nodes.root_of(entries)
    for _ in range(6):
        key = keccak256(data.draw(st.integers(0, 10_000)).to_bytes(4, "big"))
        value = data.draw(values | st.just(b""))
        assert look_up(nodes.open, root, key) == entries.get(key, b"")
        written = update(nodes.open, root, key, value)
        entries.pop(key, None)
        if value:
            entries[key] = value
        root = nodes.root_of(entries)
        assert written == root


def test_only_the_nodes_on_the_way_and_the_lone_sibling_are_opened():
    nodes = Nodes()
    first, second, third = bytes(32), b"\x10" + bytes(31), b"\x11" + bytes(31)
    root = nodes.root_of(dict.fromkeys((first, second, third), b"v" * 40))
    update(nodes.open, root, second, b"w" * 40)
    assert len(nodes.opened) == 3  # branch, branch, leaf
    nodes.opened.clear()
    update(nodes.open, root, second, b"")
    assert len(nodes.opened) == 4  # and the leaf that stays
    nodes.opened.clear()
    assert update(nodes.open, root, b"\x12" + bytes(31), b"") == root
    assert len(nodes.opened) == 2


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (b"", "not a list"),
        (b"\x83abc", "not a list"),
        (b"\xc2\x20\x01\x00", "its header says"),
        (b"\xc3\x20\x01\x01", "2 or 17 items"),
        (b"\xc3\x20\x82\x01", "past the end"),
        (b"\xc2\x40\x01", "flags"),
        (b"\xc2\x21\x80", "flags"),
        (b"\xc2\x20\x80", "a leaf whose value"),
        (b"\xc3\x20\x81\x01", "stands for itself"),
        (b"\xc2\x00\x01", "without a path"),
        (b"\xc2\x11\x01", "neither a hash"),
        (b"\xd1" + b"\x80" * 16 + b"\x01", "a branch with a value"),
        (b"\xd1" + b"\x80" * 15 + b"\x01\x80", "neither a hash"),
    ],
)
def test_what_is_no_node_is_refused(node, reason):
    root = keccak256(node)
    with pytest.raises(TrieUpdateError, match=reason):
        update({root: node}.__getitem__, root, bytes(32), b"v")


def test_a_key_or_value_of_another_length_is_refused():
    with pytest.raises(TrieUpdateError, match="key of 31 bytes"):
        look_up({}.__getitem__, EMPTY_ROOT, bytes(31))
    with pytest.raises(TrieUpdateError, match="value of 129 bytes"):
        update({}.__getitem__, EMPTY_ROOT, bytes(32), bytes(MAX_VALUE_BYTES + 1))
