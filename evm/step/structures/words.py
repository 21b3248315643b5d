"""Word trees: memory, call data, return data, log data, init code, and hashes of older blocks.

The leaves are the words themselves; a tree of n words has the depth of the next power of two and is
padded with zero words. A *window* is 32 words (1,024 bytes) that are read or written at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from ..names import NOTHING, Name, Node, name_of

if TYPE_CHECKING:
    from ..opener import Opener

WINDOW_DEPTH: Final = 5
WINDOW_BYTES: Final = 32 << WINDOW_DEPTH
MAX_DEPTH: Final = 40


@dataclass(slots=True, eq=False)
class Pair(Node):
    """An inner node: `H(left ‖ right)`."""

    SIZE: ClassVar[int] = 64
    left: Name
    right: Name

    def encode(self) -> bytes:
        """64 bytes."""
        return name_of(self.left) + name_of(self.right)

    def parts(self) -> Iterable[Name]:
        """Both halves."""
        return (self.left, self.right)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it."""
        return cls(data[:32], data[32:])


def _zeros() -> list[Name]:
    trees: list[Name] = [NOTHING]
    for _ in range(MAX_DEPTH):
        trees.append(Pair(trees[-1], trees[-1]))
    return trees


ZEROS: Final = _zeros()
"""By depth: the tree of zero words."""


def words_in(size: int) -> int:
    """How many words so many bytes take."""
    return (size + 31) >> 5


def depth_of(words: int) -> int:
    """Depth of a tree of so many words."""
    return max(words - 1, 0).bit_length()


def data_depth(size: int) -> int:
    """Depth of a tree that holds so many bytes."""
    return depth_of(words_in(size))


def tree_of(data: bytes, depth: int) -> Name:
    """The tree of `data`, whose length is 32·2^depth."""
    row: list[Name] = [data[start : start + 32] for start in range(0, len(data), 32)]
    for _ in range(depth):
        row = [Pair(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def data_tree(data: bytes) -> Name:
    """The tree of bytes of any length, padded with zeros."""
    if not data:
        return NOTHING
    depth = data_depth(len(data))
    return tree_of(data.ljust(32 << depth, b"\x00"), depth)


def flatten(tree: Name, depth: int) -> bytes:
    """The words of a tree that is known down to its leaves."""
    if tree is ZEROS[depth]:
        return bytes(32 << depth)
    if isinstance(tree, Pair):
        if depth == 1:
            return name_of(tree.left) + name_of(tree.right)
        return flatten(tree.left, depth - 1) + flatten(tree.right, depth - 1)
    if depth:
        raise ValueError(f"a tree of depth {depth} is known by its name only")
    return name_of(tree)


def descend(opener: Opener, tree: Name, depth: int, index: int) -> tuple[Name, list[Pair]]:
    """Open the `depth` nodes on the way to subtree `index`; that subtree, and the nodes."""
    way: list[Pair] = []
    for level in range(depth - 1, -1, -1):
        pair = opener.open(tree, Pair)
        way.append(pair)
        tree = pair.right if index >> level & 1 else pair.left
    return tree, way


def ascend(tree: Name, way: list[Pair], index: int) -> Name:
    """The tree with another subtree at the end of a way."""
    for pair in reversed(way):
        tree = Pair(pair.left, tree) if index & 1 else Pair(tree, pair.right)
        index >>= 1
    return tree


def read_word(opener: Opener, tree: Name, depth: int, index: int) -> bytes:
    """Word `index`."""
    word, _ = descend(opener, tree, depth, index)
    return name_of(word)


def change_word(
    opener: Opener, tree: Name, depth: int, index: int, change: Callable[[bytes], bytes]
) -> Name:
    """The tree with another word `index`, made from the one that is there."""
    word, way = descend(opener, tree, depth, index)
    return ascend(change(name_of(word)), way, index)


def grown(tree: Name, before: int, after: int) -> Name:
    """A tree of `before` words that has become one of `after` words, with zeros behind."""
    if not after:
        return tree
    depth = depth_of(before)
    if not before:
        return ZEROS[depth_of(after)]
    for level in range(depth, depth_of(after)):
        tree = Pair(tree, ZEROS[level])
    return tree


# -- windows --------------------------------------------------------------------------------------


def read_window(opener: Opener, tree: Name, depth: int, index: int) -> tuple[bytes, list[Pair]]:
    """Window `index` and the way to it; a tree of at most 32 words is one window, maybe shorter."""
    above = max(depth - WINDOW_DEPTH, 0)
    subtree, way = descend(opener, tree, above, index)
    return opener.leaves(subtree, depth - above), way


def write_window(window: bytes, way: list[Pair], depth: int, index: int) -> Name:
    """The tree with another window at the end of a way."""
    return ascend(tree_of(window, depth - len(way)), way, index)


def read_range(opener: Opener, tree: Name, depth: int, offset: int, size: int) -> bytes:
    """At most 1,024 bytes: of one window, or of two that follow each other."""
    first, last = offset // WINDOW_BYTES, (offset + size - 1) // WINDOW_BYTES
    data = b"".join(
        [read_window(opener, tree, depth, index)[0] for index in range(first, last + 1)]
    )
    start = offset - first * WINDOW_BYTES
    return data[start : start + size]
