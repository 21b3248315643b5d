"""Span batches: a run of consecutive L2 blocks in one batch, without what they have in common.

    span batch = 0x01 ++ prefix ++ payload
    prefix     = uvarint rel_timestamp ++ uvarint l1_origin_num ++ parent_check (20) ++
                 l1_origin_check (20)
    payload    = uvarint block_count ++ origin_bits ++ block_tx_counts ++ txs

`rel_timestamp` counts from L2 genesis to the first block, `l1_origin_num` is the origin of the last
block, an origin bit says that the block is the first of its epoch. txs: span_transactions.py.
Source: OP Stack specs, protocol/delta/span-batches.md, "Span batch format".
Knows nothing of whether the blocks fit a chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from chain.errors import DecodeError, EncodeError
from chain.types import MAX_UINT64

from .compact import CompactReader, encode_bits, encode_uvarint, encode_uvarints
from .span_transactions import (
    MAX_SPAN_BATCH_ELEMENT_COUNT,
    SpanTransactionReader,
    SpanTransactions,
    read_span_transactions,
    span_transactions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chain.types import Hash32

    from .batch import SingularBatch

SPAN_BATCH_VERSION: Final = 1
CHECK_BYTES: Final = 20
"""Leading bytes of a hash that stand for it in the prefix."""


@dataclass(frozen=True, slots=True)
class SpanContext:
    """What a span batch leaves out because its chain knows it; times in seconds."""

    genesis_time_s: int
    block_time_s: int
    chain_id: int


@dataclass(frozen=True, slots=True)
class SpanBlock:
    """One L2 block out of a span batch: time in seconds, number of its L1 origin, raw
    transactions.
    """

    timestamp: int
    epoch_number: int
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """A span batch as it is written. Bit i of `origin_bits` belongs to block i."""

    relative_timestamp: int
    l1_origin_number: int
    parent_check: bytes
    l1_origin_check: bytes
    origin_bits: int
    block_transaction_counts: tuple[int, ...]
    transactions: SpanTransactions

    @property
    def block_count(self) -> int:
        """L2 blocks in the span."""
        return len(self.block_transaction_counts)

    @property
    def changes_origin_first(self) -> bool:
        """Whether the first block is the first of its epoch."""
        return bool(self.origin_bits & 1)

    @property
    def start_epoch_number(self) -> int:
        """Number of the first block's L1 origin."""
        return self.l1_origin_number - (self.origin_bits >> 1).bit_count()

    def start_timestamp(self, context: SpanContext) -> int:
        """Time of the first block."""
        return context.genesis_time_s + self.relative_timestamp

    def end_timestamp(self, context: SpanContext) -> int:
        """Time of the last block."""
        return self.start_timestamp(context) + (self.block_count - 1) * context.block_time_s

    def encode(self) -> bytes:
        """Version byte, prefix and payload. Raises EncodeError."""
        for name, check in (("parent", self.parent_check), ("L1 origin", self.l1_origin_check)):
            if len(check) != CHECK_BYTES:
                raise EncodeError(f"span batch: {name} check needs {CHECK_BYTES} bytes")
        if self.block_count == 0:
            raise EncodeError("span batch: needs at least one block")
        return b"".join(
            (
                bytes((SPAN_BATCH_VERSION,)),
                encode_uvarint(self.relative_timestamp),
                encode_uvarint(self.l1_origin_number),
                self.parent_check,
                self.l1_origin_check,
                encode_uvarint(self.block_count),
                encode_bits(self.origin_bits, self.block_count),
                encode_uvarints(self.block_transaction_counts),
                self.transactions.encode(),
            )
        )

    def blocks(self, context: SpanContext, *, after: int = -1) -> Iterator[SpanBlock]:
        """The blocks with a time past `after`, in order, each put together when it is asked for."""
        epoch = self.start_epoch_number - self.changes_origin_first
        timestamp = self.start_timestamp(context)
        reader = SpanTransactionReader(self.transactions, context.chain_id)
        origin_bits = self.origin_bits.to_bytes((self.block_count + 7) // 8, "little")
        for index, count in enumerate(self.block_transaction_counts):
            epoch += origin_bits[index >> 3] >> (index & 7) & 1
            if timestamp > after:
                raw = tuple([reader.next() for _ in range(count)])
                yield SpanBlock(timestamp, epoch, raw)
            elif count:
                reader.skip(count)
            timestamp += context.block_time_s


def decode_span_batch(data: bytes) -> SpanBatch:
    """Read a span batch with its version byte, every transaction of it included.

    Raises DecodeError. Counts are taken at their word only as far as there are bytes behind them;
    bytes after the last column mean nothing, as in op-node and kona.
    """
    if data[:1] != bytes((SPAN_BATCH_VERSION,)):
        raise DecodeError(f"span batch: version 0x{data[:1].hex()}, expected {SPAN_BATCH_VERSION}")
    reader = CompactReader(data, "span batch", 1)
    relative_timestamp = reader.uvarint("relative timestamp")
    l1_origin_number = reader.uvarint("L1 origin number")
    parent_check = reader.take(CHECK_BYTES, "parent check")
    l1_origin_check = reader.take(CHECK_BYTES, "L1 origin check")
    block_count = reader.uvarint("block count")
    if not 0 < block_count <= MAX_SPAN_BATCH_ELEMENT_COUNT:
        raise reader.error(f"{block_count} blocks, not in 1..{MAX_SPAN_BATCH_ELEMENT_COUNT}")
    origin_bits = reader.bits(block_count, "origin bits")
    counts = reader.uvarints(block_count, "transaction counts")
    total = sum(counts)
    if total > MAX_SPAN_BATCH_ELEMENT_COUNT:
        raise reader.error(f"{total} transactions, at most {MAX_SPAN_BATCH_ELEMENT_COUNT}")
    transactions = read_span_transactions(reader, total)
    batch = SpanBatch(
        relative_timestamp,
        l1_origin_number,
        parent_check,
        l1_origin_check,
        origin_bits,
        counts,
        transactions,
    )
    if batch.start_epoch_number < 0:
        raise reader.error(
            f"{origin_bits.bit_count()} origin bits count back below L1 block 0 from "
            f"{l1_origin_number}"
        )
    return batch


def span_batch(
    batches: Sequence[SingularBatch], context: SpanContext, *, first_changes_origin: bool
) -> SpanBatch:
    """The span batch of consecutive singular batches.

    `first_changes_origin` says whether the first is the first block of its epoch (sequence number
    0). Raises EncodeError when times or epochs leave a gap, or for what a transaction raises.
    """
    if not batches:
        raise EncodeError("span batch: needs at least one block")
    first, last = batches[0], batches[-1]
    bits = int(first_changes_origin)
    for index, (before, batch) in enumerate(pairwise(batches), 1):
        step = batch.epoch_number - before.epoch_number
        if batch.timestamp != before.timestamp + context.block_time_s or step not in (0, 1):
            raise EncodeError(
                f"span batch: block at {batch.timestamp} of epoch {batch.epoch_number} does not "
                f"follow one at {before.timestamp} of epoch {before.epoch_number}"
            )
        bits |= step << index
    relative_timestamp = first.timestamp - context.genesis_time_s
    if not 0 <= relative_timestamp <= MAX_UINT64:
        raise EncodeError(
            f"span batch: time {first.timestamp} is before L2 genesis {context.genesis_time_s}"
        )
    return SpanBatch(
        relative_timestamp=relative_timestamp,
        l1_origin_number=last.epoch_number,
        parent_check=first.parent_hash[:CHECK_BYTES],
        l1_origin_check=last.epoch_hash[:CHECK_BYTES],
        origin_bits=bits,
        block_transaction_counts=tuple([len(batch.transactions) for batch in batches]),
        transactions=span_transactions(
            (raw for batch in batches for raw in batch.transactions), context.chain_id
        ),
    )


def matches_check(check: bytes, block_hash: Hash32) -> bool:
    """Whether a prefix's check is that of the hash."""
    return check == block_hash[:CHECK_BYTES]
