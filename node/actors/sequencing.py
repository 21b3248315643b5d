"""Seals an L2 block whenever one is due."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from chain.errors import Recovery, StemmaError
from chain.types import Hash32
from rollup.l1.provider import L1DataMissing
from rollup.sequencer.sequencer import BlockNotDue, Sealed, Sequencer

from ..writer import Writer
from .clock import Clock

logger = logging.getLogger("stemma.sequence")

_RETRY_S = 0.1
_FETCH_RETRY_S = 1.0
_BUILD_SHARE = 0.6
"""Part of the block time that a block may take transactions for; the rest is for sealing."""


class SequencerSwitchRefused(StemmaError):
    """The sequencer is not in the state that an operator took it to be in."""


class Sequencing:
    """One loop: wait for the time of the next block, build it, tell; started and stopped by an
    operator.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        writer: Writer,
        clock: Clock,
        block_time_s: int,
        *,
        caught_up: asyncio.Event,
        sealed: Callable[[Sealed, float], None],
        reset: Callable[[], None],
        fetch: Callable[[L1DataMissing], Awaitable[None]],
        is_active: bool = True,
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
        # Read and written in the writer's thread, between two blocks.
        self._is_active = is_active
        self._started = asyncio.Event()
        if is_active:
            self._started.set()

    @property
    def is_active(self) -> bool:
        """Whether blocks are built."""
        return self._is_active

    async def start(self, head: Hash32) -> None:
        """Build on a head. Raises SequencerSwitchRefused where another is the unsafe one."""
        await self._writer.run(lambda: self._switch_on(head))
        self._started.set()

    async def stop(self) -> Hash32:
        """Build no more, once the block under way is sealed; the hash of the last one.

        Raises SequencerSwitchRefused where nothing is being built.
        """
        self._started.clear()
        return await self._writer.run(self._switch_off)

    async def set_recover_mode(self, is_on: bool) -> None:
        """Catch up with L1 by empty blocks, or stop doing so."""
        await self._writer.run(lambda: self._sequencer.set_recover_mode(is_on))

    def _switch_on(self, head: Hash32) -> None:
        if self._is_active:
            raise SequencerSwitchRefused("sequencer already running")
        unsafe = self._sequencer.head
        if unsafe.hash != head:
            raise SequencerSwitchRefused(
                f"block hash does not match: head {unsafe.id}, received 0x{head.hex()}"
            )
        self._is_active = True

    def _switch_off(self) -> Hash32:
        if not self._is_active:
            raise SequencerSwitchRefused("sequencer not running")
        self._is_active = False
        return self._sequencer.head.hash

    async def run(self) -> None:
        """Sequence until cancelled. Raises what cannot be recovered from."""
        await self._caught_up.wait()
        while True:
            await self._started.wait()
            try:
                due = await self._writer.run(lambda: self._sequencer.next_timestamp)
                await self._clock.sleep_until(due)
                sealed = await self._writer.run(self._build)
            except BlockNotDue:
                continue
            except StemmaError as error:
                await self._recover(error)
                continue
            if sealed is not None:
                self._sealed(*sealed)

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

    def _build(self) -> tuple[Sealed, float] | None:
        if not self._is_active:
            return None
        started = time.monotonic()
        deadline = started + _BUILD_SHARE * self._block_time_s
        result = self._sequencer.build(
            int(self._clock.now()), stop=lambda: time.monotonic() > deadline
        )
        return result, time.monotonic() - started
