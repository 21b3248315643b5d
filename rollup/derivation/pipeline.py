"""Stage 8: the whole pipeline behind one `step`.

    L1Traversal → L1Retrieval → FrameQueue → ChannelBank → ChannelReader → BatchQueue →
    AttributesQueue → step()

A pipeline is made at a point that is known exactly: an L2 block S such that the L1 blocks up to I
give S and nothing after it. To have the open channel of that moment it reads L1 again from a
channel timeout before I, and throws away the batches it meets on the way. A reset is a new
pipeline. Executes nothing and moves no head.
Source: OP Stack specs, protocol/derivation.md, "Resetting the Pipeline".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .attributes_queue import AttributesQueue, DerivedAttributes
from .batch_queue import BatchQueue
from .channel_bank import ChannelBank
from .channel_reader import ChannelReader
from .frame_queue import FrameQueue
from .l1_retrieval import L1Retrieval
from .l1_traversal import L1Traversal
from .l2_block import L2Source, l2_block_ref, require_block, system_config_of

if TYPE_CHECKING:
    from chain.block import Block
    from chain.heads import BlockId, L2BlockRef
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1BlockRef, L1Provider


@dataclass(frozen=True, slots=True)
class OriginConsumed:
    """All that the L1 chain up to `origin` says has been derived."""

    origin: L1BlockRef


@dataclass(frozen=True, slots=True)
class OriginAdvanced:
    """The pipeline has gone on to this L1 block."""

    origin: L1BlockRef


PipelineStep = DerivedAttributes | OriginConsumed | OriginAdvanced


class DerivationPipeline:
    """Derives payload attributes, one at a time, from where it was started."""

    def __init__(
        self,
        config: RollupConfig,
        provider: L1Provider,
        l2: L2Source,
        safe_head: Block,
        consumed: BlockId,
    ) -> None:
        """Start after safe_head, which L1 up to the block `consumed` gives.

        Raises L1DataMissing when the L1 block to start from is not here, CorruptDerivation when
        the L2 chain below safe_head is incomplete.
        """
        start = _start_block(config, l2, safe_head, consumed)
        origin_id = l2_block_ref(config, start).l1_origin
        origin = provider.block_by_hash(origin_id.hash)
        self._traversal = L1Traversal(config, provider, origin, system_config_of(config, start))
        retrieval = L1Retrieval(self._traversal, provider, config.batch_inbox_address)
        bank = ChannelBank(config, self._traversal, FrameQueue(retrieval))
        batches = BatchQueue(
            config, self._traversal, ChannelReader(bank), resume_after=consumed.number
        )
        self._attributes = AttributesQueue(config, provider, l2, self._traversal, batches)
        self._is_consumed = False

    @property
    def origin(self) -> L1BlockRef:
        """The L1 block that is being read."""
        return self._traversal.origin.ref

    def step(self, parent: L2BlockRef) -> PipelineStep:
        """One unit of progress on top of parent, the safe head.

        Raises L1DataMissing (step again when it is there) and DerivationError.
        """
        if self._is_consumed:
            self._traversal.advance()
            self._is_consumed = False
            return OriginAdvanced(self.origin)
        derived = self._attributes.next_attributes(parent)
        if derived is not None:
            return derived
        self._is_consumed = True
        return OriginConsumed(self.origin)

    def require_canonical_origin(self) -> None:
        """See whether L1 still has the block that is being read.

        To be asked at every new L1 head: a stage may be waiting for data of a block that L1 has
        dropped and will never give. Raises ReorgDetected or L1DataMissing.
        """
        self._traversal.require_canonical()

    def drop_channel(self) -> None:
        """Give up the current channel: the attributes derived last were invalid.

        Source: specs protocol/holocene/derivation.md, "Engine Queue".
        """
        self._attributes.drop_channel()


def _start_block(config: RollupConfig, l2: L2Source, safe_head: Block, consumed: BlockId) -> Block:
    """The L2 block at whose L1 origin to start reading.

    Any channel still open after `consumed` was opened at most a timeout before it.
    """
    block = safe_head
    while True:
        ref = l2_block_ref(config, block)
        is_oldest = block.number <= config.genesis.l2.number
        timeout = config.channel_timeout_at(ref.timestamp)
        if is_oldest or ref.l1_origin.number + timeout < consumed.number:
            return block
        block = require_block(l2, block.header.parent_hash)
