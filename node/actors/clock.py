"""Time for actors: asked for, and waited for, in one place."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


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
