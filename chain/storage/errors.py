"""What can go wrong with what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.errors import StemmaError

if TYPE_CHECKING:
    from pathlib import Path


class StorageError(StemmaError):
    """The store cannot be opened, read or written, or was asked for something inconsistent."""


class StoreClosed(StorageError):
    """The store was used after it was closed."""


class CorruptRecord(StorageError):
    """A stored value is not what was written under its key.

    Derive the chain again from L1 into an empty data directory, or restore a copy.
    """

    def __init__(self, key: bytes, reason: str) -> None:
        super().__init__(f"record {key[:1]!r} 0x{key[1:].hex()} is corrupt: {reason}")
        self.key = key


class UnknownBlock(StorageError):
    """A head was to be set to a block not stored, or not on the chain of the unsafe head."""


class WrongStateMode(StorageError):
    """A store that keeps every state was opened to drop some, or the other way round."""


class StateNotKept(StorageError):
    """A block or head was to be set where states have been dropped already."""


class SnapshotUnfinished(StorageError):
    """A chain was to begin in a store that holds a part of another state, fetched from peers."""


class UnsupportedVersion(StorageError):
    """What lies on disk was written in a form that this program does not read."""


class AlreadyLocked(StorageError):
    """Another process works in this data directory.

    Attributes:
        path: the data directory.
        pid: the process that holds it, or None if it did not get to write its id.

    """

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"data directory {path} is in use by {holder}; stop it, or use another")
        self.path = path
        self.pid = pid
