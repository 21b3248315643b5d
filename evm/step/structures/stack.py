"""The stack: a chain of words, newest first. Its length stands beside it, in the frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from ..names import Name, Node, name_of


@dataclass(slots=True, eq=False)
class Item(Node):
    """The topmost word and the stack below it: `H(rest ‖ word)`."""

    SIZE: ClassVar[int] = 64
    rest: Name
    word: int

    def encode(self) -> bytes:
        """64 bytes."""
        return name_of(self.rest) + self.word.to_bytes(32, "big")

    def parts(self) -> Iterable[Name]:
        """The stack below."""
        return (self.rest,)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it."""
        return cls(data[:32], int.from_bytes(data[32:], "big"))


def words_of(stack: Name) -> list[int]:
    """The words of a stack all of whose items are known, topmost last."""
    words = []
    while isinstance(stack, Item):
        words.append(stack.word)
        stack = stack.rest
    return words[::-1]
