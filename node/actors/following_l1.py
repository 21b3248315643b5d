"""Polls the L1 and wakes whoever waits for its next block."""

from __future__ import annotations

import asyncio
import logging

from chain.errors import Recovery, StemmaError

from ..l1.client import L1Follower

logger = logging.getLogger("stemma.l1")

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0


class FollowingL1:
    """One loop: poll, tell, wait."""

    def __init__(self, follower: L1Follower, moved: asyncio.Event, poll_s: float) -> None:
        """`moved` is set at every new L1 head."""
        self._follower = follower
        self._moved = moved
        self._poll_s = poll_s
        self._answered: float | None = None

    def silent_s(self) -> float:
        """Seconds since the L1 last answered, or since it was first asked."""
        return 0.0 if self._answered is None else asyncio.get_running_loop().time() - self._answered

    async def run(self) -> None:
        """Poll until cancelled; an L1 that does not answer is asked again, ever more slowly."""
        loop = asyncio.get_running_loop()
        pause_s = _FIRST_PAUSE_S
        self._answered = loop.time()
        while True:
            try:
                if await self._follower.poll():
                    self._moved.set()
            except StemmaError as error:
                if error.recovery is not Recovery.RETRY:
                    raise
                logger.warning("L1: %s", error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            self._answered = loop.time()
            pause_s = _FIRST_PAUSE_S
            await asyncio.sleep(self._poll_s)
