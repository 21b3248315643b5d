"""Stage 6 since Holocene: batches strictly in order, spans block by block.

A batch before the safe head is skipped; any other that does not fit drops the rest of its channel.
A span that begins well gives its blocks one at a time; the first that does not fit takes the rest
of the span and of the channel with it, those before it stand. When an L1 block has no more batches
and the sequencing window of the next block's epoch is over, an empty batch fills in.
Source: OP Stack specs, protocol/holocene/derivation.md, "Batch Queue" and "Span Batches".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.types import ZERO_HASH
from rollup.wire.batch import SingularBatch

from .batch_checks import Verdict, check_singular, check_span_prefix
from .batch_origins import NextBatch, empty_batch
from .rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rollup.wire.span_batch import SpanBatch, SpanBlock

    from .batch_checks import BatchContext
    from .batch_origins import BatchSource, ReadBatch
    from .journal import Journal


class BatchStage:
    """Judges batches one by one against the safe head."""

    def __init__(self, source: BatchSource, journal: Journal) -> None:
        self._source = source
        self._journal = journal
        self._span: Iterator[SpanBlock] | None = None
        self._span_batch: ReadBatch | None = None

    def next_batch(self, context: BatchContext) -> NextBatch | None:
        """The batch of the block after the safe head, None when this L1 block gives none."""
        while True:
            candidate = self._candidate(context)
            if candidate is None:
                return empty_batch(context, self._journal)
            derived, batch = candidate
            judgement = check_singular(context, batch)
            self._journal.note(judgement.rule, derived.subject, judgement.detail)
            if judgement.verdict is Verdict.ACCEPT:
                return NextBatch(batch, concludes=True)
            if judgement.verdict is not Verdict.PAST:
                self.drop_channel()

    def drain(self) -> None:
        """Read what there is and forget it: it cannot be new."""
        self._span = None
        while (batch := self._source.next_batch()) is not None:
            self._journal.note(Rule.BATCH_REPLAYED, batch.subject)

    def drop_channel(self) -> None:
        """Give up the rest of the current span and channel."""
        if self._span is not None and self._span_batch is not None:
            self._journal.note(Rule.SPAN_REST, self._span_batch.subject)
        self._span = None
        self._source.drop_channel()

    def _candidate(self, context: BatchContext) -> tuple[ReadBatch, SingularBatch] | None:
        """The next block of the open span, or the next batch with its blocks not yet judged."""
        while True:
            if self._span is not None and self._span_batch is not None:
                block = next(self._span, None)
                if block is not None:
                    return self._span_batch, _as_singular(context, block)
                self._span = None
            derived = self._source.next_batch()
            if derived is None:
                return None
            if isinstance(derived.batch, SingularBatch):
                return derived, derived.batch
            self._open_span(context, derived, derived.batch)

    def _open_span(self, context: BatchContext, derived: ReadBatch, batch: SpanBatch) -> None:
        judgement = check_span_prefix(context, batch)
        self._journal.note(judgement.rule, derived.subject, judgement.detail)
        if judgement.verdict is Verdict.ACCEPT:
            self._span = batch.blocks(context.span, after=context.parent.timestamp)
            self._span_batch = derived
        elif judgement.verdict is not Verdict.PAST:
            self.drop_channel()


def _as_singular(context: BatchContext, block: SpanBlock) -> SingularBatch:
    """A block of a span as a batch on top of the safe head.

    A hash that is not known is left zero: the epoch's number alone drops such a block.
    """
    origin = context.origin(block.epoch_number)
    return SingularBatch(
        parent_hash=context.parent.hash,
        epoch_number=block.epoch_number,
        epoch_hash=ZERO_HASH if origin is None else origin.hash,
        timestamp=block.timestamp,
        transactions=block.transactions,
    )
