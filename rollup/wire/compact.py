"""The two compact number forms of span batches: unsigned varints and bit lists.

    uvarint   seven bits a byte, lowest first, the top bit set on all bytes but the last
    bit list  an integer of which bit i belongs to element i, big-endian, in whole bytes

A reader walks over bytes and takes nothing that is not there, so that a count of millions costs no
more than the bytes that stand behind it.
Source: OP Stack specs, protocol/delta/span-batches.md, "Span batch format". Knows nothing of
batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chain.errors import DecodeError, EncodeError
from chain.types import MAX_UINT64

if TYPE_CHECKING:
    from collections.abc import Iterable

_MORE: Final = 0x80
_LOW_SEVEN_BITS: Final = 0x7F
_LAST_SHIFT: Final = 63


def encode_uvarint(value: int) -> bytes:
    """The shortest uvarint. Raises EncodeError outside of 0..2**64-1."""
    if not 0 <= value <= MAX_UINT64:
        raise EncodeError(f"uvarint: {value} is not in 0..2**64-1")
    out = bytearray()
    while value > _LOW_SEVEN_BITS:
        out.append(value & _LOW_SEVEN_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_uvarints(values: Iterable[int]) -> bytes:
    """Several, one after the other. Raises EncodeError."""
    return b"".join(map(encode_uvarint, values))


def encode_bits(bits: int, count: int) -> bytes:
    """A bit list of `count` elements. Raises EncodeError when a bit lies beyond them."""
    if bits < 0 or bits.bit_length() > count:
        raise EncodeError(f"bit list: {bits.bit_length()} bits for {count} elements")
    return bits.to_bytes((count + 7) // 8, "big")


class CompactReader:
    """Takes numbers and bytes off the front of `data`. Every method raises DecodeError."""

    def __init__(self, data: bytes, what: str, position: int = 0) -> None:
        self.data = data
        self.position = position
        self._what = what

    @property
    def remaining(self) -> int:
        """Bytes that have not been taken."""
        return len(self.data) - self.position

    def take(self, size: int, name: str) -> bytes:
        """Exactly so many bytes."""
        if size > self.remaining:
            raise self.error(f"{name}: needs {size} bytes, {self.remaining} are left")
        start = self.position
        self.position += size
        return self.data[start : self.position]

    def uvarint(self, name: str) -> int:
        """One uvarint of at most 64 bits; a longer form than the shortest is taken too."""
        value = shift = 0
        for index in range(self.position, len(self.data)):
            byte = self.data[index]
            if shift == _LAST_SHIFT and byte > 1:
                raise self.error(f"{name}: more than 64 bits")
            value |= (byte & _LOW_SEVEN_BITS) << shift
            if byte < _MORE:
                self.position = index + 1
                return value
            shift += 7
        raise self.error(f"{name}: cut off at {len(self.data)} bytes")

    def uvarints(self, count: int, name: str) -> tuple[int, ...]:
        """Several, one after the other."""
        if count > self.remaining:
            raise self.error(f"{name}: {count} numbers in {self.remaining} bytes")
        chunk = self.data[self.position : self.position + count]
        if chunk.isascii():  # one byte each, the usual case
            self.position += count
            return tuple(chunk)
        return tuple([self.uvarint(name) for _ in range(count)])

    def bits(self, count: int, name: str) -> int:
        """A bit list of `count` elements; no bit may lie beyond them."""
        bits = int.from_bytes(self.take((count + 7) // 8, name), "big")
        if bits.bit_length() > count:
            raise self.error(f"{name}: bit {bits.bit_length() - 1} is set in {count} elements")
        return bits

    def error(self, problem: str) -> DecodeError:
        """A DecodeError that says where."""
        return DecodeError(f"{self._what} at byte {self.position}: {problem}")
