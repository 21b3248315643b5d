"""Seals an L2 block whenever one is due."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from chain.errors import Recovery, StemmaError
from evm.executor import ExecutionResult
from rollup.l1.provider import L1DataMissing
from rollup.sequencer.sequencer import BlockNotDue, Sequencer

from ..writer import Writer
from .clock import Clock

logger = logging.getLogger("stemma.sequence")

_RETRY_S = 0.1
_FETCH_RETRY_S = 1.0
_BUILD_SHARE = 0.6
"""Part of the block time that a block may take transactions for; the rest is for sealing."""


class Sequencing:
    """One loop: wait for the time of the next block, build it, tell."""

    def __init__(
        self,
        sequencer: Sequencer,
        writer: Writer,
        clock: Clock,
        block_time_s: int,
        *,
        caught_up: asyncio.Event,
        sealed: Callable[[ExecutionResult, float], None],
        reset: Callable[[], None],
        fetch: Callable[[L1DataMissing], Awaitable[None]],
    ) -> None:
        """`sealed` hears of each block and its build time; `reset` makes the driver start anew.

        No block is built before `caught_up`: in an empty data directory the blocks that L1 already
        has come first. `fetch` gets an L1 block that is missing: after a long stop the origins that
        come next may be far behind those that derivation has at hand.
        """
        self._caught_up = caught_up
        self._sequencer = sequencer
        self._writer = writer
        self._clock = clock
        self._block_time_s = block_time_s
        self._sealed = sealed
        self._reset = reset
        self._fetch = fetch

    async def run(self) -> None:
        """Sequence until cancelled. Raises what cannot be recovered from."""
        await self._caught_up.wait()
        while True:
            due = await self._writer.run(lambda: self._sequencer.next_timestamp)
            await self._clock.sleep_until(due)
            try:
                result, seconds = await self._writer.run(self._build)
            except BlockNotDue:
                continue
            except StemmaError as error:
                await self._recover(error)
                continue
            self._sealed(result, seconds)

    async def _recover(self, error: StemmaError) -> None:
        if error.recovery is Recovery.STOP:
            raise error
        logger.info("no block now: %s", error)
        if error.recovery is Recovery.RESET:
            await self._writer.run(self._reset)
        if isinstance(error, L1DataMissing):
            try:
                await self._fetch(error)
            except StemmaError as failure:
                logger.warning("cannot fetch: %s", failure)
                await asyncio.sleep(_FETCH_RETRY_S)
        await asyncio.sleep(_RETRY_S)

    def _build(self) -> tuple[ExecutionResult, float]:
        started = time.monotonic()
        deadline = started + _BUILD_SHARE * self._block_time_s
        result = self._sequencer.build(
            int(self._clock.now()), stop=lambda: time.monotonic() > deadline
        )
        return result, time.monotonic() - started
