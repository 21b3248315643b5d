"""Parts of a trie, each proven against the root: all leaves from one key to another, and no other.

    range   = leaves of the keys start..end, and the nodes that lie across its borders
    checked   from the root down: what lies beside the range is taken by its hash, what lies in it
              is built again from the leaves and has to give the hash that the parent names

A leaf that is left out, added or altered changes a hash, so an answer is either right or a fault
that is found at once. Ranges that follow one another give every node of the trie once: a node
belongs to the range that holds the last key of its place. Keys have 32 bytes. Knows nothing of who
asks whom.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from chain.crypto.keccak import keccak256

from .bulk import build_below
from .errors import MissingNode, ProofError, TrieNodeError
from .hexary import EMPTY_ROOT
from .node import (
    EMPTY_REFERENCE,
    HASH_REFERENCE_BYTES,
    Branch,
    Extension,
    Leaf,
    Node,
    decode_node,
    hash_reference,
    hex_digits,
    nibbles,
)

KEY_BYTES: Final = 32
FIRST_KEY: Final = bytes(KEY_BYTES)
LAST_KEY: Final = b"\xff" * KEY_BYTES
_DIGITS: Final = 2 * KEY_BYTES


@dataclass(frozen=True, slots=True)
class TrieRange:
    """All leaves from `start` to `end`, both included; `nodes` are those across the borders."""

    start: bytes
    end: bytes
    leaves: tuple[tuple[bytes, bytes], ...]
    nodes: tuple[bytes, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether no key follows."""
        return self.end == LAST_KEY

    @property
    def following(self) -> bytes:
        """The first key after the range. Only where it is not the last."""
        return (int.from_bytes(self.end, "big") + 1).to_bytes(KEY_BYTES, "big")


ReadNode = Callable[[bytes], bytes | None]
"""The RLP of a node by its hash, or None."""


def read_range(
    read: ReadNode, root: bytes, start: bytes, *, most_leaves: int, most_bytes: int
) -> TrieRange:
    """The leaves from a key on, one at least where there is one, and the nodes that prove them.

    Raises MissingNode where the trie is not (or no longer) there, TrieNodeError.
    """
    if root == EMPTY_ROOT:
        return TrieRange(start, LAST_KEY, ())
    reader = _Reader(read)
    reference, leaves, size, end = hash_reference(root), [], 0, LAST_KEY
    for path, value in reader.leaves(reference, b"", nibbles(start)):
        key = bytes.fromhex(hex_digits(path))
        leaves.append((key, value))
        size += len(key) + len(value)
        if len(leaves) >= most_leaves or size >= most_bytes:
            end = key
            break
    borders = tuple(reader.borders(reference, b"", _Bounds(nibbles(start), nibbles(end))))
    return TrieRange(start, end, tuple(leaves), borders)


def check_range(root: bytes, given: TrieRange) -> list[tuple[bytes, bytes]]:
    """The nodes that belong to a range, hash and RLP, each as often as it has a place there.

    Raises ProofError where the trie of this root has other leaves in the range, or nodes are
    missing, malformed or not needed.
    """
    paths = _ordered_paths(given)
    checker = _Checker(given, paths)
    if root == EMPTY_ROOT:
        if given.leaves or given.nodes or not given.is_last:
            raise ProofError("range: the trie is empty, yet there are leaves, nodes or an end")
        return []
    checker.check(hash_reference(root), b"", 0, len(paths))
    checker.require_all_used()
    return checker.found


def _ordered_paths(given: TrieRange) -> list[bytes]:
    if len(given.start) != KEY_BYTES or len(given.end) != KEY_BYTES or given.start > given.end:
        raise ProofError(f"range: from 0x{given.start.hex()} to 0x{given.end.hex()}")
    before = None
    for key, value in given.leaves:
        if len(key) != KEY_BYTES or not given.start <= key <= given.end or not value:
            raise ProofError(f"range: leaf 0x{key.hex()} lies outside, or has no value")
        if before is not None and key <= before:
            raise ProofError(f"range: leaf 0x{key.hex()} after 0x{before.hex()}")
        before = key
    return [nibbles(key) for key, _ in given.leaves]


@dataclass(frozen=True, slots=True)
class _Bounds:
    """First and last path of a range, and where a place lies to them."""

    start: bytes
    end: bytes

    def is_beside(self, prefix: bytes) -> bool:
        """Whether no key below the place is in the range."""
        return _last(prefix) < self.start or _first(prefix) > self.end

    def covers(self, prefix: bytes) -> bool:
        """Whether all keys below the place are in the range."""
        return self.start <= _first(prefix) and _last(prefix) <= self.end

    def owns(self, prefix: bytes) -> bool:
        """Whether the node of the place belongs to the range: its last key does."""
        return self.start <= _last(prefix) <= self.end


def _first(prefix: bytes) -> bytes:
    return prefix.ljust(_DIGITS, b"\x00")


def _last(prefix: bytes) -> bytes:
    return prefix.ljust(_DIGITS, b"\x0f")


def _children(node: Node, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """References below a branch or an extension and their places, in order."""
    if type(node) is Extension:
        assert isinstance(node.child, bytes)  # noqa: S101 - of a node that was just decoded
        yield node.child, prefix + node.path
    elif type(node) is Branch:
        for nibble, child in enumerate(node.children):
            if child != EMPTY_REFERENCE:
                assert isinstance(child, bytes)  # noqa: S101
                yield child, prefix + bytes((nibble,))


class _Reader:
    """Walks a trie that is there."""

    def __init__(self, read: ReadNode) -> None:
        self._read = read

    def _open(self, reference: bytes, prefix: bytes) -> tuple[Node, bytes | None]:
        """The node, and its RLP where it is no part of its parent's."""
        if len(reference) != HASH_REFERENCE_BYTES:
            return decode_node(reference), None
        data = self._read(reference[1:])
        if data is None:
            raise MissingNode(reference[1:], hex_digits(prefix), b"")
        return decode_node(data), data

    def leaves(
        self, reference: bytes, prefix: bytes, start: bytes
    ) -> Iterator[tuple[bytes, bytes]]:
        """Paths and values from a path on."""
        node, _ = self._open(reference, prefix)
        if type(node) is Leaf:
            path = prefix + node.path
            if path >= start:
                yield path, node.value
            return
        for child, below in _children(node, prefix):
            if _last(below) >= start:
                yield from self.leaves(child, below, start)

    def borders(self, reference: bytes, prefix: bytes, bounds: _Bounds) -> Iterator[bytes]:
        """The nodes that have places both in the range and beside it."""
        if bounds.is_beside(prefix) or bounds.covers(prefix):
            return
        node, data = self._open(reference, prefix)
        if data is not None:
            yield data
        for child, below in _children(node, prefix):
            yield from self.borders(child, below, bounds)


class _Checker:
    """Follows a range from the root down."""

    def __init__(self, given: TrieRange, paths: list[bytes]) -> None:
        self._bounds = _Bounds(nibbles(given.start), nibbles(given.end))
        self._leaves = given.leaves
        self._paths = paths
        self._nodes = {bytes(keccak256(node)): node for node in given.nodes}
        self._used: set[bytes] = set()
        self._count = len(given.nodes)
        self.found: list[tuple[bytes, bytes]] = []

    def require_all_used(self) -> None:
        """Raise ProofError where there were nodes that prove nothing."""
        if len(self._used) != self._count:
            raise ProofError(f"range: {len(self._used)} nodes are needed, {self._count} given")

    def check(self, reference: bytes, prefix: bytes, low: int, high: int) -> None:
        """See that the leaves low..high are those in range below a place."""
        if self._bounds.is_beside(prefix):
            return  # no leaf of the range can be there
        if self._bounds.covers(prefix):
            self._check_whole(reference, prefix, low, high)
            return
        node = self._open(reference, prefix)
        if type(node) is Leaf:
            self._check_leaf(node, prefix, low, high)
            return
        for child, below in _children(node, prefix):
            first = bisect_left(self._paths, _first(below), low, high)
            if first != low:
                raise ProofError(f"range: no leaf 0x{self._leaves[low][0].hex()} in the trie")
            low = bisect_right(self._paths, _last(below), first, high)
            self.check(child, below, first, low)
        if low != high:
            raise ProofError(f"range: no leaf 0x{self._leaves[low][0].hex()} in the trie")

    def _check_whole(self, reference: bytes, prefix: bytes, low: int, high: int) -> None:
        depth = len(prefix)
        built: list[tuple[bytes, bytes]] = []
        below = (
            (path[depth:], value)
            for path, (_, value) in zip(self._paths[low:high], self._leaves[low:high], strict=True)
        )
        found = build_below(below, lambda key, data: built.append((key, data)))
        if depth == 0 and 1 < len(found) < HASH_REFERENCE_BYTES:  # a root always has a hash
            built.append((keccak256(found), found))
            found = hash_reference(built[-1][0])
        if found != reference:
            raise ProofError(
                f"range: {high - low} leaves below {hex_digits(prefix) or 'the root'} give "
                f"0x{found[-32:].hex()}, expected 0x{reference[-32:].hex()}"
            )
        self.found += built

    def _check_leaf(self, node: Leaf, prefix: bytes, low: int, high: int) -> None:
        path = prefix + node.path
        inside = self._bounds.start <= path <= self._bounds.end
        expected = [(path, node.value)] if inside else []
        given = [
            (path, value)
            for path, (_, value) in zip(self._paths[low:high], self._leaves[low:high], strict=True)
        ]
        if len(path) != _DIGITS or given != expected:
            raise ProofError(f"range: leaf {hex_digits(path)} is not as given")

    def _open(self, reference: bytes, prefix: bytes) -> Node:
        data = reference
        where = hex_digits(prefix) or "(root)"
        if len(reference) == HASH_REFERENCE_BYTES:
            key = reference[1:]
            if key not in self._nodes:
                raise ProofError(f"range: the node at {where} is missing")
            self._used.add(key)
            data = self._nodes[key]
            if self._bounds.owns(prefix):
                self.found.append((key, data))
        if len(prefix) > _DIGITS:
            raise ProofError(f"range: the trie goes deeper than its keys at {where}")
        try:
            return decode_node(data)
        except TrieNodeError as error:
            raise ProofError(f"range: the node at {where}: {error}") from None
