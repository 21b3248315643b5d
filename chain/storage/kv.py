"""All that a backend has to offer: bytes under bytes, written in atomic batches.

tests/support/conformance.py says the same as tests, and every backend passes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class KeyValueStore(Protocol):
    """An ordered map from bytes to bytes. Safe to use from several threads.

    Every method raises StoreClosed after close, and StorageError if the backend fails.
    """

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value of a key, or None."""

    def write(
        self, puts: Mapping[bytes, bytes], deletes: Iterable[bytes] = (), *, sync: bool
    ) -> None:
        """Apply deletes, then puts: all of them or, if the process dies meanwhile, none.

        With sync they have reached the disk when the call returns. Without, a later synced write
        brings them along.
        """

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield keys that begin with prefix and their values, ordered by key, as of the call."""

    def compact(self, start: bytes, stop: bytes) -> None:
        """Give back the space of what was deleted or replaced from start up to, not with, stop.

        What is stored stays as it is. May take as long as reading and writing that range.
        """

    def close(self) -> None:
        """Release what the store holds. Closing twice does nothing."""
