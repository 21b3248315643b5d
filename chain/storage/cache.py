"""A map that forgets what was not asked for longest, bounded by the weight of what it holds."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

Value = TypeVar("Value")


class LruCache(Generic[Value]):
    """Least-recently-used cache from bytes to values; safe to use from several threads.

    Weights are in whatever unit the capacity is: bytes of the values, or 1 each. A value heavier
    than the whole capacity is not kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._weight = 0
        self._entries: OrderedDict[bytes, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> Value | None:
        """Return the value of a key, or None, and count it as used."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, entries: Iterable[tuple[bytes, Value, int]]) -> None:
        """Keep key, value and weight of each entry; make room for them."""
        with self._lock:
            for key, value, weight in entries:
                old = self._entries.pop(key, None)
                self._entries[key] = (value, weight)
                self._weight += weight - (old[1] if old else 0)
            while self._weight > self._capacity:
                _, (_, weight) = self._entries.popitem(last=False)
                self._weight -= weight

    def discard(self, keys: Iterable[bytes]) -> None:
        """Forget what is kept of these keys."""
        with self._lock:
            for key in keys:
                entry = self._entries.pop(key, None)
                if entry is not None:
                    self._weight -= entry[1]

    @property
    def weight(self) -> int:
        """The sum of the weights of what is kept; at most the capacity."""
        return self._weight
