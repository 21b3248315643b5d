"""A KeyValueStore on LevelDB, through plyvel; the only file that knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import plyvel

from .errors import StorageError, StoreClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

DEFAULT_CACHE_BYTES: Final = 8 << 20
_WRITE_BUFFER_BYTES: Final = 16 << 20
"""Keys are hashes, so what is written at a time overlaps all that is there: the more it is, the
less often the rest is written again. Two of these may be in memory.
"""
DEFAULT_OPEN_TABLES: Final = 100
"""Each is a file of some 2 MB, mapped: what is read of it counts as memory of the process. To look
something up in a table that is not open costs some 25 µs more, so the default is what a state of a
million accounts needs.
"""
_OTHER_FILES: Final = 10  # LevelDB sets so many of its open files aside for itself
_BLOOM_BITS_PER_KEY: Final = 10  # one look-up in a hundred for an absent key reads the disk


class LevelStore:
    """LevelDB in a directory of its own, made if it is not there.

    Raises StorageError if it cannot be opened: it is open already, damaged, or not LevelDB's.
    Damage is refused rather than skipped, since a chain can be derived again and a hole in it
    cannot be seen.
    """

    def __init__(
        self,
        path: Path,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        open_tables: int = DEFAULT_OPEN_TABLES,
    ) -> None:
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._db: Any = plyvel.DB(
                str(path),
                create_if_missing=True,
                paranoid_checks=True,
                lru_cache_size=cache_bytes,
                write_buffer_size=_WRITE_BUFFER_BYTES,
                max_open_files=open_tables + _OTHER_FILES,
                bloom_filter_bits=_BLOOM_BITS_PER_KEY,
                compression=None,  # hashes do not shrink, and a look-up would unpack a whole block
            )
        except (plyvel.Error, OSError) as error:
            raise StorageError(f"cannot open the store in {path}: {_reason(error)}") from error

    def _failure(self, error: Exception) -> StorageError:
        # plyvel says that a database is closed with the same type as other misuse.
        if isinstance(error, RuntimeError):
            return StoreClosed(f"the store in {self._path} is closed")
        return StorageError(f"the store in {self._path} failed: {_reason(error)}")

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value of a key, or None."""
        try:
            value: bytes | None = self._db.get(key)
        except (plyvel.Error, RuntimeError) as error:
            raise self._failure(error) from error
        return value

    def write(
        self, puts: Mapping[bytes, bytes], deletes: Iterable[bytes] = (), *, sync: bool
    ) -> None:
        """Apply deletes, then puts, as one LevelDB batch."""
        try:
            batch = self._db.write_batch(sync=sync)
            for key in deletes:
                batch.delete(key)
            put: Callable[[bytes, bytes], None] = batch.put
            for key, value in puts.items():
                put(key, value)
            batch.write()
        except (plyvel.Error, RuntimeError) as error:
            raise self._failure(error) from error

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield keys that begin with prefix and their values, ordered by key, as of the call."""
        try:
            # The iterator stands on a snapshot from here on, not from its first step.
            found = self._db.iterator(prefix=prefix)
        except (plyvel.Error, RuntimeError) as error:
            raise self._failure(error) from error
        return self._steps(found)

    def _steps(self, found: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        try:
            yield from found
        except (plyvel.Error, RuntimeError) as error:
            raise self._failure(error) from error

    def compact(self, start: bytes, stop: bytes) -> None:
        """Have LevelDB rewrite a range of keys without what was deleted or replaced."""
        try:
            self._db.compact_range(start=start, stop=stop)
        except (plyvel.Error, RuntimeError) as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the database and give up its lock."""
        self._db.close()


def _reason(error: Exception) -> str:
    """What LevelDB says; plyvel hands it on as bytes."""
    said = error.args[0] if error.args else error
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
