"""A stack word that is known as Python source before it is computed.

Knows no opcode. Every symbol can be written out any number of times: its source reads constants and
names only, and a name in reach is never assigned again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MASK = 2**256 - 1
LONGEST_SOURCE = 160
"""In characters; a longer expression is put into a name, so that nesting stays shallow."""


class Kind(Enum):
    """What the source of a symbol evaluates to."""

    CONSTANT = 0
    NAME = 1
    WORD = 2
    RING = 3
    """An integer that equals the word modulo 2**256; it may be negative or too long."""
    CONDITION = 4
    """Anything with a truth value, which is the word: 1 or 0."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A word; `value` is meant for constants only."""

    kind: Kind
    source: str
    value: int = 0

    @property
    def is_constant(self) -> bool:
        """True where the word is known now."""
        return self.kind is Kind.CONSTANT

    @property
    def is_simple(self) -> bool:
        """True where writing it out twice costs nothing."""
        return self.kind is Kind.CONSTANT or self.kind is Kind.NAME

    def word(self) -> str:
        """Source of the word, from 0 to 2**256 - 1, fit to stand in any expression."""
        if self.kind is Kind.RING:
            return f"({self.source} & M)"
        if self.kind is Kind.CONDITION:
            return f"(1 if {self.source} else 0)"
        return f"({self.source})" if self.kind is Kind.WORD else self.source

    def ring(self) -> str:
        """Source of an integer that equals the word modulo 2**256."""
        return f"({self.source})" if self.kind is Kind.RING else self.word()

    def truth(self) -> str:
        """Source of a condition that holds where the word is not 0."""
        return f"({self.source})" if self.kind is Kind.CONDITION else self.word()


def constant(value: int) -> Symbol:
    """A word that is known."""
    return Symbol(Kind.CONSTANT, str(value) if value < 1024 else hex(value), value)


def name(text: str) -> Symbol:
    """A word in a Python local."""
    return Symbol(Kind.NAME, text)


def word(source: str) -> Symbol:
    """An expression that gives a word."""
    return Symbol(Kind.WORD, source)


def ring(source: str) -> Symbol:
    """An expression that gives a word after masking."""
    return Symbol(Kind.RING, source)


def condition(source: str) -> Symbol:
    """An expression whose truth is the word."""
    return Symbol(Kind.CONDITION, source)
