"""Time for actors: asked for, and waited for, in one place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
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
    offset_s: float = 0
    next_timestamp: int | None = None
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> float:
        """Wall time and what it was moved by."""
        return self.wall() + self.offset_s

    def move_to(self, timestamp: float) -> None:
        """Go forward to a time, unless it has passed, and wake who waits for it.

        For the event loop alone.
        """
        if timestamp > self.now():
            self.offset_s = timestamp - self.wall()
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, timestamp: float) -> None:
        """Sleep until then or until the clock was moved there.

        In short pieces: the miner's thread moves the clock too, and wakes nobody.
        """
        while (left_s := timestamp - self.now()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), min(left_s, _LOOK_AGAIN_S))

    def return_to(self, timestamp: float, next_timestamp: int | None) -> None:
        """Show an earlier time again, and go on from it; who waits notices by itself."""
        self.offset_s = timestamp - self.wall()
        self.next_timestamp = next_timestamp

    def block_time(self, parent_timestamp: int) -> int:
        """The timestamp of the next L1 block; always later than its parent's."""
        if self.next_timestamp is not None:
            wanted, self.next_timestamp = self.next_timestamp, None
            self.offset_s = wanted - int(self.wall())
            return max(wanted, parent_timestamp + 1)
        return max(int(self.now()), parent_timestamp + 1)
