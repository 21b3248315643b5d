"""What the batcher writes: L2 blocks as batches, frames as calldata or as blobs.

Knows nothing of what has been sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from chain.errors import StemmaError
from chain.transaction import DepositTransaction
from evm.intrinsic_gas import TX_BASE
from rollup.wire.batch import SingularBatch
from rollup.wire.blob import BLOB_CAPACITY_BYTES, encode_blob
from rollup.wire.frame import FRAME_OVERHEAD_BYTES, MAX_FRAME_DATA_BYTES, encode_frames
from rollup.wire.inbox_item import MAX_ITEM_BYTES

if TYPE_CHECKING:
    from chain.block import Block
    from chain.heads import L2BlockRef
    from rollup.wire.compression import Compression
    from rollup.wire.inbox_item import MAX_ITEM_BYTES
from rollup.wire.frame import Frame

PayloadKind = Literal["calldata", "blobs", "item"]
DataKind = Literal["calldata", "blobs", "auto"]
BatchType = Literal["singular", "span"]

MAX_CALLDATA_BYTES: Final = 120_000
"""Below the 128 KiB that L1 nodes take as one transaction, with room for its other fields."""

MAX_BLOBS_PER_PAYLOAD: Final = 6
"""Blobs in one L1 transaction: EIP-7691's target of a block, and EIP-7594's limit of one."""

GAS_PER_BLOB: Final = 131_072
CALLDATA_FLOOR_GAS: Final = 40
"""What a byte that is not zero costs in a transaction of data (EIP-7623)."""

_VERSION_BYTES: Final = 1
_CAPACITY_BYTES: Final[dict[PayloadKind, int]] = {
    "calldata": MAX_FRAME_DATA_BYTES,
    "blobs": BLOB_CAPACITY_BYTES - FRAME_OVERHEAD_BYTES - _VERSION_BYTES,
    "item": MAX_ITEM_BYTES,
}


class BatcherConfigError(StemmaError):
    """The batcher is configured to write what L1 does not take."""


@dataclass(frozen=True, slots=True)
class BatcherConfig:
    """How data goes to L1. Raises BatcherConfigError.

    A channel is closed at `target_channel_bytes` (compressed) or `max_channel_l1_blocks` L1 blocks
    after it was opened, whichever comes first. A frame fills one calldata transaction or one blob;
    `auto` takes for each channel what is cheaper when it is closed. `max_frame_data_bytes` is cut
    to what fits. Before Delta batches are singular, before Fjord compressed by zlib, whatever is
    asked for.
    """

    kind: DataKind = "calldata"
    batch_type: BatchType = "singular"
    compression: Compression = "zlib"
    target_channel_bytes: int = 100_000
    max_channel_l1_blocks: int = 1
    max_frame_data_bytes: int = MAX_CALLDATA_BYTES - FRAME_OVERHEAD_BYTES - _VERSION_BYTES
    blobs_per_payload: int = MAX_BLOBS_PER_PAYLOAD

    def __post_init__(self) -> None:
        capacity = _CAPACITY_BYTES["blobs" if self.kind == "blobs" else "calldata"]
        for name, value, most in (
            ("max_frame_data_bytes", self.max_frame_data_bytes, capacity),
            ("blobs_per_payload", self.blobs_per_payload, MAX_BLOBS_PER_PAYLOAD),
            ("target_channel_bytes", self.target_channel_bytes, 2**31),
            ("max_channel_l1_blocks", self.max_channel_l1_blocks, 2**31),
        ):
            if not 1 <= value <= most:
                raise BatcherConfigError(f"batcher {name}: {value} is not in 1..{most}")

    def frame_data_bytes(self, kind: PayloadKind) -> int:
        """Most bytes of a channel in one frame."""
        if self.kind == "auto" and kind == "blobs":
            return _CAPACITY_BYTES["blobs"]
        return min(self.max_frame_data_bytes, _CAPACITY_BYTES[kind])

    def frames_per_payload(self, kind: PayloadKind) -> int:
        """Frames that go to L1 in one transaction."""
        return self.blobs_per_payload if kind == "blobs" else 1


@dataclass(frozen=True, slots=True)
class L1Prices:
    """What data costs on L1 now, in wei per gas and per blob gas."""

    base_fee_wei: int
    blob_base_fee_wei: int


def cost_wei(kind: PayloadKind, data_bytes: int, prices: L1Prices, config: BatcherConfig) -> int:
    """About what a channel of so many bytes costs on L1, tips left out.

    Compressed bytes are hardly ever zero, so calldata is priced at the floor of EIP-7623: forty gas
    a byte. Blobs are paid for whole (EIP-4844), and each transaction has its 21,000 gas.
    """
    frames = max(1, -(-data_bytes // config.frame_data_bytes(kind)))
    transactions = -(-frames // config.frames_per_payload(kind))
    overhead = transactions * TX_BASE * prices.base_fee_wei
    if kind == "blobs":
        return overhead + frames * GAS_PER_BLOB * prices.blob_base_fee_wei
    written = data_bytes + frames * FRAME_OVERHEAD_BYTES + transactions * _VERSION_BYTES
    return overhead + written * CALLDATA_FLOOR_GAS * prices.base_fee_wei


def cheaper_kind(data_bytes: int, prices: L1Prices, config: BatcherConfig) -> PayloadKind:
    """Calldata or blobs, whichever costs less for so many bytes; calldata where they are equal."""
    calldata = cost_wei("calldata", data_bytes, prices, config)
    return "blobs" if cost_wei("blobs", data_bytes, prices, config) < calldata else "calldata"


@dataclass(frozen=True, slots=True)
class BatcherPayload:
    """The content of one L1 transaction to the batch inbox.

    Calldata transactions carry `data`, blob transactions `blobs` (and no calldata); an inbox that
    is a contract gets an `item`. Payloads have to be included in the order of their ids.
    """

    id: int
    frames: tuple[Frame, ...]
    kind: PayloadKind
    item: bytes = b""

    @property
    def data(self) -> bytes:
        """The calldata; empty for blobs."""
        if self.kind == "item":
            return self.item
        return encode_frames(self.frames) if self.kind == "calldata" else b""

    def blobs(self) -> tuple[bytes, ...]:
        """One blob for each frame; none for calldata."""
        if self.kind != "blobs":
            return ()
        return tuple(encode_blob(encode_frames([frame])) for frame in self.frames)


def batch_of(block: Block, ref: L2BlockRef) -> SingularBatch:
    """The batch of an L2 block: all but its deposits, which L1 has already."""
    return SingularBatch(
        parent_hash=block.header.parent_hash,
        epoch_number=ref.l1_origin.number,
        epoch_hash=ref.l1_origin.hash,
        timestamp=block.header.timestamp,
        transactions=tuple(
            tx.encode() for tx in block.transactions if not isinstance(tx, DepositTransaction)
        ),
    )
