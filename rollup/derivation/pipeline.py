"""Stage 8: the whole pipeline behind one `step`.

    L1Traversal → L1Retrieval → FrameQueue → ChannelStage → ChannelReader → BatchProvider →
    AttributesQueue → step()          of a chain with a BatchInbox: L1Traversal → InboxReader → ...

A pipeline is made at a point that is known exactly: an L2 block S such that the L1 blocks up to I
give S and nothing after it. To have the channels (and before Holocene the waiting batches) of that
moment it reads L1 again from some blocks before, and throws away the batches it meets on the way. A
reset is a new pipeline. Executes nothing and moves no head.
Source: OP Stack specs, protocol/derivation.md, "Resetting the Pipeline".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .attributes_queue import AttributesQueue, BatchUndone, DerivedAttributes
from .batch_checks import span_context
from .batch_provider import BatchProvider
from .certified_data import CertifiedData
from .channel_reader import ChannelReader
from .channel_stage import ChannelStage
from .forks import ForkSchedule
from .frame_queue import FrameQueue
from .inbox_reader import InboxReader
from .journal import Journal
from .keccak_data import KeccakData
from .l1_retrieval import L1Retrieval
from .l1_traversal import L1Traversal
from .l2_block import (
    L2Source,
    is_l2_genesis,
    l1_attributes_of,
    l2_block_ref,
    require_block,
    system_config_of,
)

if TYPE_CHECKING:
    from chain.block import Block
    from chain.heads import BlockId, L2BlockRef
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1BlockRef, L1Provider

    from .batch_origins import BatchSource


@dataclass(frozen=True, slots=True)
class OriginConsumed:
    """All that the L1 chain up to `origin` says has been derived.

    Who starts from here later has to read L1 from block `reread_from` on, or, where that is None,
    from a channel timeout before. Where data were lost, what was derived stands on a later L1 block
    too.
    """

    origin: L1BlockRef
    reread_from: int | None = None
    stands_on: BlockId | None = None


@dataclass(frozen=True, slots=True)
class OriginAdvanced:
    """The pipeline has gone on to this L1 block."""

    origin: L1BlockRef


PipelineStep = DerivedAttributes | BatchUndone | OriginConsumed | OriginAdvanced


class DerivationPipeline:
    """Derives payload attributes, one at a time, from where it was started."""

    def __init__(
        self,
        config: RollupConfig,
        provider: L1Provider,
        l2: L2Source,
        safe_head: Block,
        consumed: BlockId,
        journal: Journal | None = None,
        *,
        reread_from: int | None = None,
        stands_on: BlockId | None = None,
    ) -> None:
        """Start after safe_head, which L1 up to the block `consumed` gives; `reread_from` and
        `stands_on` are what was said when that block was consumed.

        Everything that is taken or dropped is noted in the journal. Raises L1DataMissing when the
        L1 block to start from is not here, CorruptDerivation when the L2 chain below safe_head is
        incomplete.
        """
        self._journal = Journal() if journal is None else journal
        schedule = ForkSchedule(config)
        start = _start_block(config, schedule, l2, safe_head, consumed, reread_from)
        origin_id = l2_block_ref(config, start).l1_origin
        origin = provider.block_by_hash(origin_id.hash)
        self._journal.l1 = origin.ref
        self._traversal = L1Traversal(config, provider, origin, system_config_of(config, start))
        self._keccak = _keccak_data(
            config,
            provider,
            self._journal,
            first_block=origin.number,
            consumed=consumed.number,
            stands_on=stands_on,
        )
        reader = self._make_reader(config, provider, schedule)
        batches = BatchProvider(
            config,
            schedule,
            l2,
            self._traversal,
            reader,
            self._journal,
            resume_after=consumed.number,
        )
        self._attributes = AttributesQueue(
            config, schedule, provider, l2, self._traversal, batches, self._journal
        )
        self._is_consumed = False

    def _make_reader(
        self, config: RollupConfig, provider: L1Provider, schedule: ForkSchedule
    ) -> BatchSource:
        """The stages from L1's blocks to batches."""
        self._channels: ChannelStage | None = None
        if config.has_inbox_contract:
            return InboxReader(self._traversal, config.batch_inbox_address, self._journal)
        retrieval = L1Retrieval(
            self._traversal,
            provider,
            config.batch_inbox_address,
            schedule,
            self._journal,
            self._keccak or _certified_data(config, provider, self._journal),
        )
        frames = FrameQueue(retrieval, self._traversal, schedule, self._journal)
        self._channels = ChannelStage(frames, self._traversal, schedule, self._journal)
        return ChannelReader(
            self._channels, self._traversal, schedule, span_context(config), self._journal
        )

    @property
    def origin(self) -> L1BlockRef:
        """The L1 block that is being read."""
        return self._traversal.origin.ref

    def step(self, parent: L2BlockRef) -> PipelineStep:
        """One unit of progress on top of parent: the safe head, or the last block of its span.

        Raises L1DataMissing (step again when it is there) and DerivationError.
        """
        if self._is_consumed:
            if self._keccak is not None:
                self._keccak.reached(self.origin.number + 1)
            self._traversal.advance()
            self._is_consumed = False
            self._journal.l1 = self.origin
            return OriginAdvanced(self.origin)
        derived = self._attributes.next_attributes(parent)
        if derived is not None:
            return derived
        self._is_consumed = True
        origin = self.origin
        return OriginConsumed(
            origin,
            self._reread_from(parent),
            None if self._keccak is None else self._keccak.stands_on(origin.number),
        )

    def _reread_from(self, parent: L2BlockRef) -> int | None:
        if self._channels is None:
            return None
        return self._channels.reread_from(parent.l1_origin.number)

    def require_canonical_origin(self) -> None:
        """See whether L1 still has the block that is being read.

        To be asked at every new L1 head: a stage may be waiting for data of a block that L1 has
        dropped and will never give. Raises ReorgDetected or L1DataMissing.
        """
        self._traversal.require_canonical()
        if self._keccak is not None:
            self._keccak.require_canonical()

    def invalidate(self, derived: DerivedAttributes, reason: str) -> DerivedAttributes | None:
        """Say that the engine refused the attributes derived last; what to build in their place.

        None (before Holocene): go on from the safe head.
        """
        return self._attributes.invalidate(derived, reason)


def _certified_data(
    config: RollupConfig, provider: L1Provider, journal: Journal
) -> CertifiedData | None:
    """The reader of commitments, on a chain with a DA committee."""
    if config.da_committee is None:
        return None
    return CertifiedData(config.da_committee, config.l1_chain_id, provider, journal)


def _keccak_data(
    config: RollupConfig,
    provider: L1Provider,
    journal: Journal,
    *,
    first_block: int,
    consumed: int,
    stands_on: BlockId | None,
) -> KeccakData | None:
    """The reader of commitments, on a chain of which L1 has hashes."""
    if config.alt_da is None:
        return None
    return KeccakData(
        config.alt_da,
        provider,
        journal,
        first_block=first_block,
        consumed=consumed,
        stands_on=stands_on,
    )


def _start_block(
    config: RollupConfig,
    schedule: ForkSchedule,
    l2: L2Source,
    safe_head: Block,
    consumed: BlockId,
    reread_from: int | None,
) -> Block:
    """The L2 block at whose L1 origin to start reading.

    A channel still open after `consumed` was opened at most a timeout before it. Before Holocene a
    batch may wait as well; it was completed after the safe head's L1 origin. Ids of channels that
    came again then may ask for more; so do commitments that can be lost yet.
    """
    block = safe_head
    head = l2_block_ref(config, safe_head)
    may_wait = not _is_strict_at_origin(config, schedule, safe_head)
    first_needed = head.l1_origin.number if may_wait else consumed.number
    if config.alt_da is not None:
        first_needed -= config.alt_da.settled_after
    while True:
        ref = l2_block_ref(config, block)
        is_oldest = block.number <= config.genesis.l2.number
        # L2 time is never before its origin's, so the longer of two timeouts is used.
        timeout = max(
            schedule.l1(ref.timestamp).channel_timeout, schedule.l1(head.timestamp).channel_timeout
        )
        reaches = reread_from is None or ref.l1_origin.number <= reread_from
        if is_oldest or (reaches and ref.l1_origin.number + timeout < first_needed):
            return block
        block = require_block(l2, block.header.parent_hash)


def _is_strict_at_origin(config: RollupConfig, schedule: ForkSchedule, block: Block) -> bool:
    """Whether no batch waits after a block's L1 origin: Holocene is active there, and with it at
    every L1 block after it.
    """
    if config.has_inbox_contract or is_l2_genesis(config, block):
        return False
    return schedule.l1(l1_attributes_of(block).timestamp).is_strict
