"""A chain in a file: the RLP of one block after the other, as other clients write and read it.

A name that ends in `.gz` is compressed. Reading needs memory for one block at a time. Knows nothing
of whether blocks are valid. docs/protocol/chain-file.md is the format.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from chain.errors import DecodeError, StemmaError

MAX_BLOCK_BYTES: Final = 128 << 20
_COMPRESSED: Final = ".gz"
_COMPRESSION_LEVEL: Final = 6
_LIST: Final = 0xC0
_LONG_LIST: Final = 0xF7


class BlockFileError(StemmaError):
    """A chain file cannot be opened, read or written; the message names it."""


@dataclass(frozen=True, slots=True)
class RawBlock:
    """One block of a file: its RLP, and the offset of its end in the uncompressed stream."""

    data: bytes
    end: int


class BlockFile:
    """A chain file open for reading; iterating gives its blocks. Also a context manager.

    Raises BlockFileError where it cannot be opened, and while reading where it breaks off or holds
    something else than RLP lists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise BlockFileError(f"{path}: {error.strerror}") from error
        self.size_bytes = os.fstat(self._file.fileno()).st_size
        """Of the file as it lies there, compressed or not."""
        is_compressed = path.name.endswith(_COMPRESSED)
        self._stream: IO[bytes] = (
            cast("IO[bytes]", gzip.GzipFile(fileobj=self._file)) if is_compressed else self._file
        )

    def __enter__(self) -> BlockFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._file.close()

    @property
    def read_bytes(self) -> int:
        """How much of the file has been read, compressed or not."""
        return self._file.tell()

    def __iter__(self) -> Iterator[RawBlock]:
        index = end = 0
        while True:
            try:
                data = read_list(self._stream)
            except (OSError, EOFError, DecodeError) as error:
                raise BlockFileError(
                    f"{self._path}: block {index} of the file, at byte {end}: {error}"
                ) from error
            if not data:
                return
            index, end = index + 1, end + len(data)
            yield RawBlock(data, end)


def read_list(stream: IO[bytes]) -> bytes:
    """Read one RLP list with its prefix; b"" at the end. Raises DecodeError, OSError, EOFError."""
    first = stream.read(1)
    if not first:
        return b""
    kind = first[0]
    if kind < _LIST:
        raise DecodeError(f"expected an RLP list, the first byte is 0x{kind:02x}")
    if kind <= _LONG_LIST:
        return first + _exactly(stream, kind - _LIST)
    prefix = _exactly(stream, kind - _LONG_LIST)
    size = int.from_bytes(prefix, "big")
    if size > MAX_BLOCK_BYTES:
        raise DecodeError(f"a list of {size} bytes, {MAX_BLOCK_BYTES} at most")
    return first + prefix + _exactly(stream, size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise DecodeError(f"the file ends after {len(data)} of {size} bytes")
    return data


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write blocks to, which gets its name only when all of it is there.

    Raises BlockFileError.
    """
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("wb") as file:
            if path.name.endswith(_COMPRESSED):
                # Without a name or time in it, the same chain gives the same bytes.
                with gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, file, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise BlockFileError(f"{path}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
