"""A whole trie from its sorted leaves, in one pass and in the memory of one path.

For states that are not grown block by block: a genesis with a million accounts, a snapshot. Gives
the same nodes and root as setting the keys one by one. Knows nothing of where nodes are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from chain.crypto.keccak import keccak256
from chain.types import Hash32

from .errors import TrieOrderError
from .hexary import EMPTY_ROOT
from .node import (
    EMPTY_REFERENCE,
    HASH_REFERENCE_BYTES,
    Branch,
    Extension,
    Leaf,
    Node,
    hex_digits,
    nibbles,
    seal,
)

Keep: TypeAlias = Callable[[bytes, bytes], None]
"""Takes the hash and the RLP of a node that is finished."""


def build_trie(leaves: Iterable[tuple[bytes, bytes]], keep: Keep) -> Hash32:
    """The root over keys of one length, in ascending order, and their values, none of them empty.

    Every node is given to `keep`, children before their parents. Raises TrieOrderError for a key
    that is not above the one before, or of another length.
    """
    builder = _fed(((nibbles(key), value) for key, value in leaves), keep)
    return EMPTY_ROOT if builder is None else builder.root()


def build_below(leaves: Iterable[tuple[bytes, bytes]], keep: Keep) -> bytes:
    """The reference to what holds these leaves, as its parent has it; EMPTY_REFERENCE for none.

    For a part of a trie: paths are what is left of the keys below the part's place, in nibbles. As
    `build_trie` in all else.
    """
    builder = _fed(leaves, keep)
    return EMPTY_REFERENCE if builder is None else builder.reference()


def _fed(leaves: Iterable[tuple[bytes, bytes]], keep: Keep) -> _Builder | None:
    """A builder that has taken all leaves, by paths; None where there are none."""
    builder = None
    for path, value, shared in _with_shared(leaves):
        builder = builder or _Builder(keep)
        builder.close(shared)
        builder.add(path, value)
    return builder


def _with_shared(leaves: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes, int]]:
    """Paths and values, each with how many nibbles the path shares with the one before."""
    before = b""
    for path, value in leaves:
        if before and (len(path) != len(before) or path <= before):
            found, last = hex_digits(path), hex_digits(before)
            raise TrieOrderError(f"key 0x{found} does not follow 0x{last} in order")
        shared = 0
        if before:
            while path[shared] == before[shared]:
                shared += 1
        yield path, value, shared
        before = path


class _Builder:
    """The branches on the path to the newest leaf; everything left of it is finished."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._open: list[tuple[int, Branch]] = []  # depth and branch, from the root down
        self._path = b""
        self._value = b""

    def add(self, path: bytes, value: bytes) -> None:
        """Take the next leaf; `close` has made the place for it."""
        self._path, self._value = path, value

    def close(self, shared: int) -> None:
        """Finish what the next path does not share, and open a branch where it goes off."""
        if not self._path:
            return
        depth, node = len(self._path), None
        while self._open and self._open[-1][0] > shared:
            depth, node = self._fold(depth, node)
        if not self._open or self._open[-1][0] < shared:
            self._open.append((shared, Branch([EMPTY_REFERENCE] * 16, b"")))
        branch = self._open[-1][1]
        branch.children[self._path[shared]] = self._finished(self._below(shared + 1, depth, node))

    def _fold(self, depth: int, node: Node | None) -> tuple[int, Node]:
        """Hang what is below the innermost branch into it; its depth and itself."""
        at, branch = self._open.pop()
        branch.children[self._path[at]] = self._finished(self._below(at + 1, depth, node))
        return at, branch

    def _below(self, start: int, depth: int, node: Node | None) -> Node:
        """The node from a depth on: the leaf, or a branch with the stretch of path above it."""
        if node is None:
            return Leaf(self._path[start:], self._value)
        if depth == start:
            return node
        return Extension(self._path[start:depth], self._finished(node))

    def _finished(self, node: Node) -> bytes:
        reference = seal(node)
        if len(reference) == HASH_REFERENCE_BYTES and node.encoding is not None:
            self._keep(reference[1:], node.encoding)
        return reference

    def reference(self) -> bytes:
        """Finish everything; how a parent refers to it."""
        depth, node = len(self._path), None
        while self._open:
            depth, node = self._fold(depth, node)
        return self._finished(self._below(0, depth, node))

    def root(self) -> Hash32:
        """Finish everything; the root's hash."""
        reference = self.reference()
        if len(reference) == HASH_REFERENCE_BYTES:
            return Hash32(reference[1:])
        root_hash = keccak256(reference)
        self._keep(root_hash, reference)
        return root_hash
