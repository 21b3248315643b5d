"""Opening names: the one way in which a step learns anything.

The same step runs under three openers. `LiveOpener` has everything at hand and hashes nothing.
`RecordingOpener` notes each preimage that is opened, in order: the witness. `WitnessOpener` has the
witness alone and refuses whatever it does not prove. What is opened twice stands there twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from chain.crypto.keccak import keccak256

from .errors import MissingPreimage, WitnessError
from .names import Name, Node, name_of, size_of
from .structures.code import Chunk, chunk_list, chunks_from, read_chunk
from .structures.words import flatten, tree_of

T = TypeVar("T", bound=Node)
LENGTH_BYTES: Final = 3
"""Each preimage stands behind its length."""


class Opener(Protocol):
    """Gives the preimages of names."""

    def open(self, name: Name, kind: type[T], /) -> T:
        """The node with this name."""

    def raw(self, name: Name, limit: int, /) -> bytes:
        """The bytes with this name, at most `limit` of them."""

    def leaves(self, tree: Name, depth: int, /) -> bytes:
        """The 2^depth words of a word tree, as one item."""

    def chunks(self, tree: Name, depth: int, count: int, /) -> list[Chunk]:
        """The first `count` chunks of a code tree, as one item; behind them it is padding."""

    def chunk(self, tree: Name, depth: int, index: int, /) -> Chunk:
        """One chunk of a code tree, by the way to it."""

    def keep(self, data: bytes, /) -> None:
        """Bytes that a step has made and a later one opens by their hash: a new trie node."""


class LiveOpener:
    """Everything is known, or can be found by its name."""

    def __init__(self, find: Callable[[bytes], bytes | None]) -> None:
        """`find` gives the trie nodes and codes of the block's beginning, by hash."""
        self._find = find
        self._codes: dict[Name, list[Chunk]] = {}
        self._kept: dict[bytes, bytes] = {}

    def open(self, name: Name, kind: type[T], /) -> T:
        """The node itself."""
        if isinstance(name, kind):
            return name
        return kind.decode(self.raw(name, 0))

    def raw(self, name: Name, _limit: int, /) -> bytes:
        """Its bytes. Raises MissingPreimage."""
        if isinstance(name, Node):
            return name.encode()
        data = self._kept.get(name) or self._find(name)
        if data is None:
            raise MissingPreimage(name)
        return data

    def leaves(self, tree: Name, depth: int, /) -> bytes:
        """Its words."""
        return flatten(tree, depth)

    def chunks(self, tree: Name, depth: int, count: int, /) -> list[Chunk]:
        """Its chunks."""
        return chunk_list(tree, depth)[:count]

    def chunk(self, tree: Name, depth: int, index: int, /) -> Chunk:
        """The chunk; the tree is cut into a list once."""
        chunks = self._codes.get(tree)
        if chunks is None:
            chunks = self._codes[tree] = chunk_list(tree, depth)
        return chunks[index]

    def keep(self, data: bytes, /) -> None:
        """They can be opened from now on."""
        self._kept[keccak256(data)] = data


class RecordingOpener:
    """Opens as another does and keeps what was opened: `witness` is what the step needs."""

    def __init__(self, live: LiveOpener) -> None:
        self._live = live
        self.items: list[bytes] = []

    @property
    def witness(self) -> bytes:
        """The preimages opened so far, each behind its length."""
        return encode_witness(self.items)

    def open(self, name: Name, kind: type[T], /) -> T:
        """The node; its bytes are noted."""
        node = self._live.open(name, kind)
        self.items.append(node.encode())
        return node

    def raw(self, name: Name, limit: int, /) -> bytes:
        """The bytes, which are noted."""
        data = self._live.raw(name, limit)
        self.items.append(data)
        return data

    def leaves(self, tree: Name, depth: int, /) -> bytes:
        """The words, which are noted."""
        data = self._live.leaves(tree, depth)
        self.items.append(data)
        return data

    def chunks(self, tree: Name, depth: int, count: int, /) -> list[Chunk]:
        """The chunks, which are noted."""
        chunks = self._live.chunks(tree, depth, count)
        self.items.append(b"".join([chunk.encode() for chunk in chunks]))
        return chunks

    def chunk(self, tree: Name, depth: int, index: int, /) -> Chunk:
        """The chunk; the way to it is noted."""
        return read_chunk(self, tree, depth, index)

    def keep(self, data: bytes, /) -> None:
        """They can be opened from now on."""
        self._live.keep(data)


class WitnessOpener:
    """Has the witness and nothing else. Each refusal is a WitnessError."""

    def __init__(self, witness: bytes) -> None:
        self._witness = witness
        self._position = 0
        self._count = 0

    def _next(self, name: bytes | None, size: int, limit: int, what: str) -> bytes:
        """The next item. `size` is its length, or 0 where it has at most `limit` bytes."""
        start = self._position + LENGTH_BYTES
        length = int.from_bytes(self._witness[self._position : start], "big")
        end = start + length
        where = f"witness item {self._count}, {what}"
        if end > len(self._witness) or start > len(self._witness):
            raise WitnessError(f"{where}: ends at byte {end}, there are {len(self._witness)}")
        if length != size if size else length > limit:
            expected = size or f"at most {limit}"
            raise WitnessError(f"{where}: {length} bytes, expected {expected}")
        data = self._witness[start:end]
        if name is not None:
            self.check(name, keccak256(data), where)
        self._position = end
        self._count += 1
        return data

    def check(self, name: bytes, found: bytes, where: str) -> None:
        """Raise WitnessError unless two hashes are equal."""
        if found != name:
            raise WitnessError(f"{where}: hash is 0x{found.hex()}, expected 0x{name.hex()}")

    def commitment(self, size: int) -> bytes:
        """The first item, whose hash only the caller can check: the state."""
        return self._next(None, size, 0, "state")

    def open(self, name: Name, kind: type[T], /) -> T:
        """The node that the next item is."""
        data = self._next(name_of(name), size_of(kind), 0, kind.__name__)
        return kind.decode(data)

    def raw(self, name: Name, limit: int, /) -> bytes:
        """The next item."""
        return self._next(name_of(name), 0, limit, "bytes")

    def leaves(self, tree: Name, depth: int, /) -> bytes:
        """The next item as words, hashed up."""
        data = self._next(None, 32 << depth, 0, "words")
        where = f"witness item {self._count - 1}, words"
        self.check(name_of(tree), name_of(tree_of(data, depth)), where)
        return data

    def chunks(self, tree: Name, depth: int, count: int, /) -> list[Chunk]:
        """The next item as chunks, hashed up."""
        data = self._next(None, Chunk.SIZE * count, 0, "chunks")
        chunks = [
            Chunk.decode(data[start : start + Chunk.SIZE])
            for start in range(0, len(data), Chunk.SIZE)
        ]
        where = f"witness item {self._count - 1}, chunks"
        self.check(name_of(tree), name_of(chunks_from(list(chunks), depth)), where)
        return chunks

    def chunk(self, tree: Name, depth: int, index: int, /) -> Chunk:
        """One chunk, by the way to it."""
        return read_chunk(self, tree, depth, index)

    def keep(self, _data: bytes, /) -> None:
        """A witness proves one step; what comes later has a witness of its own."""

    def finish(self) -> None:
        """Refuse what is left over. Raises WitnessError."""
        left = len(self._witness) - self._position
        if left:
            raise WitnessError(f"witness: {left} bytes left over behind item {self._count - 1}")


def encode_witness(items: list[bytes]) -> bytes:
    """Preimages as a witness: each behind its length."""
    pieces: list[bytes] = []
    for item in items:
        pieces += (len(item).to_bytes(LENGTH_BYTES, "big"), item)
    return b"".join(pieces)


def witness_items(witness: bytes) -> list[bytes]:
    """The preimages of a witness. Raises WitnessError where the last is cut off."""
    items: list[bytes] = []
    position = 0
    while position < len(witness):
        start = position + LENGTH_BYTES
        position = start + int.from_bytes(witness[position:start], "big")
        if position > len(witness):
            raise WitnessError(f"witness: item {len(items)} is cut off")
        items.append(witness[start:position])
    return items
