"""Code trees: chunks of 32 bytes that know how many of their first bytes belong to a PUSH before.

So whether a byte is an opcode or data can be told from its chunk alone (EIP-2926).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final, Self

from ..names import NOTHING, Name, Node
from .words import WINDOW_DEPTH, Pair, depth_of, descend, words_in

if TYPE_CHECKING:
    from ..opener import Opener

JUMPDEST: Final = 0x5B


@dataclass(slots=True, eq=False)
class Chunk(Node):
    """A leaf: `H(skip u8 ‖ chunk)`."""

    SIZE: ClassVar[int] = 33
    skip: int
    data: bytes

    def encode(self) -> bytes:
        """33 bytes."""
        return bytes((self.skip,)) + self.data

    def parts(self) -> Iterable[Name]:
        """None."""
        return ()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it."""
        return cls(data[0], data[1:])

    def is_jump_target(self, position: int) -> bool:
        """Is the byte at `position` a JUMPDEST that is no data of a PUSH?"""
        if self.data[position] != JUMPDEST:
            return False
        at = self.skip
        while at < position:
            at += 1 + push_size(self.data[at])
        return at == position


def push_size(op: int) -> int:
    """How many bytes of data follow an opcode."""
    return op - 0x5F if 0x60 <= op <= 0x7F else 0


@lru_cache(maxsize=256)
def code_tree(code: bytes) -> Name:
    """The tree of a code; a code is cut into chunks once as long as it is in use."""
    size = len(code)
    skips = [0] * (words_in(size) + 1)
    position = 0
    while position < size:
        op = code[position]
        position += 1
        if 0x60 <= op <= 0x7F:
            following = (position + 31) >> 5  # at most the whole of the next chunk is data
            position += op - 0x5F
            if position > following << 5 and following < len(skips):
                skips[following] = position - (following << 5)
    chunks: list[Name] = []
    for index in range(words_in(size)):
        chunks.append(Chunk(skips[index], code[index * 32 : index * 32 + 32].ljust(32, b"\x00")))
    return chunks_from(chunks, depth_of(len(chunks)))


def chunks_from(row: list[Name], depth: int) -> Name:
    """The tree of chunks, padded with zero hashes; of none: nothing."""
    if not row:
        return NOTHING
    row = row + [NOTHING] * ((1 << depth) - len(row))
    for _ in range(depth):
        row = [Pair(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def chunk_list(tree: Name, depth: int) -> list[Chunk]:
    """The chunks of a tree that is known down to its leaves."""
    row = [tree]
    for _ in range(depth):
        row = [half for pair in row if isinstance(pair, Pair) for half in (pair.left, pair.right)]
    return [chunk for chunk in row if isinstance(chunk, Chunk)]


def read_chunk(opener: Opener, tree: Name, depth: int, index: int) -> Chunk:
    """Chunk `index`, by the nodes on the way to it."""
    leaf, _ = descend(opener, tree, depth, index)
    return opener.open(leaf, Chunk)


def read_code_window(opener: Opener, tree: Name, length: int, index: int) -> bytes:
    """1,024 bytes of code from window `index` on, or as many as there are chunks for."""
    chunk_count = words_in(length)
    depth = depth_of(chunk_count)
    above = max(depth - WINDOW_DEPTH, 0)
    subtree, _ = descend(opener, tree, above, index)
    count = min(chunk_count - (index << WINDOW_DEPTH), 1 << WINDOW_DEPTH)
    chunks = opener.chunks(subtree, depth - above, count)
    return b"".join([chunk.data for chunk in chunks])
