"""RLP by its headers alone, for what is too long to be looked at whole; canonical forms only.

Knows nothing of what the items mean.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .refusal import NotInOrder

_SHORT: Final = 56


class Span(NamedTuple):
    """Where an item's payload begins and ends; the payload itself may lie past what is known."""

    is_list: bool
    start: int
    end: int


def span(data: bytes, position: int) -> Span:
    """The item at `position`. Raises NotInOrder where its header is cut off or not canonical."""
    if position >= len(data):
        raise NotInOrder(f"rlp: no item at byte {position}")
    first = data[position]
    if first < 0x80:
        return Span(False, position, position + 1)
    is_list = first >= 0xC0
    size = first - (0xC0 if is_list else 0x80)
    if size < _SHORT:
        start = position + 1
        if first == 0x81 and (start >= len(data) or data[start] < 0x80):
            raise NotInOrder(f"rlp: byte {position} heads a single byte")
        return Span(is_list, start, start + size)
    start = position + 1 + size - _SHORT + 1
    size_bytes = data[position + 1 : start]
    size = int.from_bytes(size_bytes, "big")
    if start > len(data) or size_bytes[0] == 0 or size < _SHORT:
        raise NotInOrder(f"rlp: the size at byte {position} is not canonical")
    return Span(is_list, start, start + size)


class Fields:
    """Reads items one after the other from the known beginning of a list."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self.position = position

    def header(self, *, is_list: bool) -> Span:
        """The next item, of which the header alone has to be known."""
        found = span(self._data, self.position)
        if found.is_list != is_list:
            raise NotInOrder(f"rlp: byte {self.position} is no {'list' if is_list else 'string'}")
        self.position = found.end
        return found

    def string(self, limit: int) -> bytes:
        """The next item's bytes, at most `limit`."""
        found = self.header(is_list=False)
        if found.end > len(self._data) or found.end - found.start > limit:
            raise NotInOrder(f"rlp: string of {found.end - found.start} bytes, {limit} at most")
        return self._data[found.start : found.end]

    def fixed(self, size: int) -> bytes:
        """The next item, of exactly that many bytes."""
        data = self.string(size)
        if len(data) != size:
            raise NotInOrder(f"rlp: string of {len(data)} bytes, expected {size}")
        return data

    def number(self, limit: int = 32) -> int:
        """The next item as an integer of at most `limit` bytes."""
        data = self.string(limit)
        if data[:1] == b"\x00":
            raise NotInOrder("rlp: an integer begins with a zero byte")
        return int.from_bytes(data, "big")


def head(base: int, size: int, first: bytes = b"") -> bytes:
    """The header of a string (base 0x80) or list (0xC0) of that size; none for one low byte."""
    if base == 0x80 and size == 1 and first and first[0] < 0x80:
        return b""
    if size < _SHORT:
        return bytes((base + size,))
    size_bytes = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((base + _SHORT - 1 + len(size_bytes),)) + size_bytes


def string(data: bytes) -> bytes:
    """A string with its header."""
    return head(0x80, len(data), data) + data


def number(value: int) -> bytes:
    """An integer with its header."""
    return string(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def list_of(payload: bytes) -> bytes:
    """A list of items that are encoded already."""
    return head(0xC0, len(payload)) + payload
