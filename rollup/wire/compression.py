"""The two compressions of a channel, both ways: zlib, and since Fjord Brotli.

    zlib     a zlib stream; low four bits of its first byte are 8
    brotli   0x01 ++ a Brotli stream

Decompression gives bounded pieces, and gives them up to the byte at which a stream breaks.
Compressors promise a bound for what they have not put out yet.
Source: OP Stack specs, protocol/derivation.md, "Channel Format"; protocol/fjord/derivation.md,
"Brotli Channel Compression". The one door to `brotli`. Knows nothing of batches.
"""

from __future__ import annotations

import zlib
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import brotli

from chain.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Compression = Literal["zlib", "brotli", "brotli-6"]
"""`brotli` is op-batcher's; `brotli-6` takes a fortieth of its time and up to 3 % more bytes."""

BROTLI_VERSION: Final = 1
_ZLIB_METHODS: Final = (8, 15)
_ZLIB_LEVEL: Final = 9
# 10 is op-batcher's default; 11 takes three times as long for half a percent.
_BROTLI_QUALITY: Final = 10
_QUICK_BROTLI_QUALITY: Final = 6
_INPUT_CHUNK_BYTES: Final = 4096
_OUTPUT_CHUNK_BYTES: Final = 65_536
# Both store what they cannot shrink: at most 5 bytes for each 16 KiB, and the end of the stream.
_STORED_BLOCK_BYTES: Final = 16_384
_STORED_OVERHEAD_BYTES: Final = 5
_STREAM_END_BYTES: Final = 16


class Compressor(Protocol):
    """Takes bytes, gives compressed bytes now or later."""

    def feed(self, data: bytes) -> bytes:
        """Compress data; what comes out so far."""
        ...

    def flush(self) -> bytes:
        """Everything that is still inside, the stream staying open."""
        ...

    def finish(self) -> bytes:
        """Everything that is still inside and the end of the stream."""
        ...


class _Deflate:
    def __init__(self) -> None:
        self._compressor = zlib.compressobj(_ZLIB_LEVEL)

    def feed(self, data: bytes) -> bytes:
        return self._compressor.compress(data)

    def flush(self) -> bytes:
        return self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._compressor.flush()


class _Brotli:
    def __init__(self, quality: int = _BROTLI_QUALITY) -> None:
        self._compressor: Any = brotli.Compressor(quality=quality)
        self._head = bytes((BROTLI_VERSION,))

    def feed(self, data: bytes) -> bytes:
        return self._after_head(self._compressor.process(data))

    def flush(self) -> bytes:
        return self._after_head(self._compressor.flush())

    def finish(self) -> bytes:
        return self._after_head(self._compressor.finish())

    def _after_head(self, out: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + out


_COMPRESSORS: Final[dict[Compression, Callable[[], Compressor]]] = {
    "zlib": _Deflate,
    "brotli": _Brotli,
    "brotli-6": lambda: _Brotli(_QUICK_BROTLI_QUALITY),
}


def compressor(compression: Compression) -> Compressor:
    """A new stream."""
    return _COMPRESSORS[compression]()


def compressed_bound(size: int) -> int:
    """Most bytes that `size` bytes which have been fed can still add to a closed stream."""
    blocks = size // _STORED_BLOCK_BYTES + 1
    return size + blocks * _STORED_OVERHEAD_BYTES + _STREAM_END_BYTES


def decompressed(data: bytes, *, allows_brotli: bool = True) -> Iterator[bytes]:
    """The decompressed stream in chunks, up to its end or the byte at which it breaks.

    Raises DecodeError there, and at once for a first byte of neither compression.
    """
    if not data:
        raise DecodeError("channel: no data")
    if data[0] & 0x0F in _ZLIB_METHODS:
        return _until_broken(_Inflate, data)
    if data[0] == BROTLI_VERSION and not allows_brotli:
        raise DecodeError("channel: Brotli, which counts since Fjord only")
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
            # Until nothing comes: with all input taken the library may still hold output back, and
            # says that it can accept more.
            while out := self._decompressor.process(piece, output_buffer_limit=_OUTPUT_CHUNK_BYTES):
                yield out
                piece = b""
                if self._decompressor.is_finished():
                    return
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
    whole = ((at, at + _INPUT_CHUNK_BYTES) for at in range(0, broken_piece, _INPUT_CHUNK_BYTES))
    last = min(broken_piece + _INPUT_CHUNK_BYTES, len(data))
    pieces = chain(whole, ((at, at + 1) for at in range(broken_piece, last)))
    for start, end in pieces:
        for chunk in decoder.feed(data[start:end]):
            fresh = chunk[skip:]
            skip -= len(chunk) - len(fresh)
            if fresh:
                yield fresh
