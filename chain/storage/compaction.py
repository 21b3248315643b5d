"""Giving back the space of dropped states now and then, in a thread and a slice at a time.

LevelDB forgets deleted records as it compacts by itself, but lets them lie in ranges of keys where
little is written. Knows nothing of what the records are.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from .errors import StorageError
from .schema import NODE_PREFIX

if TYPE_CHECKING:
    from .kv import KeyValueStore

COMPACT_AFTER: Final = 4_000_000
"""Deleted records after which all trie nodes are compacted once."""

_SLICES: Final = 256


class BackgroundCompaction:
    """Compacts the trie nodes of a store after so many deletions. One writer notes them."""

    def __init__(self, kv: KeyValueStore, after_records: int = COMPACT_AFTER) -> None:
        self._kv = kv
        self._after = after_records
        self._deleted = 0
        self._stopping = Event()
        self._thread: Thread | None = None
        self.rounds = 0
        """How often all nodes have been compacted since the store was opened."""

    def note(self, deleted: int) -> None:
        """Hear of records that were deleted; begins a round where it is time for one."""
        self._deleted += deleted
        is_busy = self._thread is not None and self._thread.is_alive()
        if self._deleted < self._after or is_busy or self._stopping.is_set():
            return
        self._deleted = 0
        self._thread = Thread(target=self._compact, name="compaction")
        self._thread.start()

    def close(self) -> None:
        """Wait for the slice that is being compacted; none follows."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _compact(self) -> None:
        for first in range(_SLICES):
            if self._stopping.is_set():
                return
            start = NODE_PREFIX + bytes((first,))
            stop = NODE_PREFIX + bytes((first + 1,)) if first < 255 else NODE_PREFIX + b"\xff" * 33
            try:
                self._kv.compact(start, stop)
            except StorageError:
                return  # the writer will meet the same trouble, and tell
        self.rounds += 1
