"""Recursive Length Prefix: Ethereum's byte format of nested lists (Yellow Paper, appendix B).

Encoding goes through `rlp`, which uses the Rust codec where it is installed. Decoding is our own:
it is faster on the short items of a chain, takes only the one canonical form of each item, limits
the depth, and raises nothing but DecodeError. Knows nothing of what the lists mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from rlp.codec import encode_raw

from .errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RLPItem: TypeAlias = "bytes | Sequence[RLPItem]"
"""What can be encoded: bytes, or a list or tuple of such items."""

DecodedItem: TypeAlias = "bytes | list[DecodedItem]"
"""What decoding gives: bytes, or a list of such items."""

MAX_DEPTH: Final = 32
"""Deepest nesting that is decoded; a block with access lists, the deepest we have, needs 7."""

_SHORT: Final = 56
_STRING: Final = 0x80
_LONG_STRING: Final = 0xB7
_LIST: Final = 0xC0
_LONG_LIST: Final = 0xF7


def encode(item: RLPItem) -> bytes:
    """Encode bytes or nested lists and tuples of bytes."""
    encoded: bytes = encode_raw(item)
    return encoded


def encode_list(encoded_items: Iterable[bytes]) -> bytes:
    """Wrap items that are encoded already into one list, without decoding them again."""
    payload = b"".join(encoded_items)
    size = len(payload)
    if size < _SHORT:
        return bytes((_LIST + size,)) + payload
    size_bytes = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((_LONG_LIST + len(size_bytes),)) + size_bytes + payload


def encode_int(value: int) -> bytes:
    """Write an integer as its shortest big-endian bytes; zero is empty.

    Raises EncodeError for a negative one, which RLP has no form for.
    """
    try:
        return value.to_bytes((value.bit_length() + 7) // 8, "big")
    except OverflowError:
        raise EncodeError(f"rlp: cannot encode the negative integer {value}") from None


def decode_int(item: DecodedItem, what: str = "integer", *, max_bytes: int = 32) -> int:
    """Read a canonical integer of at most max_bytes. Raises DecodeError naming `what`."""
    if not isinstance(item, bytes):
        raise DecodeError(f"{what}: expected an integer, got a list")
    if len(item) > max_bytes:
        raise DecodeError(f"{what}: expected at most {max_bytes} bytes, got {len(item)}")
    if item[:1] == b"\x00":
        raise DecodeError(f"{what}: leading zero byte in an integer")
    return int.from_bytes(item, "big")


def decode_bytes(item: DecodedItem, what: str = "bytes", *, size: int | None = None) -> bytes:
    """Check that an item is bytes, of exactly `size` if given. Raises DecodeError."""
    if not isinstance(item, bytes):
        raise DecodeError(f"{what}: expected bytes, got a list")
    if size is not None and len(item) != size:
        raise DecodeError(f"{what}: expected {size} bytes, got {len(item)}")
    return item


def decode_list(
    item: DecodedItem, what: str = "list", *, length: int | None = None
) -> list[DecodedItem]:
    """Check that an item is a list, of exactly `length` items if given. Raises DecodeError."""
    if isinstance(item, bytes):
        raise DecodeError(f"{what}: expected a list, got {len(item)} bytes")
    if length is not None and len(item) != length:
        raise DecodeError(f"{what}: expected {length} items, got {len(item)}")
    return item


def _long_size(data: bytes, position: int, size_of_size: int) -> tuple[int, int]:
    """Read the size that follows a long prefix; return (start of payload, size of payload)."""
    start = position + 1 + size_of_size
    size_bytes = data[position + 1 : start]
    if len(size_bytes) != size_of_size:
        raise DecodeError(f"rlp: the size at byte {position} is cut off")
    if size_bytes[0] == 0:
        raise DecodeError(f"rlp: the size at byte {position} has a leading zero")
    size = int.from_bytes(size_bytes, "big")
    if size < _SHORT:
        raise DecodeError(f"rlp: long form for only {size} bytes at byte {position}")
    return start, size


def _span(data: bytes, position: int) -> tuple[bool, int, int]:
    """Read one prefix; return (is a list, start of payload, end of payload)."""
    first = data[position]
    if first < _STRING:
        return False, position, position + 1
    if first <= _LONG_STRING:
        start = position + 1
        end = start + first - _STRING
        if first == _STRING + 1 and end <= len(data) and data[start] < _STRING:
            raise DecodeError(f"rlp: a single byte is encoded with a prefix at byte {position}")
        return False, start, end
    if first < _LIST:
        start, size = _long_size(data, position, first - _LONG_STRING)
        return False, start, start + size
    if first <= _LONG_LIST:
        start = position + 1
        return True, start, start + first - _LIST
    start, size = _long_size(data, position, first - _LONG_LIST)
    return True, start, start + size


def _decode_items(data: bytes, position: int, limit: int, depth: int) -> list[DecodedItem]:
    items: list[DecodedItem] = []
    append = items.append
    while position < limit:
        first = data[position]
        # The two commonest items, decided here rather than by a call for each.
        if first < _STRING:
            position += 1
            append(data[position - 1 : position])
            continue
        if _STRING + 1 < first <= _LONG_STRING:
            start = position + 1
            position = start + first - _STRING
            if position > limit:
                raise DecodeError(f"rlp: the item at byte {start - 1} runs past its end, {limit}")
            append(data[start:position])
            continue
        is_list, start, end = _span(data, position)
        if end > limit:
            raise DecodeError(f"rlp: the item at byte {position} ends at {end}, past {limit}")
        if not is_list:
            append(data[start:end])
        elif depth == 0:
            raise DecodeError(f"rlp: lists nested more than {MAX_DEPTH} deep at byte {position}")
        else:
            append(_decode_items(data, start, end, depth - 1))
        position = end
    return items


def _outer_span(data: bytes) -> tuple[bool, int, int]:
    if not data:
        raise DecodeError("rlp: expected an item, got no bytes")
    is_list, start, end = _span(data, 0)
    if end != len(data):
        relation = "needs" if end > len(data) else "ends at"
        raise DecodeError(f"rlp: the item {relation} {end} bytes, the data has {len(data)}")
    return is_list, start, end


def decode(data: bytes) -> DecodedItem:
    """Decode exactly one item that fills data. Raises DecodeError on any other form."""
    is_list, start, end = _outer_span(data)
    if is_list:
        return _decode_items(data, start, end, MAX_DEPTH - 1)
    return data[start:end]


def split_list(data: bytes, what: str = "list") -> list[bytes]:
    """Cut one list into its items, each still encoded, without looking inside them.

    Raises DecodeError if data is not exactly one list of well-delimited items.
    """
    is_list, position, limit = _outer_span(data)
    if not is_list:
        raise DecodeError(f"{what}: expected a list, got bytes")
    items: list[bytes] = []
    while position < limit:
        _, _, end = _span(data, position)
        if end > limit:
            raise DecodeError(f"{what}: the item at byte {position} ends at {end}, past {limit}")
        items.append(data[position:end])
        position = end
    return items


def item_end(data: bytes, position: int, what: str = "item") -> int:
    """Where the item that begins at position ends; it is not looked into.

    Raises DecodeError when there is none, or it runs past the end of data.
    """
    if position >= len(data):
        raise DecodeError(f"{what}: nothing at byte {position}, the data has {len(data)}")
    _, _, end = _span(data, position)
    if end > len(data):
        raise DecodeError(f"{what}: the item at byte {position} ends at {end}, past {len(data)}")
    return end


def list_end(data: bytes, position: int, what: str = "list") -> int:
    """Where the list that begins at position ends; its items are not looked at.

    Raises DecodeError when there is no list, or it runs past the end of data.
    """
    if position >= len(data):
        raise DecodeError(f"{what}: no list at byte {position}, the data has {len(data)}")
    is_list, _, end = _span(data, position)
    if not is_list:
        raise DecodeError(f"{what}: expected a list at byte {position}, got bytes")
    if end > len(data):
        raise DecodeError(f"{what}: the list at byte {position} ends at {end}, past {len(data)}")
    return end
