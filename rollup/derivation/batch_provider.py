"""Stage 6 over the forks: the batch queue until Holocene, the batch stage from then on. A chain
whose inbox is a contract keeps the queue: which batch follows then depends on the block before and
L1 alone.

Keeps the L1 blocks that batches may name. L1 blocks up to `resume_after` have been derived from
before; they are read again only to bring the stages into their former state.
Source: OP Stack specs, protocol/holocene/derivation.md, "Activation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .batch_checks import BatchContext
from .batch_origins import BatchSource, NextBatch, Origins
from .batch_queue import BatchQueue
from .batch_stage import BatchStage

if TYPE_CHECKING:
    from chain.heads import L2BlockRef
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1Block

    from .forks import ForkSchedule
    from .journal import Journal
    from .l2_block import L2Source


class Origin(Protocol):
    """Where on L1 the pipeline stands."""

    origin: L1Block


class BatchProvider:
    """Hands out the batch of the next block by the rules of the L1 block that is being read."""

    def __init__(
        self,
        config: RollupConfig,
        schedule: ForkSchedule,
        l2: L2Source,
        traversal: Origin,
        source: BatchSource,
        journal: Journal,
        *,
        resume_after: int,
    ) -> None:
        self._config = config
        self._schedule = schedule
        self._l2 = l2
        self._traversal = traversal
        self._resume_after = resume_after
        self._origins = Origins()
        self._queue = BatchQueue(source, journal)
        self._stage = BatchStage(source, journal)

    def next_batch(self, parent: L2BlockRef) -> NextBatch | None:
        """The batch of the block after parent, None when this L1 block gives none.

        Raises ReorgDetected when parent's L1 origin is not in this L1 chain.
        """
        inclusion = self._traversal.origin
        self._origins.note(inclusion.ref)
        is_strict = self._schedule.l1(inclusion.timestamp).is_strict
        if is_strict and not self._config.has_inbox_contract:
            return self._next_strict(parent, inclusion.number)
        return self._next_queued(parent, inclusion.number)

    def drop_channel(self) -> None:
        """Give up the rest of the current channel: a batch of it gave an invalid block."""
        self._stage.drop_channel()

    def _next_strict(self, parent: L2BlockRef, inclusion: int) -> NextBatch | None:
        self._queue.clear()
        self._origins.forget_before(parent)
        if inclusion <= max(self._resume_after, parent.l1_origin.number):
            self._stage.drain()
            return None
        return self._stage.next_batch(self._context(parent))

    def _next_queued(self, parent: L2BlockRef, inclusion: int) -> NextBatch | None:
        cached = self._queue.next_of_span(parent, parent.timestamp + self._config.block_time)
        if cached is not None:
            return cached
        # Only between spans: while one is under way it may still be undone.
        self._origins.forget_before(parent)
        if inclusion < parent.l1_origin.number:
            self._queue.drain()
            return None
        context = self._context(parent)
        if inclusion <= self._resume_after:
            self._queue.gather(context)
            return None
        return self._queue.next_batch(context)

    def _context(self, parent: L2BlockRef) -> BatchContext:
        self._origins.require_origin_of(parent)
        return BatchContext(
            config=self._config,
            schedule=self._schedule,
            parent=parent,
            origins=self._origins.blocks,
            inclusion=self._traversal.origin.ref,
            l2=self._l2,
        )
