"""Batches: what L1 remembers of one L2 block, which is enough to derive it again.

    singular batch = 0x00 ++ rlp([parent_hash, epoch_number, epoch_hash, timestamp, [tx, ...]])

Deposits are not in it: they come from L1 itself. A first byte 0x01 is a span batch: span_batch.py.
Source: OP Stack specs, protocol/derivation.md, "Batch Format".
Knows nothing of whether a batch fits the chain that it claims to extend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from chain import rlp
from chain.errors import DecodeError, EncodeError
from chain.types import MAX_UINT64, Hash32

from .span_batch import SPAN_BATCH_VERSION, SpanBatch, decode_span_batch

SINGULAR_BATCH_VERSION: Final = 0

_FIELDS: Final = 5
_UINT64_BYTES: Final = 8
_HASH_BYTES: Final = 32


class UnsupportedBatch(DecodeError):
    """The batch is of a version that is not read here."""


@dataclass(frozen=True, slots=True)
class SingularBatch:
    """One L2 block as the sequencer chose it.

    `epoch_number` and `epoch_hash` name its L1 origin; `transactions` are raw (EIP-2718) bytes.
    """

    parent_hash: Hash32
    epoch_number: int
    epoch_hash: Hash32
    timestamp: int
    transactions: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Version byte and RLP. Raises EncodeError when a number needs more than 64 bits."""
        for name, value in (("epoch", self.epoch_number), ("timestamp", self.timestamp)):
            if not 0 <= value <= MAX_UINT64:
                raise EncodeError(f"batch: {name} {value} is not in 0..2**64-1")
        body = rlp.encode(
            [
                self.parent_hash,
                rlp.encode_int(self.epoch_number),
                self.epoch_hash,
                rlp.encode_int(self.timestamp),
                list(self.transactions),
            ]
        )
        return bytes((SINGULAR_BATCH_VERSION,)) + body


Batch: TypeAlias = SingularBatch | SpanBatch
"""What a channel holds."""


def decode_batch(data: bytes) -> Batch:
    """Read one batch with its version byte.

    Raises UnsupportedBatch for an unknown version, DecodeError for bad bytes.
    """
    if not data:
        raise DecodeError("batch: no data")
    if data[0] == SPAN_BATCH_VERSION:
        return decode_span_batch(data)
    if data[0] != SINGULAR_BATCH_VERSION:
        raise UnsupportedBatch(f"batch: unknown version {data[0]}")
    fields = rlp.decode_list(rlp.decode(data[1:]), "batch", length=_FIELDS)
    parent_hash, epoch_number, epoch_hash, timestamp, transactions = fields
    return SingularBatch(
        parent_hash=Hash32(rlp.decode_bytes(parent_hash, "batch parent hash", size=_HASH_BYTES)),
        epoch_number=rlp.decode_int(epoch_number, "batch epoch", max_bytes=_UINT64_BYTES),
        epoch_hash=Hash32(rlp.decode_bytes(epoch_hash, "batch epoch hash", size=_HASH_BYTES)),
        timestamp=rlp.decode_int(timestamp, "batch timestamp", max_bytes=_UINT64_BYTES),
        transactions=tuple(
            rlp.decode_bytes(raw, f"batch transaction {index}")
            for index, raw in enumerate(rlp.decode_list(transactions, "batch transactions"))
        ),
    )
