"""What the batcher writes: L2 blocks as batches, frames as calldata or as blobs.

Knows nothing of what has been sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from chain.errors import StemmaError
from chain.transaction import DepositTransaction
from rollup.wire.batch import SingularBatch
from rollup.wire.blob import BLOB_CAPACITY_BYTES, encode_blob
from rollup.wire.frame import FRAME_OVERHEAD_BYTES, MAX_FRAME_DATA_BYTES, encode_frames

if TYPE_CHECKING:
    from chain.block import Block
    from chain.heads import L2BlockRef
    from rollup.wire.frame import Frame

PayloadKind = Literal["calldata", "blobs"]

MAX_CALLDATA_BYTES: Final = 120_000
"""Below the 128 KiB that L1 nodes take as one transaction, with room for its other fields."""

MAX_BLOBS_PER_PAYLOAD: Final = 6
"""Blobs in one L1 transaction: EIP-7691's target of a block, and EIP-7594's limit of one."""

_VERSION_BYTES: Final = 1


class BatcherConfigError(StemmaError):
    """The batcher is configured to write what L1 does not take."""


@dataclass(frozen=True, slots=True)
class BatcherConfig:
    """How data goes to L1. Raises BatcherConfigError.

    A channel is closed at `target_channel_bytes` (compressed) or `max_channel_l1_blocks` L1 blocks
    after it was opened, whichever comes first. A frame fills one calldata transaction or one blob.
    """

    kind: PayloadKind = "calldata"
    target_channel_bytes: int = 100_000
    max_channel_l1_blocks: int = 1
    max_frame_data_bytes: int = MAX_CALLDATA_BYTES - FRAME_OVERHEAD_BYTES - _VERSION_BYTES
    blobs_per_payload: int = MAX_BLOBS_PER_PAYLOAD

    def __post_init__(self) -> None:
        capacity = MAX_FRAME_DATA_BYTES
        if self.kind == "blobs":
            capacity = BLOB_CAPACITY_BYTES - FRAME_OVERHEAD_BYTES - _VERSION_BYTES
        for name, value, most in (
            ("max_frame_data_bytes", self.max_frame_data_bytes, capacity),
            ("blobs_per_payload", self.blobs_per_payload, MAX_BLOBS_PER_PAYLOAD),
            ("target_channel_bytes", self.target_channel_bytes, 2**31),
            ("max_channel_l1_blocks", self.max_channel_l1_blocks, 2**31),
        ):
            if not 1 <= value <= most:
                raise BatcherConfigError(f"batcher {name}: {value} is not in 1..{most}")

    @property
    def frames_per_payload(self) -> int:
        """Frames that go to L1 in one transaction."""
        return self.blobs_per_payload if self.kind == "blobs" else 1


@dataclass(frozen=True, slots=True)
class BatcherPayload:
    """The content of one L1 transaction to the batch inbox.

    Calldata transactions carry `data`, blob transactions `blobs` (and no calldata). Payloads have
    to be included in the order of their ids.
    """

    id: int
    frames: tuple[Frame, ...]
    kind: PayloadKind

    @property
    def data(self) -> bytes:
        """The calldata; empty for blobs."""
        return encode_frames(self.frames) if self.kind == "calldata" else b""

    def blobs(self) -> tuple[bytes, ...]:
        """One blob for each frame; none for calldata."""
        if self.kind == "calldata":
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
