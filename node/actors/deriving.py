"""Turns the driver's crank: derives from L1, fetches what it misses, tells what became safe."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chain.errors import Recovery, StemmaError
from chain.transaction import Transaction
from rollup.driver.driver import Driver, DriverStep, StepKind
from rollup.l1.provider import L1DataMissing

from ..l1.client import L1Follower
from ..writer import Writer

logger = logging.getLogger("stemma.derive")

_TURN_S = 0.05
"""How long the crank is turned before others get the writer's thread."""

_IDLE_S = 2.0
_RETRY_S = 0.5
_KEPT_L1_BLOCKS = 256


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a few steps of the driver came to."""

    last: DriverStep
    returned: tuple[Transaction, ...]
    was_reset: bool


class Deriving:
    """One loop: step until L1 has no more to say, then wait for its next block."""

    def __init__(
        self,
        driver: Driver,
        follower: L1Follower,
        writer: Writer,
        l1_moved: asyncio.Event,
        progressed: Callable[[Sequence[Transaction]], None],
        was_reset: Callable[[], None],
        *,
        confirmations: int = 0,
    ) -> None:
        """`progressed` hears after each turn, with transactions that belong into the pool again;
        `was_reset` hears when derivation started anew. `confirmations` are those of the driver.
        """
        self._driver = driver
        self._follower = follower
        self._writer = writer
        self._l1_moved = l1_moved
        self._progressed = progressed
        self._was_reset = was_reset
        self._confirmations = confirmations
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Derive until cancelled. Raises what cannot be recovered from."""
        while True:
            self._l1_moved.clear()
            try:
                turn = await self._writer.run(self._turn)
            except StemmaError as error:
                if error.recovery is not Recovery.RETRY:
                    raise
                logger.warning("the engine: %s", error)
                await asyncio.sleep(_RETRY_S)
                continue
            if turn.was_reset:
                self._was_reset()
            self._progressed(turn.returned)
            if turn.last.kind is StepKind.WAITING:
                await self._wait_for(turn.last.missing)

    def _turn(self) -> _Turn:
        deadline = time.monotonic() + _TURN_S
        returned: list[Transaction] = []
        was_reset = False
        while True:
            step = self._driver.step()
            returned.extend(step.returned)
            was_reset = was_reset or step.kind is StepKind.RESET
            if step.kind is StepKind.WAITING or time.monotonic() > deadline:
                return _Turn(step, tuple(returned), was_reset)

    async def _wait_for(self, missing: L1DataMissing | None) -> None:
        """Fetch what is missing, unless it is a block that L1 does not have yet."""
        head_number = self._follower.head_number
        readable = head_number - self._confirmations
        ahead = missing is None or (missing.number is not None and missing.number > readable)
        if head_number < 0 or ahead:
            if head_number >= 0:
                self.caught_up.set()
            await self._prune()
            try:
                await asyncio.wait_for(self._l1_moved.wait(), _IDLE_S)
            except TimeoutError:
                return
            return
        assert missing is not None  # noqa: S101 - `ahead` covers it; for the type checker
        try:
            await self._follower.fetch_missing(missing)
        except StemmaError as error:
            logger.warning("cannot fetch: %s", error)
            await asyncio.sleep(_RETRY_S)

    async def _prune(self) -> None:
        origin = self._driver.l1_origin
        if origin is not None and origin.number > _KEPT_L1_BLOCKS:
            await self._follower.prune(origin.number - _KEPT_L1_BLOCKS)
