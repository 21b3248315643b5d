"""Channels: a compressed stream of batches, cut into frames.

    channel = zlib(rlp_string(batch) ++ rlp_string(batch) ++ ...)
            | 0x01 ++ brotli(the same)

Reading is lazy: a batch is decompressed when it is asked for, so a small channel that would unfold
into gigabytes costs nothing beyond the batch that turns out bad.
Source: OP Stack specs, protocol/derivation.md, "Channel Format"; protocol/fjord/derivation.md.
Knows nothing of L1 blocks or timeouts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chain import rlp
from chain.errors import DecodeError, EncodeError

from .batch import decode_batch
from .compression import compressed_bound, compressor, decompressed
from .frame import MAX_FRAME_DATA_BYTES, MAX_FRAME_NUMBER, ChannelId, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .batch import Batch
    from .compression import Compression

MAX_RLP_BYTES_PER_CHANNEL: Final = 100_000_000
"""Longest decompressed stream that is read (Fjord); what lies beyond it is cut off, not refused."""

MAX_RLP_BYTES_BEFORE_FJORD: Final = 10_000_000
"""The same before Fjord."""

_LONGEST_RLP_HEADER: Final = 9


class ChannelFull(EncodeError):
    """The batch does not fit into the channel any more: close it and open the next."""


class ChannelOut:
    """Writes batches into one channel.

    `size_bound_bytes` never understates the size of the closed channel, so a batcher that closes
    in time never exceeds its target. Adding to a closed channel raises ChannelFull.
    """

    def __init__(
        self,
        channel_id: ChannelId,
        compression: Compression = "zlib",
        *,
        max_rlp_bytes: int = MAX_RLP_BYTES_PER_CHANNEL,
    ) -> None:
        self.channel_id = channel_id
        self.rlp_bytes = 0
        self._max_rlp_bytes = max_rlp_bytes
        self._compressor = compressor(compression)
        self._compressed = bytearray()
        self._unflushed_bytes = 0
        self._closed = False

    @property
    def size_bound_bytes(self) -> int:
        """Most bytes that the channel would have if it were closed now."""
        if self._closed:
            return len(self._compressed)
        return len(self._compressed) + compressed_bound(self._unflushed_bytes)

    def size_bound_with(self, batch_bytes: int, *, target_bytes: int) -> int:
        """The bound after one more encoded batch of so many bytes.

        Flushes the compressor when the loose bound passes the target, which makes it a tight one.
        """
        more = batch_bytes + _LONGEST_RLP_HEADER
        loose = len(self._compressed) + compressed_bound(self._unflushed_bytes + more)
        if loose <= target_bytes or not self._unflushed_bytes:
            return loose
        self._compressed += self._compressor.flush()
        self._unflushed_bytes = 0
        return len(self._compressed) + compressed_bound(more)

    def add(self, batch: Batch) -> None:
        """Append a batch. Raises ChannelFull beyond `max_rlp_bytes` or when closed."""
        if self._closed:
            raise ChannelFull(f"channel 0x{self.channel_id.hex()}: closed")
        item = rlp.encode(batch.encode())
        if self.rlp_bytes + len(item) > self._max_rlp_bytes:
            raise ChannelFull(
                f"channel 0x{self.channel_id.hex()}: {self.rlp_bytes} + {len(item)} bytes of "
                f"batches, at most {self._max_rlp_bytes} are read back"
            )
        self.rlp_bytes += len(item)
        self._compressed += self._compressor.feed(item)
        self._unflushed_bytes += len(item)

    def close(self) -> bytes:
        """End the stream and return the channel's bytes; a second call returns the same."""
        if not self._closed:
            self._compressed += self._compressor.finish()
            self._closed = True
        return bytes(self._compressed)


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


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch and the bytes of the decompressed stream, `start` to `end`, that held it."""

    batch: Batch
    start: int
    end: int


class ChannelIn:
    """Reads the batches of an assembled channel, one at a time."""

    def __init__(
        self,
        data: bytes,
        *,
        max_rlp_bytes: int = MAX_RLP_BYTES_PER_CHANNEL,
        allows_brotli: bool = True,
    ) -> None:
        """Open a channel. Raises DecodeError for a compression that does not count."""
        self._stream = _Stream(decompressed(data, allows_brotli=allows_brotli), max_rlp_bytes)

    @property
    def position(self) -> int:
        """Decompressed bytes that have been read."""
        return self._stream.position

    def next_batch(self) -> ReadBatch | None:
        """The next batch, None at the end of the stream.

        Raises DecodeError for one that cannot be read: those before it count, what follows it does
        not (specs, "Channel Reader").
        """
        start = self._stream.position
        item = self._stream.read_rlp_string()
        if item is None:
            return None
        return ReadBatch(decode_batch(item), start, self._stream.position)


def read_channel(
    data: bytes, *, max_rlp_bytes: int = MAX_RLP_BYTES_PER_CHANNEL, allows_brotli: bool = True
) -> Iterator[Batch]:
    """The batches of an assembled channel. Raises DecodeError at the first that cannot be read."""
    channel = ChannelIn(data, max_rlp_bytes=max_rlp_bytes, allows_brotli=allows_brotli)
    while (read := channel.next_batch()) is not None:
        yield read.batch


class _Stream:
    """The decompressed bytes of a channel, read item by item and never further than needed."""

    def __init__(self, chunks: Iterator[bytes], max_bytes: int) -> None:
        self._chunks = chunks
        self._buffer = bytearray()
        self._offset = 0
        self._max_bytes = max_bytes
        self.position = 0

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
        if self.position + size > self._max_bytes:
            raise DecodeError(
                f"channel: an item of {size} bytes passes the limit of "
                f"{self._max_bytes} bytes a channel"
            )
        if not self._fill(size):
            raise DecodeError(f"channel: the stream ends inside an item of {size} bytes")
        self.position += size
        end = self._offset + size
        item = bytes(self._buffer[self._offset : end])
        self._offset = end
        return item

    def _fill(self, size: int) -> bool:
        """Decompress until so many bytes lie ready; False when the stream has fewer."""
        if self._offset:
            del self._buffer[: self._offset]
            self._offset = 0
        while len(self._buffer) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._buffer += chunk
        return True
