"""Channels: a compressed stream of batches, cut into frames.

    channel = zlib(rlp_string(batch) ++ rlp_string(batch) ++ ...)
            | 0x01 ++ brotli(the same)

We write zlib and read both. Reading is lazy: a batch is decompressed when it is asked for, so a
small channel that would unfold into gigabytes costs nothing beyond the batch that turns out bad.
Source: OP Stack specs, protocol/derivation.md, "Channel Format"; protocol/fjord/derivation.md.
Knows nothing of L1 blocks or timeouts.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import brotli

from chain import rlp
from chain.errors import DecodeError, EncodeError

from .batch import SingularBatch, decode_batch
from .frame import MAX_FRAME_DATA_BYTES, MAX_FRAME_NUMBER, ChannelId, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_RLP_BYTES_PER_CHANNEL: Final = 100_000_000
"""Longest decompressed stream that is read (Fjord); what lies beyond it is cut off, not refused."""

BROTLI_VERSION: Final = 1
_ZLIB_METHODS: Final = (8, 15)
_ZLIB_LEVEL: Final = 9
_INPUT_CHUNK_BYTES: Final = 4096
_OUTPUT_CHUNK_BYTES: Final = 65_536
# Deflate stores what it cannot shrink: 5 bytes for each 16 KiB of input, and the final block.
_STORED_BLOCK_BYTES: Final = 16_384
_STORED_OVERHEAD_BYTES: Final = 5
_STREAM_END_BYTES: Final = 16


class ChannelFull(EncodeError):
    """The batch does not fit into the channel any more: close it and open the next."""


class ChannelOut:
    """Writes batches into one channel.

    `size_bound_bytes` never understates the size of the closed channel, so a batcher that closes
    in time never exceeds its target. Adding to a closed channel raises ChannelFull.
    """

    def __init__(self, channel_id: ChannelId) -> None:
        self.channel_id = channel_id
        self.rlp_bytes = 0
        self._compressor = zlib.compressobj(_ZLIB_LEVEL)
        self._compressed = bytearray()
        self._unflushed_bytes = 0
        self._closed = False

    @property
    def size_bound_bytes(self) -> int:
        """Most bytes that the channel would have if it were closed now."""
        if self._closed:
            return len(self._compressed)
        return len(self._compressed) + _compressed_bound(self._unflushed_bytes)

    def size_bound_with(self, batch_bytes: int, *, target_bytes: int) -> int:
        """The bound after one more encoded batch of so many bytes.

        Flushes the compressor when the loose bound passes the target, which makes it a tight one.
        """
        more = batch_bytes + 9  # the longest header of an RLP string
        loose = len(self._compressed) + _compressed_bound(self._unflushed_bytes + more)
        if loose <= target_bytes or not self._unflushed_bytes:
            return loose
        self._compressed += self._compressor.flush(zlib.Z_SYNC_FLUSH)
        self._unflushed_bytes = 0
        return len(self._compressed) + _compressed_bound(more)

    def add(self, batch: SingularBatch) -> None:
        """Append a batch. Raises ChannelFull beyond MAX_RLP_BYTES_PER_CHANNEL or when closed."""
        if self._closed:
            raise ChannelFull(f"channel 0x{self.channel_id.hex()}: closed")
        item = rlp.encode(batch.encode())
        if self.rlp_bytes + len(item) > MAX_RLP_BYTES_PER_CHANNEL:
            raise ChannelFull(
                f"channel 0x{self.channel_id.hex()}: {self.rlp_bytes} + {len(item)} bytes of "
                f"batches, at most {MAX_RLP_BYTES_PER_CHANNEL} are read back"
            )
        self.rlp_bytes += len(item)
        self._compressed += self._compressor.compress(item)
        self._unflushed_bytes += len(item)

    def close(self) -> bytes:
        """End the stream and return the channel's bytes; a second call returns the same."""
        if not self._closed:
            self._compressed += self._compressor.flush()
            self._closed = True
        return bytes(self._compressed)


def _compressed_bound(size: int) -> int:
    blocks = size // _STORED_BLOCK_BYTES + 1
    return size + blocks * _STORED_OVERHEAD_BYTES + _STREAM_END_BYTES


def split_channel(
    channel_id: ChannelId, data: bytes, max_data_bytes: int = MAX_FRAME_DATA_BYTES
) -> tuple[Frame, ...]:
    """Cut a closed channel into frames of at most max_data_bytes each; the last one closes it.

    Raises EncodeError when the channel would need more frames than can be numbered.
    """
    if not 0 < max_data_bytes <= MAX_FRAME_DATA_BYTES:
        raise EncodeError(
            f"channel: frames of {max_data_bytes} bytes, expected 1 to {MAX_FRAME_DATA_BYTES}"
        )
    starts = range(0, max(len(data), 1), max_data_bytes)
    if len(starts) > MAX_FRAME_NUMBER + 1:
        raise EncodeError(
            f"channel: {len(data)} bytes need {len(starts)} frames of {max_data_bytes} bytes, "
            f"at most {MAX_FRAME_NUMBER + 1} can be numbered"
        )
    last = len(starts) - 1
    return tuple(
        Frame(channel_id, number, data[start : start + max_data_bytes], is_last=number == last)
        for number, start in enumerate(starts)
    )


def read_channel(data: bytes) -> Iterator[SingularBatch]:
    """The batches of an assembled channel, one at a time.

    Raises DecodeError at the first batch that cannot be read; those before it have been given out
    and count, what follows it does not (specs, "Channel Reader").
    """
    stream = _Stream(_decompressed(data))
    while (item := stream.read_rlp_string()) is not None:
        yield decode_batch(item)


class _Stream:
    """The decompressed bytes of a channel, read item by item and never further than needed."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = bytearray()
        self._position = 0
        self._remaining = MAX_RLP_BYTES_PER_CHANNEL

    def read_rlp_string(self) -> bytes | None:
        """The next RLP string, None at the end of the stream. Raises DecodeError."""
        if not self._fill(1):
            return None
        first = self._take(1)[0]
        if first < 0x80:
            return bytes((first,))
        if first <= 0xB7:
            return self._short_string(first - 0x80)
        if first < 0xC0:
            return self._take(self._long_size(first - 0xB7))
        raise DecodeError(f"channel: expected an RLP string, got the list prefix {first:#x}")

    def _short_string(self, size: int) -> bytes:
        item = self._take(size)
        if size == 1 and item[0] < 0x80:
            raise DecodeError("channel: a single byte is encoded with an RLP prefix")
        return item

    def _long_size(self, size_of_size: int) -> int:
        size_bytes = self._take(size_of_size)
        size = int.from_bytes(size_bytes, "big")
        if size_bytes[0] == 0 or size < 56:
            raise DecodeError(f"channel: size {size} of an RLP string is not in its shortest form")
        return size

    def _take(self, size: int) -> bytes:
        """Exactly so many bytes. Raises DecodeError when the stream ends or the limit is hit."""
        if size > self._remaining:
            raise DecodeError(
                f"channel: an item of {size} bytes passes the limit of "
                f"{MAX_RLP_BYTES_PER_CHANNEL} bytes a channel"
            )
        if not self._fill(size):
            raise DecodeError(f"channel: the stream ends inside an item of {size} bytes")
        self._remaining -= size
        end = self._position + size
        item = bytes(self._buffer[self._position : end])
        self._position = end
        return item

    def _fill(self, size: int) -> bool:
        """Decompress until so many bytes lie ready; False when the stream has fewer."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        while len(self._buffer) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._buffer += chunk
        return True


def _decompressed(data: bytes) -> Iterator[bytes]:
    """The decompressed stream in chunks, up to its end or the byte at which it breaks."""
    if not data:
        raise DecodeError("channel: no data")
    if data[0] & 0x0F in _ZLIB_METHODS:
        return _until_broken(_Inflate, data)
    if data[0] == BROTLI_VERSION:
        return _until_broken(_Unbrotli, data[1:])
    raise DecodeError(f"channel: unknown compression, first byte {data[0]:#04x}")


class _Inflate:
    """zlib, one piece of input at a time; 4 KiB in give at most 4 MiB out."""

    def __init__(self) -> None:
        self._inflator = zlib.decompressobj()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        try:
            yield self._inflator.decompress(piece)
        except zlib.error as error:
            raise DecodeError(f"channel: {error}") from error


class _Unbrotli:
    """Brotli, one piece of input at a time, given out in bounded pieces."""

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        if self._decompressor.is_finished():
            return  # bytes after the end of the stream mean nothing
        try:
            yield self._decompressor.process(piece, output_buffer_limit=_OUTPUT_CHUNK_BYTES)
            while not self._decompressor.can_accept_more_data():
                yield self._decompressor.process(b"", output_buffer_limit=_OUTPUT_CHUNK_BYTES)
        except brotli.error as error:
            raise DecodeError(f"channel: brotli: {error}") from error


def _until_broken(codec: type[_Inflate | _Unbrotli], data: bytes) -> Iterator[bytes]:
    """Decompress all that can be: a library drops what it decoded just before an error.

    The prefix before the broken byte is part of the protocol (its batches count), so at an error
    the stream is read once more, byte by byte in the piece that holds the break.
    """
    given = 0
    start = 0
    decoder = codec()
    try:
        for start in range(0, len(data), _INPUT_CHUNK_BYTES):
            for chunk in decoder.feed(data[start : start + _INPUT_CHUNK_BYTES]):
                given += len(chunk)
                yield chunk
    except DecodeError:
        yield from _read_again(codec(), data, start, skip=given)


def _read_again(
    decoder: _Inflate | _Unbrotli, data: bytes, broken_piece: int, skip: int
) -> Iterator[bytes]:
    """What follows the first `skip` bytes, up to the break. Raises DecodeError at the break."""
    whole = range(0, broken_piece, _INPUT_CHUNK_BYTES)
    pieces = [(start, start + _INPUT_CHUNK_BYTES) for start in whole]
    pieces += [(at, at + 1) for at in range(broken_piece, broken_piece + _INPUT_CHUNK_BYTES)]
    for start, end in pieces:
        for chunk in decoder.feed(data[start:end]):
            fresh = chunk[skip:]
            skip -= len(chunk) - len(fresh)
            if fresh:
                yield fresh
