"""Whether a batch may follow the safe head: the rules for singular and for span batches.

Pure: a batch, the safe head, the L1 blocks known from the safe head's origin on, and the L1 block
that completed the batch's channel give a verdict and the rule behind it. Since Holocene nothing is
kept for later, and a span is checked as a whole only in its prefix; its blocks are judged one by
one as they are reached.
Source: OP Stack specs, protocol/derivation.md, "Batch Queue"; protocol/delta/span-batches.md,
"Batch Queue"; protocol/holocene/derivation.md, "Batch Queue" and "Span Batches".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from chain.transaction import DEPOSIT_TYPE, SET_CODE_TYPE, DepositTransaction
from rollup.wire.batch import SingularBatch
from rollup.wire.span_batch import SpanBatch, SpanContext, matches_check

from .forks import must_be_empty
from .l2_block import L2Source, l2_block_ref
from .rules import Rule

if TYPE_CHECKING:
    from chain.block import Block
    from chain.heads import BlockRef, L2BlockRef
    from genesis.config import RollupConfig
    from rollup.wire.span_batch import SpanBlock

    from .forks import ForkSchedule


class Verdict(Enum):
    """What becomes of a batch."""

    ACCEPT = "accept"
    PAST = "past"
    DROP = "drop"
    FUTURE = "future"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the rule that gave it, and what the rule saw."""

    verdict: Verdict
    rule: Rule
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BatchContext:
    """What a batch is judged by.

    `origins` are consecutive L1 blocks, the first of them `parent`'s L1 origin; `inclusion` is the
    L1 block that completed the batch's channel. `l2` has the safe chain up to parent.
    """

    config: RollupConfig
    schedule: ForkSchedule
    parent: L2BlockRef
    origins: Sequence[BlockRef]
    inclusion: BlockRef
    l2: L2Source

    @property
    def next_timestamp(self) -> int:
        """Time of the block after parent."""
        return self.parent.timestamp + self.config.block_time

    @property
    def is_strict(self) -> bool:
        """Whether Holocene's rules hold where the batch was completed; an inbox's may wait."""
        if self.config.has_inbox_contract:
            return False
        return self.schedule.l1(self.inclusion.timestamp).is_strict

    @property
    def span(self) -> SpanContext:
        """What span batches of the chain leave out."""
        return span_context(self.config)

    def origin(self, number: int) -> BlockRef | None:
        """The L1 block of that number, None where it is not known."""
        index = number - self.origins[0].number
        return self.origins[index] if 0 <= index < len(self.origins) else None


def span_context(config: RollupConfig) -> SpanContext:
    """What span batches of a chain leave out."""
    return SpanContext(config.genesis.l2_time, config.block_time, config.l2_chain_id)


_ACCEPT: Final = Judgement(Verdict.ACCEPT, Rule.BATCH_ACCEPTED)
_SPAN_ACCEPT: Final = Judgement(Verdict.ACCEPT, Rule.SPAN_ACCEPTED)


def _drop(rule: Rule, detail: str) -> Judgement:
    return Judgement(Verdict.DROP, rule, detail)


def _undecided(number: int) -> Judgement:
    return Judgement(Verdict.UNDECIDED, Rule.BATCH_UNDECIDED, f"L1 block {number} is not known yet")


# -- singular batches


def check_singular(context: BatchContext, batch: SingularBatch) -> Judgement:
    """Judge a singular batch, or one block of a span, as the successor of the safe head."""
    due = context.next_timestamp
    if batch.timestamp != due:
        return _out_of_time(context, batch.timestamp, batch.timestamp)
    if batch.parent_hash != context.parent.hash:
        return _drop(
            Rule.PARENT, f"0x{batch.parent_hash.hex()} is not 0x{context.parent.hash.hex()}"
        )
    return (
        _late(context, batch.epoch_number)
        or _epoch_fault(context, batch)
        or _drift_fault_of(context, batch)
        or _transactions_fault(context, batch.timestamp, batch.transactions)
        or _ACCEPT
    )


def _out_of_time(context: BatchContext, start: int, end: int) -> Judgement:
    """The verdict on a batch whose blocks all lie before or after the next one's time."""
    due = context.next_timestamp
    if start > due:
        detail = f"time {start} is after {due}"
        if context.is_strict:
            return _drop(Rule.BATCH_GAP, detail)
        return Judgement(Verdict.FUTURE, Rule.BATCH_FUTURE, detail)
    detail = f"time {end} is before {due}"
    if context.is_strict:
        return Judgement(Verdict.PAST, Rule.BATCH_PAST, detail)
    return _drop(Rule.BATCH_OLD, detail)


def _late(context: BatchContext, epoch_number: int) -> Judgement | None:
    window = context.config.seq_window_size
    if epoch_number + window >= context.inclusion.number:
        return None
    return _drop(
        Rule.WINDOW_PASSED,
        f"included in L1 block {context.inclusion.number}, the window of epoch {epoch_number} "
        f"has {window} blocks",
    )


def _epoch_fault(context: BatchContext, batch: SingularBatch) -> Judgement | None:
    epoch = context.origins[0]
    if batch.epoch_number < epoch.number:
        return _drop(Rule.EPOCH_OLD, f"epoch {batch.epoch_number} is before {epoch.number}")
    if batch.epoch_number > epoch.number + 1:
        return _drop(Rule.EPOCH_AHEAD, f"epoch {batch.epoch_number} is after {epoch.number + 1}")
    origin = context.origin(batch.epoch_number)
    if origin is None:
        return _undecided(batch.epoch_number)
    if batch.epoch_hash != origin.hash:
        return _drop(Rule.EPOCH_HASH, f"0x{batch.epoch_hash.hex()} is not 0x{origin.hash.hex()}")
    return None


def _drift_fault_of(context: BatchContext, batch: SingularBatch) -> Judgement | None:
    origin = context.origin(batch.epoch_number)
    if origin is None:
        return _undecided(batch.epoch_number)
    advances = batch.epoch_number != context.origins[0].number
    return _drift_fault(
        context, origin, batch.timestamp, advances=advances, is_empty=not batch.transactions
    )


def _drift_fault(
    context: BatchContext, origin: BlockRef, timestamp: int, *, advances: bool, is_empty: bool
) -> Judgement | None:
    """Whether L2 time is between the origin's and the drift limit.

    An empty block may pass the limit while there is no later origin that it could take.
    """
    if timestamp < origin.timestamp:
        return _drop(Rule.BEFORE_ORIGIN, f"time {timestamp} is before L1's {origin.timestamp}")
    latest = origin.timestamp + context.schedule.l1(origin.timestamp).max_sequencer_drift_s
    if timestamp <= latest:
        return None
    detail = f"time {timestamp} is after {latest}"
    if not is_empty:
        return _drop(Rule.PAST_DRIFT, detail)
    if advances:
        return None
    following = context.origin(origin.number + 1)
    if following is None:
        return _undecided(origin.number + 1)
    if timestamp >= following.timestamp:
        return _drop(Rule.PAST_DRIFT_NEXT_DUE, detail)
    return None


def _transactions_fault(
    context: BatchContext, timestamp: int, transactions: Sequence[bytes]
) -> Judgement | None:
    if not transactions:
        return None
    if must_be_empty(context.config, timestamp):
        return _drop(Rule.ACTIVATION_NOT_EMPTY, f"{len(transactions)} transactions")
    takes_set_code = context.schedule.l2(timestamp).takes_set_code
    for index, raw in enumerate(transactions):
        if not raw:
            return _drop(Rule.EMPTY_TRANSACTION, f"transaction {index}")
        if raw[0] == DEPOSIT_TYPE:
            return _drop(Rule.DEPOSIT_IN_BATCH, f"transaction {index}")
        if raw[0] == SET_CODE_TYPE and not takes_set_code:
            return _drop(Rule.SET_CODE_EARLY, f"transaction {index}")
    return None


# -- span batches


def check_span_prefix(context: BatchContext, batch: SpanBatch) -> Judgement:
    """Judge a span by what its prefix and its counts say: all that is checked since Holocene."""
    return _prefix(context, batch)[0]


def check_span(context: BatchContext, batch: SpanBatch) -> Judgement:
    """Judge a span as a whole, before Holocene: one bad block drops all of it."""
    judgement, before = _prefix(context, batch)
    if before is None:
        return judgement
    return _blocks_fault(context, batch) or _overlap_fault(context, batch, before) or judgement


def _prefix(context: BatchContext, batch: SpanBatch) -> tuple[Judgement, L2BlockRef | None]:
    """The judgement, and the safe block that the span begins after where it is accepted."""
    start_epoch = batch.start_epoch_number
    epoch = context.origins[0]
    if start_epoch == epoch.number + 1 and len(context.origins) > 1:
        epoch = context.origins[1]
    elif start_epoch == epoch.number + 1:
        return _undecided(start_epoch), None
    if not context.schedule.l1(epoch.timestamp).reads_span_batches:
        return _drop(Rule.SPAN_BEFORE_DELTA, f"L1 origin {epoch.number}"), None
    start, end = batch.start_timestamp(context.span), batch.end_timestamp(context.span)
    if start > context.next_timestamp or end < context.next_timestamp:
        return _out_of_time(context, start, end), None
    before = _block_before(context, start)
    if before is None:
        return _drop(Rule.SPAN_MISALIGNED, f"time {start}"), None
    fault = _parent_fault(context, batch, before) or _origin_fault(context, batch)
    if fault is None and start_epoch < before.l1_origin.number:
        detail = f"epoch {start_epoch} is before {before.l1_origin.number}"
        fault = _drop(Rule.EPOCH_OLD, detail)
    return (_SPAN_ACCEPT, before) if fault is None else (fault, None)


def _block_before(context: BatchContext, start: int) -> L2BlockRef | None:
    """The safe block one block time before `start`, None where there is none."""
    parent = context.parent
    steps, rest = divmod(context.next_timestamp - start, context.config.block_time)
    number = parent.number - steps
    if rest or number < context.config.genesis.l2.number:
        return None
    if steps == 0:
        return parent
    block = context.l2.block_by_number(number)
    return None if block is None else l2_block_ref(context.config, block)


def _parent_fault(context: BatchContext, batch: SpanBatch, before: L2BlockRef) -> Judgement | None:
    if not matches_check(batch.parent_check, before.hash):
        return _drop(
            Rule.SPAN_PARENT_CHECK,
            f"0x{batch.parent_check.hex()} is not of block {before.number} 0x{before.hash.hex()}",
        )
    if batch.start_epoch_number > before.l1_origin.number + 1:
        return _drop(
            Rule.EPOCH_AHEAD,
            f"epoch {batch.start_epoch_number} is after {before.l1_origin.number + 1}",
        )
    return _late(context, batch.start_epoch_number)


def _origin_fault(context: BatchContext, batch: SpanBatch) -> Judgement | None:
    """Whether the last origin is of this L1 chain.

    One that is older than the safe head's can be no block's after it, and one that L1 did not have
    when the batch was included cannot have been known; before Holocene the latter waits.
    """
    end = context.origin(batch.l1_origin_number)
    if end is None and batch.l1_origin_number > context.origins[-1].number:
        if not context.is_strict:
            return _undecided(batch.l1_origin_number)
        detail = f"L1 block {batch.l1_origin_number} is after {context.origins[-1].number}"
        return _drop(Rule.SPAN_ORIGIN_CHECK, detail)
    if end is None:
        detail = f"epoch {batch.l1_origin_number} is before {context.origins[0].number}"
        return _drop(Rule.SPAN_STALE_ORIGIN, detail)
    if matches_check(batch.l1_origin_check, end.hash):
        return None
    return _drop(
        Rule.SPAN_ORIGIN_CHECK,
        f"0x{batch.l1_origin_check.hex()} is not of L1 block {end.number} 0x{end.hash.hex()}",
    )


def _blocks_fault(context: BatchContext, batch: SpanBatch) -> Judgement | None:
    """The first fault among the blocks after the safe head."""
    epoch_before = context.parent.l1_origin.number
    for block in batch.blocks(context.span, after=context.parent.timestamp):
        origin = context.origin(block.epoch_number)
        if origin is None:
            return _drop(
                Rule.SPAN_STALE_ORIGIN, f"time {block.timestamp}: epoch {block.epoch_number}"
            )
        fault = _drift_fault(
            context,
            origin,
            block.timestamp,
            advances=block.epoch_number > epoch_before,
            is_empty=not block.transactions,
        ) or _transactions_fault(context, block.timestamp, block.transactions)
        if fault is not None:
            return fault
        epoch_before = block.epoch_number
    return None


def _overlap_fault(context: BatchContext, batch: SpanBatch, before: L2BlockRef) -> Judgement | None:
    """Whether the blocks up to the safe head are those of the safe chain."""
    numbers = range(before.number + 1, context.parent.number + 1)
    for number, block in zip(numbers, batch.blocks(context.span), strict=False):
        safe = context.l2.block_by_number(number)
        if safe is None or not _is_same(context.config, safe, block):
            return _drop(Rule.SPAN_OVERLAP, f"L2 block {number}")
    return None


def _is_same(config: RollupConfig, safe: Block, block: SpanBlock) -> bool:
    transactions = tuple(
        [tx.encode() for tx in safe.transactions if not isinstance(tx, DepositTransaction)]
    )
    epoch = l2_block_ref(config, safe).l1_origin.number
    return epoch == block.epoch_number and transactions == block.transactions
