"""A KeyValueStore in a dict: for tests and for chains that end with their process."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from .errors import StoreClosed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class MemoryStore:
    """Keeps everything in memory; `sync` has nothing to wait for."""

    def __init__(self) -> None:
        self._data: dict[bytes, bytes] | None = {}
        self._lock = Lock()

    def _open(self) -> dict[bytes, bytes]:
        data = self._data
        if data is None:
            raise StoreClosed("the memory store is closed")
        return data

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value of a key, or None."""
        return self._open().get(key)

    def write(
        self, puts: Mapping[bytes, bytes], deletes: Iterable[bytes] = (), *, sync: bool
    ) -> None:
        """Apply deletes, then puts."""
        gone = list(deletes)
        with self._lock:
            data = self._open()
            for key in gone:
                data.pop(key, None)
            data.update(puts)

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield keys that begin with prefix and their values, ordered by key, as of the call."""
        with self._lock:
            found = [item for item in self._open().items() if item[0].startswith(prefix)]
        return iter(sorted(found))

    def compact(self, start: bytes, stop: bytes) -> None:
        """Nothing to give back: what is deleted is gone."""
        self._open()

    def close(self) -> None:
        """Forget everything."""
        self._data = None
