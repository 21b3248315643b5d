"""The blobs of the embedded L1, one file each, under their versioned hashes.

A real L1 forgets blobs after eighteen days; a development chain keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from chain.types import Hash32


class BlobStore:
    """Files of 128 KiB in one directory."""

    def __init__(self, directory: Path) -> None:
        """Make the directory if need be."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def put(self, hashes: Iterable[Hash32], blobs: Iterable[bytes]) -> None:
        """Keep blobs under their hashes."""
        for name, blob in zip(hashes, blobs, strict=True):
            path = self._directory / name.hex()
            draft = path.with_suffix(".new")
            draft.write_bytes(blob)
            draft.replace(path)

    def get(self, name: Hash32) -> bytes | None:
        """A blob, or None."""
        path = self._directory / name.hex()
        return path.read_bytes() if path.is_file() else None
