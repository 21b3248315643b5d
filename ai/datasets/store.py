"""A content-addressed store on disk: what is put under a hash is what comes out, or an error.

Blobs lie under keccak256 of their bytes; contributions can also be found by their content root.
Writes are atomic (temporary file, then rename). Knows nothing of the chain's decisions, of access
rights or of the network. Format: docs/protocol/content-store.md.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, Recovery, StemmaError
from chain.types import Address, Hash32, to_hash32

from .rows import Row, Scalar, content_root, decode_contribution, encode_contribution

MAX_BLOB_BYTES: Final = 256 * 1024 * 1024


class MissingContent(StemmaError):
    """The store does not hold this hash (yet)."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class CorruptContent(StemmaError):
    """What lies under a hash does not have that hash."""


class ContentStore:
    """Blobs under `directory/blobs/ab/cd…`, contribution roots under `directory/roots/ab/cd…`."""

    def __init__(self, directory: Path) -> None:
        self._blobs = directory / "blobs"
        self._roots = directory / "roots"

    def put(self, data: bytes) -> Hash32:
        """Store bytes and return their keccak256. Storing the same bytes again changes nothing."""
        if len(data) > MAX_BLOB_BYTES:
            raise DecodeError(f"content store: {len(data)} bytes, limit {MAX_BLOB_BYTES}")
        name = keccak256(data)
        _write(_place(self._blobs, name), data)
        return name

    def get(self, name: Hash32) -> bytes:
        """The bytes with this hash, checked. Raises MissingContent, CorruptContent."""
        data = _read(_place(self._blobs, name), name)
        found = keccak256(data)
        if found != name:
            raise CorruptContent(
                f"content 0x{name.hex()}: the stored bytes hash to 0x{found.hex()}"
            )
        return data

    def __contains__(self, name: Hash32) -> bool:
        return _place(self._blobs, name).is_file()

    def put_contribution(self, contributor: Address, rows: Sequence[Row]) -> Hash32:
        """Store the rows of one contributor; returns the content root for the chain."""
        root = content_root(contributor, rows)
        blob = self.put(encode_contribution(rows))
        _write(_place(self._roots, root), blob.hex().encode())
        return root

    def get_contribution(self, contributor: Address, root: Hash32) -> tuple[dict[str, Scalar], ...]:
        """The rows under a content root, each bound to `contributor`.

        Raises MissingContent, CorruptContent (an altered row gives another root), MalformedRow.
        """
        pointer = _read(_place(self._roots, root), root)
        try:
            blob = to_hash32(pointer.decode("ascii", "replace"))
        except DecodeError:
            raise CorruptContent(
                f"content root 0x{root.hex()}: its index entry is no hash"
            ) from None
        rows = decode_contribution(self.get(blob), f"contribution 0x{root.hex()[:16]}")
        found = content_root(contributor, rows)
        if found != root:
            raise CorruptContent(
                f"contribution of 0x{contributor.hex()}: content root on chain 0x{root.hex()}, "
                f"root of the {len(rows)} stored rows 0x{found.hex()}"
            )
        return rows


def _place(directory: Path, name: Hash32) -> Path:
    digits = bytes(name).hex()
    return directory / digits[:2] / digits[2:]


def _read(path: Path, name: Hash32) -> bytes:
    try:
        if path.stat().st_size > MAX_BLOB_BYTES:
            raise CorruptContent(f"content 0x{name.hex()}: larger than {MAX_BLOB_BYTES} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingContent(f"content 0x{name.hex()} is not in the store") from None


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
