"""Snapshots of a development network: both layers, taken at one instant and gone back to together.

    L2   unsafe, safe and finalized head, the log of safe heads, the pool
    L1   head, pool, and the clock that both layers go by

States, blocks and blobs stay where they are: all are stored under their hashes. What actors know
beyond that (the batcher's channels, the proposer's games, nonces on L1) they read from the chains
when they start, so they are stopped, and after the way back started anew. Snapshots live in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from chain.heads import BlockId, Heads
from chain.state import State
from chain.txpool import PooledTransaction
from evm.errors import UnknownBlock
from rollup.driver.driver import Driver
from rollup.driver.safe_head_log import SafeHeadEntry

from .actors.group import ActorGroup
from .chain_runtime import ChainRuntime
from .l1.dev_l1 import DevL1, KeptL1
from .l1.transactions import L1Sender

logger = logging.getLogger("stemma.dev")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    l1: KeptL1
    heads: Heads
    safe_heads: tuple[SafeHeadEntry, ...]
    pool: tuple[PooledTransaction, ...]


class NetworkSnapshots:
    """The snapshots of one development network."""

    def __init__(
        self,
        l1: DevL1,
        l2: ChainRuntime,
        driver: Driver,
        *,
        actors: ActorGroup,
        senders: Callable[[], Sequence[L1Sender]],
        poll_l1: Callable[[], Awaitable[object]],
    ) -> None:
        """`senders` are those that the actors use now; `poll_l1` has the L2 look at L1's head."""
        self._l1 = l1
        self._l2 = l2
        self._driver = driver
        self._actors = actors
        self._senders = senders
        self._poll_l1 = poll_l1
        self._snapshots: dict[int, _Snapshot] = {}
        self._taken = 0

    async def take(self) -> int:
        """Remember both layers as they are; the number names the snapshot in `revert`."""
        snapshot = await self._l2.writer.run(self._look)
        self._taken += 1
        self._snapshots[self._taken] = snapshot
        return self._taken

    async def revert(self, number: int) -> bool:
        """Go back to a snapshot and forget it and all later ones; False if there is none.

        Raises UnknownBlock or StateNotAvailable, with nothing changed, where a pruned state has
        been dropped since.
        """
        snapshot = self._snapshots.get(number)
        if snapshot is None:
            return False
        async with AsyncExitStack() as silence:
            # A transaction on its way to L1 arrives before L1 goes back, and not after.
            for sender in self._senders():
                await silence.enter_async_context(sender.sending)
            await self._actors.without(lambda: self._go_back(snapshot))
        for later in [key for key in self._snapshots if key >= number]:
            del self._snapshots[later]
        logger.info("went back to a snapshot", extra={"l2_block": snapshot.heads.unsafe.number})
        return True

    async def _go_back(self, snapshot: _Snapshot) -> None:
        await self._l2.writer.run(lambda: self._restore(snapshot))
        self._l1.announce()
        self._l2.backend.events.announce_head()
        # Before anything is built again: L1's head, and what it holds to be final, went back.
        await self._poll_l1()

    # In the writer's thread of L2, which waits for that of L1: neither chain moves meanwhile.

    def _look(self) -> _Snapshot:
        return _Snapshot(
            self._l1.writer.run_blocking(self._l1.keep),
            self._l2.engine.heads,
            self._driver.safe_head_log.entries,
            self._l2.pool.everything(),
        )

    def _restore(self, snapshot: _Snapshot) -> None:
        self._l1.writer.run_blocking(lambda: self._l1.require_kept(snapshot.l1))
        # Derivation may start at the finalized head, so its state has to be there too.
        self._state_at(snapshot.heads.finalized)
        state = self._state_at(snapshot.heads.unsafe)
        self._driver.request_reset()
        self._driver.safe_head_log.restore(snapshot.safe_heads)
        self._l2.store.set_heads(snapshot.heads)
        self._l2.pool.replace(
            snapshot.pool, lambda who: (state.get_nonce(who), state.get_balance(who))
        )
        self._l1.writer.run_blocking(lambda: self._l1.restore(snapshot.l1))

    def _state_at(self, block: BlockId) -> State:
        header = self._l2.engine.header(block.hash)
        if header is None:
            raise UnknownBlock(f"L2 block {block} of the snapshot is not known")
        return self._l2.engine.state_at(header)
