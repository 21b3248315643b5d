"""One key of a Merkle-Patricia trie looked up or written, with nothing but the nodes on its way.

`open_name(hash)` gives the RLP of the node with that Keccak-256; nodes are opened from the root
down, and last, where a branch is left with one child, that child. A node shorter than 32 bytes lies
in its parent and is not opened. Keys are 32 bytes, as in the tries of accounts and of storage, so
a branch holds no value. The twin on L1 does the same in the same order. Knows nothing of what the
values are. Source: Yellow Paper, appendix D.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError

Opener = Callable[[bytes], bytes]
"""The preimage of a 32-byte name."""
Keep = Callable[[bytes], None]
"""Takes the RLP of a node that has been made, so that it can be opened later."""

EMPTY_ROOT: Final = keccak256(b"\x80")
MAX_NODE_BYTES: Final = 532
"""A branch of sixteen hashes."""
MAX_VALUE_BYTES: Final = 128
"""The RLP of an account has at most 110, that of a storage word 33."""

_NOTHING: Final = b"\x80"
_HASH: Final = 0xA0
_HASH_BYTES: Final = 33
_INLINE_LIMIT: Final = 32
_KEY_NIBBLES: Final = 64
_CHILDREN: Final = 16


class TrieUpdateError(DecodeError):
    """A node is not what a trie over 32-byte keys holds, or not canonical."""


@dataclass(frozen=True, slots=True)
class _Short:
    """A leaf or an extension: a stretch of path, and the RLP item behind it."""

    path: bytes
    is_leaf: bool
    item: bytes

    def encode(self) -> bytes:
        return _list(_string(_hex_prefix(self.path, is_leaf=self.is_leaf)) + self.item)

    def below(self, path: bytes) -> _Short:
        """The same with more path before it."""
        return _Short(path + self.path, self.is_leaf, self.item)


@dataclass(frozen=True, slots=True)
class _Branch:
    items: tuple[bytes, ...]

    def encode(self) -> bytes:
        return _list(b"".join(self.items))

    def with_child(self, nibble: int, item: bytes) -> _Branch:
        return _Branch((*self.items[:nibble], item, *self.items[nibble + 1 :]))


_Node = _Short | _Branch


def look_up(open_name: Opener, root: bytes, key: bytes) -> bytes:
    """The value of a 32-byte key, empty where there is none. Raises TrieUpdateError."""
    _, node, left = _walk(open_name, root, _nibbles(key))
    if isinstance(node, _Short) and node.is_leaf and node.path == left:
        return _payload(node.item)
    return b""


def update(
    open_name: Opener, root: bytes, key: bytes, value: bytes, keep: Keep = lambda _: None
) -> bytes:
    """The root after `key` has been given `value`, an empty one deletes it.

    `keep` takes the nodes that are made. Raises TrieUpdateError.
    """
    if len(value) > MAX_VALUE_BYTES:
        raise TrieUpdateError(f"value of {len(value)} bytes, {MAX_VALUE_BYTES} at most")
    way, node, left = _walk(open_name, root, _nibbles(key))
    if not value:
        is_there = isinstance(node, _Short) and node.is_leaf and node.path == left
        return _without(open_name, way, keep) if is_there else root
    leaf = _Short(left, True, _string(value))
    return _root_above(way, leaf if node is None else _placed(node, leaf, keep), keep)


# -- on the way down


def _walk(
    open_name: Opener, root: bytes, path: bytes
) -> tuple[list[tuple[_Node, int]], _Node | None, bytes]:
    """The nodes gone through, each with the child taken; where the way ends; the path left there.

    It ends at a leaf, at an extension that goes elsewhere, or (None) where a branch has nothing.
    """
    way: list[tuple[_Node, int]] = []
    if root == EMPTY_ROOT:
        return way, None, path
    node = _node(open_name(root))
    while True:
        if isinstance(node, _Branch):
            if not path:
                raise TrieUpdateError("a branch below 64 nibbles")
            nibble, path = path[0], path[1:]
            way.append((node, nibble))
            item = node.items[nibble]
            if item == _NOTHING:
                return way, None, path
        elif node.is_leaf or path[: len(node.path)] != node.path:
            return way, node, path
        else:
            way.append((node, 0))
            path, item = path[len(node.path) :], node.item
        node = _child(open_name, item)


def _child(open_name: Opener, item: bytes) -> _Node:
    return _node(open_name(item[1:]) if item[0] == _HASH else item)


# -- on the way up


def _root_above(way: list[tuple[_Node, int]], node: _Node, keep: Keep) -> bytes:
    """The root when `node` stands where the way ends."""
    for above, nibble in reversed(way):
        if isinstance(above, _Branch):
            node = above.with_child(nibble, _reference(node, keep))
        elif isinstance(node, _Short):
            node = node.below(above.path)
        else:
            node = _Short(above.path, False, _reference(node, keep))
    encoded = node.encode()
    keep(encoded)
    return keccak256(encoded)


def _placed(node: _Node, leaf: _Short, keep: Keep) -> _Node:
    """The leaf's value in place of what is at the same key, or a branch where they part."""
    if not isinstance(node, _Short) or node.path == leaf.path:
        return leaf
    shared = 0
    while node.path[shared : shared + 1] == leaf.path[shared : shared + 1]:
        shared += 1
    if shared >= min(len(node.path), len(leaf.path)):
        raise TrieUpdateError("a leaf above or below another")
    branch = _Branch((_NOTHING,) * (_CHILDREN + 1))
    branch = branch.with_child(node.path[shared], _rest(node, shared + 1, keep))
    branch = branch.with_child(leaf.path[shared], _rest(leaf, shared + 1, keep))
    return _Short(leaf.path[:shared], False, _reference(branch, keep)) if shared else branch


def _rest(node: _Short, start: int, keep: Keep) -> bytes:
    """The reference to a node of which only the path from `start` on is left."""
    if start == len(node.path) and not node.is_leaf:
        return node.item
    return _reference(_Short(node.path[start:], node.is_leaf, node.item), keep)


def _without(open_name: Opener, way: list[tuple[_Node, int]], keep: Keep) -> bytes:
    """The root when the leaf where the way ends is gone."""
    if not way:
        return EMPTY_ROOT
    branch, nibble = way[-1]
    if not isinstance(branch, _Branch):
        raise TrieUpdateError("an extension to a leaf")
    branch = branch.with_child(nibble, _NOTHING)
    alive = [at for at, item in enumerate(branch.items) if item != _NOTHING]
    if not alive:
        raise TrieUpdateError("a branch with one child")
    if len(alive) > 1:
        return _root_above(way[:-1], branch, keep)
    item = branch.items[alive[0]]
    lone, step = _child(open_name, item), bytes(alive)
    merged = lone.below(step) if isinstance(lone, _Short) else _Short(step, False, item)
    return _root_above(way[:-1], merged, keep)


# -- nodes and their bytes


def _reference(node: _Node, keep: Keep) -> bytes:
    encoded = node.encode()
    if len(encoded) < _INLINE_LIMIT:
        return encoded
    keep(encoded)
    return bytes((_HASH,)) + keccak256(encoded)


def _nibbles(key: bytes) -> bytes:
    if 2 * len(key) != _KEY_NIBBLES:
        raise TrieUpdateError(f"key of {len(key)} bytes, expected {_KEY_NIBBLES // 2}")
    return bytes(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _node(encoded: bytes) -> _Node:
    items = _items(encoded)
    if len(items) == _CHILDREN + 1:
        if items[-1] != _NOTHING:
            raise TrieUpdateError("a branch with a value")
        for item in items[:-1]:
            if item != _NOTHING:
                _check_reference(item)
        return _Branch(tuple(items))
    if len(items) == 2:
        return _short(*items)
    raise TrieUpdateError(f"a node has 2 or 17 items, this one {len(items)}")


def _short(first: bytes, item: bytes) -> _Short:
    prefixed = _payload(first)
    head = prefixed[0] if prefixed else 0xFF
    flags = head >> 4
    is_odd, is_leaf = bool(flags & 1), flags >= 2
    if flags > 3 or (not is_odd and head & 15):
        raise TrieUpdateError(f"path 0x{prefixed[:33].hex()}: its flags are not those of a node")
    path = bytes(n for byte in prefixed[1:] for n in (byte >> 4, byte & 15))
    if is_odd:
        path = bytes((head & 15,)) + path
    if len(path) > _KEY_NIBBLES:
        raise TrieUpdateError(f"path of {len(path)} nibbles")
    if not is_leaf:
        if not path:
            raise TrieUpdateError("an extension without a path")
        _check_reference(item)
    elif not _payload(item) or len(item) > MAX_VALUE_BYTES + 2:
        raise TrieUpdateError(f"a leaf whose value takes {len(item)} bytes")
    return _Short(path, is_leaf, item)


def _check_reference(item: bytes) -> None:
    is_inline = item[0] >= 0xC0 and len(item) < _INLINE_LIMIT
    if not is_inline and (item[0] != _HASH or len(item) != _HASH_BYTES):
        raise TrieUpdateError(f"a child is 0x{item[:40].hex()}, neither a hash nor a short node")


def _items(encoded: bytes) -> list[bytes]:
    """The items of a list, each with its RLP header."""
    if not encoded or len(encoded) > MAX_NODE_BYTES or encoded[0] < 0xC0:
        raise TrieUpdateError(f"node of {len(encoded)} bytes is not a list of {MAX_NODE_BYTES}")
    start, end = _span(encoded, 0)
    if end != len(encoded):
        raise TrieUpdateError(f"node of {len(encoded)} bytes, its header says {end}")
    items, position = [], start
    while position < end:
        _, following = _span(encoded, position)
        items.append(encoded[position:following])
        position = following
    if position != end:
        raise TrieUpdateError("an item reaches past the end of its node")
    return items


def _span(data: bytes, start: int) -> tuple[int, int]:
    """Where the payload of the item at `start` begins and ends; canonical forms only."""
    first = data[start]
    if first < 0x80:
        return start, start + 1
    base = 0xC0 if first >= 0xC0 else 0x80
    if first - base < 56:
        end = start + 1 + first - base
        if first == 0x81 and data[start + 1 : end] < b"\x80":
            raise TrieUpdateError(f"byte {start}: a byte below 0x80 stands for itself")
        return start + 1, end
    body = start + 1 + first - base - 55
    size = int.from_bytes(data[start + 1 : body], "big")
    if size < 56 or data[start + 1] == 0:
        raise TrieUpdateError(f"byte {start}: a length that is not canonical")
    return body, body + size


def _payload(item: bytes) -> bytes:
    if item[0] >= 0xC0:
        raise TrieUpdateError("a list where bytes should be")
    start, end = _span(item, 0)
    return item[start:end]


def _string(data: bytes) -> bytes:
    if len(data) == 1 and data[0] < 0x80:
        return data
    return _headed(0x80, data)


def _list(payload: bytes) -> bytes:
    return _headed(0xC0, payload)


def _headed(base: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 56:
        return bytes((base + size,)) + payload
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((base + 55 + len(length),)) + length + payload


def _hex_prefix(path: bytes, *, is_leaf: bool) -> bytes:
    flags = 2 * is_leaf + len(path) % 2
    spread = bytes((flags,)) + (path if len(path) % 2 else b"\0" + path)
    return bytes(high << 4 | low for high, low in zip(spread[::2], spread[1::2], strict=True))
