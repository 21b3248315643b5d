"""Stage 4: the one open channel, put together frame by frame.

Since Holocene there is a single staging channel: a first frame opens it and throws away what was
open before, a frame that is not the next one is dropped, and a channel that stays open for longer
than the timeout is dropped.
Source: OP Stack specs, protocol/holocene/derivation.md, "Channel Bank"; granite/derivation.md for
the timeout.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from rollup.wire.channel import MAX_RLP_BYTES_PER_CHANNEL

if TYPE_CHECKING:
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1Block
    from rollup.wire.frame import ChannelId, Frame

_log: Final = logging.getLogger(__name__)

FRAME_MEMORY_OVERHEAD_BYTES: Final = 200
"""What a frame counts for beside its data (specs, "Channel Bank", pruning)."""


class FrameSource(Protocol):
    """What this stage needs of the frame queue."""

    def next_frame(self) -> Frame | None:
        """The next frame, None when the L1 block has no more."""
        ...


class Origin(Protocol):
    """Where on L1 the pipeline stands."""

    origin: L1Block


@dataclass(slots=True)
class _StagingChannel:
    channel_id: ChannelId
    opened_at: int
    next_number: int = 0
    size_bytes: int = 0
    pieces: list[bytes] = field(default_factory=list)

    def accepts(self, frame: Frame) -> bool:
        return frame.channel_id == self.channel_id and frame.number == self.next_number

    def append(self, frame: Frame) -> None:
        self.pieces.append(frame.data)
        self.next_number += 1
        self.size_bytes += len(frame.data) + FRAME_MEMORY_OVERHEAD_BYTES


class ChannelBank:
    """Assembles channels; at most one is in the making."""

    def __init__(self, config: RollupConfig, traversal: Origin, source: FrameSource) -> None:
        self._config = config
        self._traversal = traversal
        self._source = source
        self._staging: _StagingChannel | None = None

    def next_channel(self) -> bytes | None:
        """The next complete channel, None when the L1 block completes no more."""
        self._drop_if_timed_out()
        while (frame := self._source.next_frame()) is not None:
            if frame.number == 0:
                self._staging = _StagingChannel(frame.channel_id, self._traversal.origin.number)
            staging = self._staging
            if staging is None or not staging.accepts(frame):
                _log.warning(
                    "frame %d of channel 0x%s dropped: not the next of the open channel",
                    frame.number,
                    frame.channel_id.hex(),
                )
                continue
            staging.append(frame)
            if staging.size_bytes > MAX_RLP_BYTES_PER_CHANNEL:
                _log.warning("channel 0x%s dropped: too large", frame.channel_id.hex())
                self._staging = None
            elif frame.is_last:
                self._staging = None
                return b"".join(staging.pieces)
        return None

    def _drop_if_timed_out(self) -> None:
        if self._staging is None:
            return
        origin = self._traversal.origin
        timeout = self._config.channel_timeout_at(origin.timestamp)
        if self._staging.opened_at + timeout < origin.number:
            _log.warning(
                "channel 0x%s dropped: opened at L1 block %d, still open at %d",
                self._staging.channel_id.hex(),
                self._staging.opened_at,
                origin.number,
            )
            self._staging = None
