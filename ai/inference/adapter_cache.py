"""Which adapters are loaded beside the base model: least recently used goes first.

The key is the content hash, so a name can never serve another adapter's weights. An adapter in use
is pinned. Knows PEFT's load and delete through two functions, nothing else of models.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import ClassVar

from ai.adapters.store import StoredAdapter
from chain.errors import Recovery, StemmaError


class AdapterCacheFull(StemmaError):
    """Every loaded adapter is in use; a slot frees when an answer ends."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class AdapterCache:
    """At most `capacity` adapters at once; `acquire` and `release` come in pairs."""

    def __init__(
        self,
        capacity: int,
        load: Callable[[str, StoredAdapter], None],
        unload: Callable[[str], None],
    ) -> None:
        self._capacity = capacity
        self._load = load
        self._unload = unload
        self._users: OrderedDict[str, int] = OrderedDict()  # least recently used first
        self.loads = 0
        self.evictions = 0

    @property
    def resident(self) -> tuple[str, ...]:
        """The loaded adapters, least recently used first."""
        return tuple(self._users)

    def acquire(self, adapter: StoredAdapter) -> str:
        """Load if needed, pin, and return the adapter's name in the model (its hash in hex).

        Raises AdapterCacheFull, or what the load raised (nothing is then kept).
        """
        name = adapter.adapter_id.hex()
        if name not in self._users:
            victim = self._victim()
            # Loaded before the victim goes: PEFT cannot be left without any adapter.
            self._load(name, adapter)
            self.loads += 1
            self._users[name] = 0
            if victim is not None:
                self._unload(victim)
                del self._users[victim]
                self.evictions += 1
        self._users[name] += 1
        self._users.move_to_end(name)
        return name

    def release(self, name: str) -> None:
        """Unpin once; the adapter stays loaded until its slot is needed."""
        self._users[name] -= 1

    def _victim(self) -> str | None:
        if len(self._users) < self._capacity:
            return None
        idle = next((name for name, users in self._users.items() if users == 0), None)
        if idle is None:
            raise AdapterCacheFull(f"all {self._capacity} adapter slots are in use")
        return idle
