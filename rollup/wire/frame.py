"""Frames: the pieces of a channel that fit into L1 transactions.

    batcher transaction data = version byte 0 ++ one or more frames
    frame = channel_id (16) ++ frame_number (u16) ++ length (u32) ++ data ++ is_last (0 or 1)

Source: OP Stack specs, protocol/derivation.md, "Batcher Transaction Format" and "Frame Format".
Knows nothing of what the data of a frame holds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NewType

from chain.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

ChannelId = NewType("ChannelId", bytes)
"""Sixteen bytes that name a channel; chosen by the batcher, unique among its open channels."""

CHANNEL_ID_BYTES: Final = 16
FRAME_OVERHEAD_BYTES: Final = 23
MAX_FRAME_DATA_BYTES: Final = 1_000_000
"""Longest data of one frame (specs, "Frame Format"); an L1 transaction cannot carry as much."""

MAX_FRAME_NUMBER: Final = 2**16 - 1
DERIVATION_VERSION: Final = 0
"""First byte of batcher transaction data that holds frames."""

_HEADER: Final = struct.Struct(">16sHI")


@dataclass(frozen=True, slots=True)
class Frame:
    """One piece of a channel; `is_last` closes the channel."""

    channel_id: ChannelId
    number: int
    data: bytes
    is_last: bool

    def encode(self) -> bytes:
        """The frame's bytes. Raises EncodeError when a field does not fit its width."""
        if len(self.channel_id) != CHANNEL_ID_BYTES:
            raise EncodeError(
                f"frame: channel id needs {CHANNEL_ID_BYTES} bytes, got {len(self.channel_id)}"
            )
        if not 0 <= self.number <= MAX_FRAME_NUMBER:
            raise EncodeError(f"frame: number {self.number} is not in 0..{MAX_FRAME_NUMBER}")
        if len(self.data) > MAX_FRAME_DATA_BYTES:
            raise EncodeError(
                f"frame: {len(self.data)} bytes of data, at most {MAX_FRAME_DATA_BYTES} fit"
            )
        header = _HEADER.pack(self.channel_id, self.number, len(self.data))
        return header + self.data + bytes((self.is_last,))


def encode_frames(frames: Iterable[Frame]) -> bytes:
    """Batcher transaction data: the version byte and the frames. Raises EncodeError if none."""
    body = b"".join(frame.encode() for frame in frames)
    if not body:
        raise EncodeError("batcher transaction: needs at least one frame")
    return bytes((DERIVATION_VERSION,)) + body


def decode_frames(data: bytes) -> tuple[Frame, ...]:
    """Read batcher transaction data. One bad frame refuses the whole transaction.

    Raises DecodeError naming the byte at which the data stops making sense.
    """
    if not data:
        raise DecodeError("batcher transaction: no data")
    if data[0] != DERIVATION_VERSION:
        raise DecodeError(
            f"batcher transaction: version {data[0]}, only {DERIVATION_VERSION} holds frames"
        )
    frames: list[Frame] = []
    position = 1
    while position < len(data):
        frame, position = _decode_frame(data, position)
        frames.append(frame)
    if not frames:
        raise DecodeError("batcher transaction: a version byte and no frame")
    return tuple(frames)


def _decode_frame(data: bytes, position: int) -> tuple[Frame, int]:
    """Read the frame that starts at position; return it and where the next one starts."""
    body = position + _HEADER.size
    if body > len(data):
        raise DecodeError(f"frame at byte {position}: header cut off at {len(data)}")
    channel_id, number, length = _HEADER.unpack_from(data, position)
    if length > MAX_FRAME_DATA_BYTES:
        raise DecodeError(
            f"frame at byte {position}: declares {length} bytes, at most {MAX_FRAME_DATA_BYTES}"
        )
    end = body + length
    if end >= len(data):
        raise DecodeError(
            f"frame at byte {position}: needs {end + 1} bytes, the transaction has {len(data)}"
        )
    is_last = data[end]
    if is_last > 1:
        raise DecodeError(f"frame at byte {position}: is_last must be 0 or 1, got {is_last}")
    return Frame(ChannelId(channel_id), number, data[body:end], bool(is_last)), end + 1
