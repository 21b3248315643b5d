"""Stage 6: the next batch that fits the chain, or an empty one when the sequencing window is over.

Since Holocene batches come strictly in order: one that lies before the safe head is skipped, any
other that does not fit drops the rest of its channel.
Source: OP Stack specs, protocol/derivation.md, "Batch Queue"; protocol/holocene/derivation.md;
protocol/fjord/derivation.md for the drift.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from chain.transaction import DEPOSIT_TYPE
from rollup.wire.batch import SingularBatch

from .errors import CorruptDerivation, ReorgDetected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chain.heads import BlockRef, L2BlockRef
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1Block

_log: Final = logging.getLogger(__name__)


class BatchVerdict(Enum):
    """What becomes of a batch."""

    ACCEPT = "accept"
    PAST = "past"
    DROP = "drop"


class BatchSource(Protocol):
    """What this stage needs of the channel reader."""

    def next_batch(self) -> SingularBatch | None:
        """The next batch, None when the L1 block has no more."""
        ...

    def drop_channel(self) -> None:
        """Give up the rest of the current channel."""
        ...


class Origin(Protocol):
    """Where on L1 the pipeline stands."""

    origin: L1Block


class BatchQueue:
    """Judges batches against the safe head; knows the L1 blocks from its origin on.

    `resume_after` is the L1 block number up to which everything has been derived before: batches
    found there only serve to bring the stages before this one into their former state.
    """

    def __init__(
        self, config: RollupConfig, traversal: Origin, source: BatchSource, *, resume_after: int
    ) -> None:
        self._config = config
        self._traversal = traversal
        self._source = source
        self._resume_after = resume_after
        self._origins: list[BlockRef] = []

    def next_batch(self, parent: L2BlockRef) -> SingularBatch | None:
        """The batch of the block after parent, None when this L1 block gives none.

        Raises ReorgDetected when parent's L1 origin is not in this L1 chain.
        """
        self._note_origin(parent)
        inclusion = self._traversal.origin.number
        if inclusion <= max(self._resume_after, parent.l1_origin.number):
            self._drain()
            return None
        epoch, next_epoch = self._epochs(parent)
        while (batch := self._source.next_batch()) is not None:
            verdict, reason = check_batch(self._config, parent, batch, epoch, next_epoch, inclusion)
            if verdict is BatchVerdict.ACCEPT:
                return batch
            if verdict is BatchVerdict.DROP:
                _log.warning("batch after L2 block %d dropped: %s", parent.number, reason)
                self._source.drop_channel()
        return self._empty_batch(parent, epoch, next_epoch, inclusion)

    def drop_channel(self) -> None:
        """Give up the rest of the current channel: a batch of it gave an invalid block."""
        self._source.drop_channel()

    def _note_origin(self, parent: L2BlockRef) -> None:
        """Append the pipeline's origin, forget those before parent's."""
        origin = self._traversal.origin.ref
        if not self._origins or self._origins[-1].number < origin.number:
            self._origins.append(origin)
        while len(self._origins) > 1 and self._origins[0].number < parent.l1_origin.number:
            self._origins.pop(0)

    def _drain(self) -> None:
        while self._source.next_batch() is not None:
            self._source.drop_channel()

    def _epochs(self, parent: L2BlockRef) -> tuple[BlockRef, BlockRef]:
        """Parent's L1 origin and the L1 block after it."""
        epoch = self._origins[0]
        if epoch.id != parent.l1_origin:
            raise ReorgDetected(
                f"L2 block {parent.number} has L1 origin {parent.l1_origin}, "
                f"the pipeline came by {epoch.id}"
            )
        if len(self._origins) < 2:
            raise CorruptDerivation(f"batch queue: no L1 block known after origin {epoch.id}")
        return epoch, self._origins[1]

    def _empty_batch(
        self, parent: L2BlockRef, epoch: BlockRef, next_epoch: BlockRef, inclusion: int
    ) -> SingularBatch | None:
        """The batch that fills in for a sequencer whose window is over, if it is."""
        timestamp = parent.timestamp + self._config.block_time
        # L2 time may not fall behind the time of its origin, so an epoch lasts until the next
        # L1 block's time; each epoch is kept to have at least one block.
        chosen = epoch if timestamp < next_epoch.timestamp else next_epoch
        if chosen.number + self._config.seq_window_size > inclusion:
            return None
        _log.warning(
            "L2 block %d: sequencing window of L1 block %d is over, block left empty",
            parent.number + 1,
            chosen.number,
        )
        return SingularBatch(parent.hash, chosen.number, chosen.hash, timestamp, ())


def check_batch(
    config: RollupConfig,
    parent: L2BlockRef,
    batch: SingularBatch,
    epoch: BlockRef,
    next_epoch: BlockRef,
    inclusion: int,
) -> tuple[BatchVerdict, str]:
    """Judge a batch that L1 block `inclusion` completed, as the successor of parent.

    `epoch` is parent's L1 origin, `next_epoch` the L1 block after it. Returns verdict and reason.
    """
    timestamp = parent.timestamp + config.block_time
    if batch.timestamp < timestamp:
        return BatchVerdict.PAST, f"time {batch.timestamp} is before {timestamp}"
    reason = (
        _position_fault(config, parent, batch, timestamp, inclusion)
        or _epoch_fault(config, batch, epoch, next_epoch)
        or _transaction_fault(batch.transactions)
    )
    return (BatchVerdict.DROP, reason) if reason else (BatchVerdict.ACCEPT, "")


def _position_fault(
    config: RollupConfig, parent: L2BlockRef, batch: SingularBatch, timestamp: int, inclusion: int
) -> str:
    if batch.timestamp > timestamp:
        return f"time {batch.timestamp} is after {timestamp}"
    if batch.parent_hash != parent.hash:
        return f"parent 0x{batch.parent_hash.hex()} is not 0x{parent.hash.hex()}"
    if batch.epoch_number + config.seq_window_size < inclusion:
        return (
            f"included in L1 block {inclusion}, the window of epoch {batch.epoch_number} "
            f"has {config.seq_window_size} blocks"
        )
    return ""


def _epoch_fault(
    config: RollupConfig, batch: SingularBatch, epoch: BlockRef, next_epoch: BlockRef
) -> str:
    if batch.epoch_number not in (epoch.number, next_epoch.number):
        return f"epoch {batch.epoch_number} is neither {epoch.number} nor {next_epoch.number}"
    origin = epoch if batch.epoch_number == epoch.number else next_epoch
    if batch.epoch_hash != origin.hash:
        return f"epoch hash 0x{batch.epoch_hash.hex()} is not 0x{origin.hash.hex()}"
    if batch.timestamp < origin.timestamp:
        return f"time {batch.timestamp} is before its L1 origin's {origin.timestamp}"
    latest = origin.timestamp + config.max_sequencer_drift_at(origin.timestamp)
    if batch.timestamp <= latest:
        return ""
    if batch.transactions:
        return f"time {batch.timestamp} is past the drift limit {latest} and it has transactions"
    if origin is epoch and batch.timestamp >= next_epoch.timestamp:
        return f"time {batch.timestamp} is past the drift limit and the next L1 origin is due"
    return ""


def _transaction_fault(transactions: Sequence[bytes]) -> str:
    for index, raw in enumerate(transactions):
        if not raw:
            return f"transaction {index} is empty"
        if raw[0] == DEPOSIT_TYPE:
            return f"transaction {index} is a deposit"
    return ""
