"""Stage 6 before Holocene: batches may come in any order; those ahead of their time wait.

Batches are judged in the order in which L1 completed them; the first that fits the safe head is
taken. A span is taken as a whole: its blocks stand or fall together. When an L1 block has no more
batches and the sequencing window of the next block's epoch is over, an empty batch fills in.
Source: OP Stack specs, protocol/derivation.md, "Batch Queue"; protocol/delta/span-batches.md.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rollup.wire.batch import SingularBatch

from .batch_checks import Judgement, Verdict, check_singular, check_span
from .batch_origins import NextBatch, empty_batch

if TYPE_CHECKING:
    from chain.heads import BlockRef, L2BlockRef

    from .batch_checks import BatchContext
    from .batch_origins import BatchSource, ReadBatch
    from .journal import Journal


@dataclass(order=True, slots=True)
class _Waiting:
    timestamp: int
    arrival: int
    batch: ReadBatch = field(compare=False)
    inclusion: BlockRef = field(compare=False)


class BatchQueue:
    """Keeps batches until their time has come."""

    def __init__(self, source: BatchSource, journal: Journal) -> None:
        self._source = source
        self._journal = journal
        self._arrivals = 0
        self._future: list[_Waiting] = []  # a heap by time
        self._due: list[_Waiting] = []  # by arrival
        self._span: deque[SingularBatch] = deque()

    def next_of_span(self, parent: L2BlockRef, timestamp: int) -> NextBatch | None:
        """The next block of the span that was accepted last.

        None at its end, and when the block before was not built from it: then the span is undone.
        """
        if self._span and self._span[0].timestamp != timestamp:
            self._span.clear()
        if not self._span:
            return None
        batch = replace(self._span.popleft(), parent_hash=parent.hash)
        return NextBatch(batch, concludes=not self._span)

    def gather(self, context: BatchContext) -> None:
        """Take in what this L1 block has without giving any out."""
        while (derived := self._source.next_batch()) is not None:
            self._add(context, derived)

    def drain(self) -> None:
        """Read what there is and forget it: it is from before the safe head's origin."""
        while self._source.next_batch() is not None:
            pass

    def next_batch(self, context: BatchContext) -> NextBatch | None:
        """The batch of the block after the safe head, None when this L1 block gives none."""
        while True:
            derived = self._source.next_batch()
            if derived is not None:
                self._add(context, derived)
            found, is_undecided = self._first_that_fits(context)
            if found is not None:
                return self._start(context, found)
            if derived is None:
                return None if is_undecided else empty_batch(context, self._journal)

    def clear(self) -> None:
        """Forget everything, as at the activation of Holocene."""
        self._future.clear()
        self._due.clear()
        self._span.clear()

    def _add(self, context: BatchContext, derived: ReadBatch) -> None:
        judgement = self._judge(context, derived)
        if judgement.verdict is Verdict.DROP:
            self._journal.note(judgement.rule, derived.subject, judgement.detail)
            return
        if judgement.verdict is not Verdict.ACCEPT:
            self._journal.note(judgement.rule, derived.subject, judgement.detail)
        self._arrivals += 1
        waiting = _Waiting(derived.timestamp, self._arrivals, derived, context.inclusion)
        heapq.heappush(self._future, waiting)

    def _first_that_fits(self, context: BatchContext) -> tuple[ReadBatch | None, bool]:
        """The first acceptable batch that waits, and whether one has to wait for L1 first."""
        while self._future and self._future[0].timestamp <= context.next_timestamp:
            self._due.append(heapq.heappop(self._future))
        self._due.sort(key=lambda waiting: waiting.arrival)
        candidates, self._due = self._due, []
        for index, waiting in enumerate(candidates):
            included = replace(context, inclusion=waiting.inclusion)
            judgement = self._judge(included, waiting.batch)
            if judgement.verdict is Verdict.UNDECIDED:
                self._due += candidates[index:]
                return None, True
            self._journal.note(judgement.rule, waiting.batch.subject, judgement.detail)
            if judgement.verdict is Verdict.ACCEPT:
                self._due += candidates[index + 1 :]
                return waiting.batch, False
        return None, False

    def _judge(self, context: BatchContext, derived: ReadBatch) -> Judgement:
        if isinstance(derived.batch, SingularBatch):
            return check_singular(context, derived.batch)
        return check_span(context, derived.batch)

    def _start(self, context: BatchContext, derived: ReadBatch) -> NextBatch:
        """The batch itself, or the first block of a span, the rest of which is kept."""
        batch = derived.batch
        if isinstance(batch, SingularBatch):
            return NextBatch(batch, concludes=True)
        for block in batch.blocks(context.span, after=context.parent.timestamp):
            number = block.epoch_number
            origin = context.origins[number - context.origins[0].number]
            self._span.append(
                SingularBatch(
                    context.parent.hash, number, origin.hash, block.timestamp, block.transactions
                )
            )
        first = self._span.popleft()
        return NextBatch(first, concludes=not self._span)
