"""The directory of one node: whose it is at the moment, and in which form it was written.

LOCK holds the id of the process that works in it and is locked with flock, which the kernel takes
back when the process dies, however it dies. VERSION holds one integer.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final

from .errors import AlreadyLocked, StorageError, UnsupportedVersion

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

DATA_VERSION: Final = 1
"""Raised when the files of a data directory change their places or forms."""

_LOCK_NAME: Final = "LOCK"
_VERSION_NAME: Final = "VERSION"


class DataDirectory:
    """A data directory, held from construction to close. Also a context manager.

    Makes the directory if it is not there. Raises AlreadyLocked, UnsupportedVersion, or
    StorageError if it cannot be used as a directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock: int | None = _take_lock(path)
        except OSError as error:
            raise StorageError(f"cannot use {path} as a data directory: {error}") from error
        try:
            _check_version(path)
        except BaseException:
            self.close()
            raise

    def chain(self, name: str = "chain") -> Path:
        """The place of one chain's key-value store; `dev` keeps two chains side by side."""
        return self.path / name

    def close(self) -> None:
        """Give the directory up. Closing twice does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _take_lock(path: Path) -> int:
    # The file is never removed: another process may have it open and would then lock a ghost.
    descriptor = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise AlreadyLocked(path, int(text) if text.isdecimal() else None) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
    return descriptor


def _check_version(path: Path) -> None:
    file = path / _VERSION_NAME
    try:
        text = file.read_text("ascii").strip()
    except FileNotFoundError:
        _write_version(file)
        return
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read {file}: {error}") from error
    if not text.isdecimal():
        raise UnsupportedVersion(f"{file} holds {text[:40]!r}, expected an integer")
    if int(text) > DATA_VERSION:
        raise UnsupportedVersion(
            f"{path} was written by a newer program (version {text}, this one reads up to "
            f"{DATA_VERSION}); update, or use another directory"
        )
    if int(text) < DATA_VERSION:
        raise UnsupportedVersion(
            f"{path} has version {text}, this program reads {DATA_VERSION} and has no migration"
        )


def _write_version(file: Path) -> None:
    # Written beside and renamed, so that a crash leaves no half-written file.
    draft = file.with_suffix(".new")
    with draft.open("w", encoding="ascii") as stream:
        stream.write(f"{DATA_VERSION}\n")
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
