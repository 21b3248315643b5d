"""Words of 256 bits: their bounds, their sign, and the addresses that lie in them."""

from __future__ import annotations

from typing import Final

MASK: Final = 2**256 - 1
SIGN: Final = 2**255
CEILING: Final = 2**256
_ADDRESS_MASK: Final = 2**160 - 1


def signed(word: int) -> int:
    """The number that a word is in two's complement."""
    return word - CEILING if word & SIGN else word


def address_in(word: int) -> bytes:
    """The address in the lower 20 bytes of a word."""
    return (word & _ADDRESS_MASK).to_bytes(20, "big")


def word_of(data: bytes) -> int:
    """Big-endian bytes as a word."""
    return int.from_bytes(data, "big")
