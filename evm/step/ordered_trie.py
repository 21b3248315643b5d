"""The trie over a list (transactions, receipts) whose length is known before its first leaf.

Each value stands under the RLP of its index. Since the length fixes the trie's shape, a leaf can be
hashed for good when its value comes along, and the trie is closed leaf by leaf in descending order
of keys, in the memory of one path. Knows nothing of what the values are.
"""

from __future__ import annotations

from typing import Final

from chain.crypto.keccak import keccak256

from .rlp_items import head, list_of, number, string

MAX_COUNT: Final = 2**16
"""Indices take at most three bytes in RLP: six nibbles, so at most six branches on a way."""
MAX_BUILDER_BYTES: Final = 6 * (1 + 17 * 33)
EMPTY_ROOT: Final = keccak256(b"\x80")

_TWO_BYTES: Final = 0x80
_CHILDREN: Final = 16
_HASH_BYTES: Final = 33
_INLINE_LIMIT: Final = 32


def leaf_head(index: int, count: int, size: int, first: bytes) -> bytes:
    """What stands before the value in the leaf of a list's item; `size` and `first` byte are its.

    Keccak-256 of head and value is the leaf's hash, unless both have fewer than 32 bytes together.
    """
    path = _hex_prefix(_nibbles(index)[_depth(index, count) :], 2)
    inner = string(path) + head(0x80, size, first)
    return head(0xC0, len(inner) + size) + inner


def leaf_reference(node: bytes) -> bytes:
    """How the parent names a node that is known whole."""
    return node if len(node) < _INLINE_LIMIT else b"\xa0" + keccak256(node)


def at_place(place: int, count: int) -> int:
    """Which index comes at a place in descending order of keys."""
    if count <= _TWO_BYTES:
        return 0 if place == 0 else count - place
    above = count - _TWO_BYTES
    if place < above:
        return count - 1 - place
    return 0 if place == above else count - place


def add_leaf(builder: bytes, place: int, count: int, reference: bytes) -> bytes:
    """The builder behind one more leaf in descending order; behind the last one it is the root.

    A builder is its open branches from the root down, each u8 depth and 16 references behind their
    lengths; the root has 32 bytes.
    """
    path = _nibbles(at_place(place, count))
    before = _shared(path, _nibbles(at_place(place - 1, count))) if place else -1
    after = _shared(path, _nibbles(at_place(place + 1, count))) if place + 1 < count else -1
    branches = _decode(builder)
    node, depth = reference, max(before, after)
    if depth < 0:
        return _root(reference)
    _hang(branches, path, depth, node)
    while branches and branches[-1][0] > after:
        depth, children = branches.pop()
        above = max(branches[-1][0] if branches else -1, after)
        encoded = list_of(b"".join(children) + b"\x80")
        stretch = path[above + 1 : depth]
        if stretch:
            inner = string(_hex_prefix(stretch, 0)) + leaf_reference(encoded)
            encoded = list_of(inner)
        if above < 0:
            return keccak256(encoded)
        _hang(branches, path, above, leaf_reference(encoded))
    return _encode(branches)


def _hang(
    branches: list[tuple[int, list[bytes]]], path: bytes, depth: int, reference: bytes
) -> None:
    if not branches or branches[-1][0] < depth:
        branches.append((depth, [b"\x80"] * _CHILDREN))
    branches[-1][1][path[depth]] = reference


def _root(reference: bytes) -> bytes:
    return reference[1:] if len(reference) == _HASH_BYTES else keccak256(reference)


def _depth(index: int, count: int) -> int:
    """How many nibbles of an index' key lie above its leaf."""
    if count == 1:
        return 0
    place = count - index - (index >= _TWO_BYTES) if index else max(count - _TWO_BYTES, 0)
    path = _nibbles(index)
    neighbours = [at for at in (place - 1, place + 1) if 0 <= at < count]
    return 1 + max(_shared(path, _nibbles(at_place(at, count))) for at in neighbours)


def _nibbles(index: int) -> bytes:
    return bytes(n for byte in number(index) for n in (byte >> 4, byte & 15))


def _shared(left: bytes, right: bytes) -> int:
    count = 0
    while left[count] == right[count]:
        count += 1
    return count


def _hex_prefix(path: bytes, flags: int) -> bytes:
    odd = len(path) % 2
    spread = bytes((flags + odd,)) + (path if odd else b"\0" + path)
    return bytes(high << 4 | low for high, low in zip(spread[::2], spread[1::2], strict=True))


def _encode(branches: list[tuple[int, list[bytes]]]) -> bytes:
    pieces = []
    for depth, children in branches:
        pieces.append(bytes((depth,)))
        pieces += [bytes((len(child),)) + child for child in children]
    return b"".join(pieces)


def _decode(builder: bytes) -> list[tuple[int, list[bytes]]]:
    branches, position = [], 0
    while position < len(builder):
        depth, children = builder[position], []
        position += 1
        for _ in range(_CHILDREN):
            end = position + 1 + builder[position]
            children.append(builder[position + 1 : end])
            position = end
        branches.append((depth, children))
    return branches
