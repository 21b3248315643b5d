"""Records and messages in a stream of bytes.

    stream    record, record, ..          TCP's bytes
    record    length (2) ++ ciphertext    one Noise message, 65,535 bytes at most
    message   kind (1) ++ length (4) ++ body, cut over as many records as it needs

Readers keep at most one unfinished record and one unfinished message, and refuse a length before
they take its bytes. Lengths are big-endian. Knows nothing of keys.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

from .errors import LocalProtocolError, RemoteProtocolError
from .noise import MAX_MESSAGE_BYTES, TAG_BYTES

_LENGTH: Final = struct.Struct(">H")
_HEADER: Final = struct.Struct(">BI")
MAX_PLAINTEXT_BYTES: Final = MAX_MESSAGE_BYTES - TAG_BYTES


def frame_record(ciphertext: bytes) -> bytes:
    """A record with its length. Raises LocalProtocolError."""
    if not 0 < len(ciphertext) <= MAX_MESSAGE_BYTES:
        raise LocalProtocolError(
            f"record: {len(ciphertext)} bytes, 1 to {MAX_MESSAGE_BYTES} allowed"
        )
    return _LENGTH.pack(len(ciphertext)) + ciphertext


class RecordReader:
    """Cuts a stream into records; `limit` is the most bytes that one may have now."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer = bytearray()

    @property
    def buffered(self) -> int:
        """Bytes that wait for the rest of their record."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        self._buffer += data

    def next_record(self) -> bytes | None:
        """The next whole record. Raises RemoteProtocolError for one too long, or empty."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(self._buffer)
        if not 0 < size <= self.limit:
            raise RemoteProtocolError(f"record: {size} bytes, 1 to {self.limit} allowed")
        end = _LENGTH.size + size
        if len(self._buffer) < end:
            return None
        record = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return record


def cut_message(kind: int, body: bytes) -> Iterator[bytes]:
    """The plaintexts of the records that carry a message."""
    whole = _HEADER.pack(kind, len(body)) + body
    for start in range(0, len(whole), MAX_PLAINTEXT_BYTES):
        yield whole[start : start + MAX_PLAINTEXT_BYTES]


class MessageReader:
    """Joins the plaintexts of records to messages."""

    def __init__(self, limits: Mapping[int, int]) -> None:
        """`limits`: kind → the most bytes of its body."""
        self._limits = limits
        self._buffer = bytearray()

    @property
    def buffered(self) -> int:
        """Bytes that wait for the rest of their message."""
        return len(self._buffer)

    def feed(self, plaintext: bytes) -> None:
        """Take the plaintext of a record."""
        self._buffer += plaintext

    def next_message(self) -> tuple[int, bytes] | None:
        """Kind and body of the next whole message. Raises RemoteProtocolError."""
        if len(self._buffer) < _HEADER.size:
            return None
        kind, size = _HEADER.unpack_from(self._buffer)
        limit = self._limits.get(kind)
        if limit is None:
            raise RemoteProtocolError(f"message: unknown kind 0x{kind:02x}")
        if size > limit:
            raise RemoteProtocolError(f"message 0x{kind:02x}: {size} bytes, {limit} at most")
        end = _HEADER.size + size
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[_HEADER.size : end])
        del self._buffer[:end]
        return kind, body
