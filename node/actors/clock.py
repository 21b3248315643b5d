"""Time for actors: asked for, and waited for, in one place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_LOOK_AGAIN_S = 0.25


class Clock(Protocol):
    """Wall time in seconds and a way to wait."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    async def sleep_until(self, timestamp: float) -> None:
        """Return at or soon after a time; at once if it has passed."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    async def sleep_until(self, timestamp: float) -> None:
        """Sleep the difference."""
        await asyncio.sleep(max(0.0, timestamp - self.now()))


@dataclass(slots=True)
class DevClock:
    """A clock that can be moved forward; both layers of `stemma dev` go by it.

    `next_timestamp`, if set, is the time of the next L1 block, and the clock goes on from there.
    """

    wall: Callable[[], float] = time.time
    offset_s: int = 0
    next_timestamp: int | None = None

    def now(self) -> float:
        """Wall time and what it was moved by."""
        return self.wall() + self.offset_s

    async def sleep_until(self, timestamp: float) -> None:
        """Sleep in short pieces: the clock may be moved meanwhile."""
        # Not an event: the miner's thread moves the clock too.
        while (left_s := timestamp - self.now()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left_s, _LOOK_AGAIN_S))

    def block_time(self, parent_timestamp: int) -> int:
        """The timestamp of the next L1 block; always later than its parent's."""
        if self.next_timestamp is not None:
            wanted, self.next_timestamp = self.next_timestamp, None
            self.offset_s = wanted - int(self.wall())
            return max(wanted, parent_timestamp + 1)
        return max(int(self.now()), parent_timestamp + 1)
