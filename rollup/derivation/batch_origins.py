"""What both batch stages share: the L1 blocks that batches may name, and the empty batch.

Source: OP Stack specs, protocol/derivation.md, "Batch Queue".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rollup.wire.batch import SingularBatch

from .errors import CorruptDerivation, ReorgDetected
from .journal import Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from chain.heads import BlockRef, L2BlockRef
    from rollup.wire.batch import Batch

    from .batch_checks import BatchContext


@dataclass(frozen=True, slots=True)
class NextBatch:
    """A batch for the next block. `concludes` is false while more blocks of its span follow, which
    before Holocene stand or fall together.
    """

    batch: SingularBatch
    concludes: bool


class ReadBatch(Protocol):
    """A batch as a reader hands it out."""

    @property
    def batch(self) -> Batch:
        """The batch."""
        ...

    @property
    def timestamp(self) -> int:
        """Time of its first L2 block, in seconds."""
        ...

    @property
    def subject(self) -> Subject:
        """The batch as the journal names it."""
        ...


class BatchSource(Protocol):
    """What a batch stage needs of the channel reader, or of the inbox's."""

    def next_batch(self) -> ReadBatch | None:
        """The next batch, None when the L1 block has no more."""
        ...

    def drop_channel(self) -> None:
        """Give up the rest of the current channel."""
        ...


class Origins:
    """Consecutive L1 blocks, from the safe head's origin to where the pipeline stands."""

    def __init__(self) -> None:
        self.blocks: list[BlockRef] = []

    def note(self, origin: BlockRef) -> None:
        """Append where the pipeline stands now."""
        if not self.blocks or self.blocks[-1].number < origin.number:
            self.blocks.append(origin)

    def forget_before(self, parent: L2BlockRef) -> None:
        """Drop those before parent's origin."""
        beyond = parent.l1_origin.number - self.blocks[0].number
        if beyond > 0:
            del self.blocks[: min(beyond, len(self.blocks) - 1)]

    def require_origin_of(self, parent: L2BlockRef) -> None:
        """Check that parent's L1 origin is the first of them. Raises ReorgDetected."""
        epoch = self.blocks[0]
        if epoch.id != parent.l1_origin:
            raise ReorgDetected(
                f"L2 block {parent.number} has L1 origin {parent.l1_origin}, "
                f"the pipeline came by {epoch.id}"
            )


def empty_batch(context: BatchContext, journal: Journal) -> NextBatch | None:
    """The batch that fills in for a sequencer whose window is over, if it is.

    To be asked when the L1 block has no more batches. Raises CorruptDerivation when no L1 block
    after the safe head's origin is known although the window is over.
    """
    parent, timestamp = context.parent, context.next_timestamp
    epoch = context.origins[0]
    window = context.config.seq_window_size
    if epoch.number + window > context.inclusion.number:
        return None
    if len(context.origins) < 2:
        raise CorruptDerivation(f"batch queue: no L1 block known after origin {epoch.id}")
    # L2 time may not fall behind the time of its origin, so an epoch lasts until the next L1
    # block's time; each epoch is kept to have at least one block.
    chosen = epoch if timestamp < context.origins[1].timestamp else context.origins[1]
    if chosen.number + window > context.inclusion.number:
        return None
    subject = Subject(timestamp=timestamp, l2_number=parent.number + 1)
    journal.note(Rule.EMPTY_BATCH, subject, f"L1 origin {chosen.number}")
    batch = SingularBatch(parent.hash, chosen.number, chosen.hash, timestamp, ())
    return NextBatch(batch, concludes=True)
