"""Stage 4 since Holocene: the one open channel, put together frame by frame.

A first frame opens it and throws away what was open before, a frame that is not the next one is
dropped, and so is a channel that stays open for longer than the timeout, or grows too large.
Source: OP Stack specs, protocol/holocene/derivation.md, "Channel Bank"; granite/derivation.md for
the timeout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from .journal import Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from rollup.l1.provider import L1Block
    from rollup.wire.frame import ChannelId, Frame

    from .forks import ForkSchedule
    from .frame_queue import PlacedFrame

FRAME_MEMORY_OVERHEAD_BYTES: Final = 200
"""What a frame counts for beside its data (specs, "Channel Bank", pruning)."""


@dataclass(frozen=True, slots=True)
class CompleteChannel:
    """A channel with all of its frames: still compressed."""

    channel_id: ChannelId
    data: bytes


class FrameSource(Protocol):
    """What this stage needs of the frame queue."""

    def next_frame(self) -> PlacedFrame | None:
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


class ChannelAssembler:
    """Assembles channels; at most one is in the making."""

    def __init__(
        self, source: FrameSource, traversal: Origin, schedule: ForkSchedule, journal: Journal
    ) -> None:
        self._source = source
        self._traversal = traversal
        self._schedule = schedule
        self._journal = journal
        self._staging: _StagingChannel | None = None

    def next_channel(self) -> CompleteChannel | None:
        """The next complete channel, None when the L1 block completes no more."""
        origin = self._traversal.origin
        rules = self._schedule.l1(origin.timestamp)
        self._drop_if_timed_out(origin, rules.channel_timeout)
        while (placed := self._source.next_frame()) is not None:
            frame = placed.frame
            if frame.number == 0:
                self._open(frame, origin)
            staging = self._staging
            if staging is None or not staging.accepts(frame):
                self._journal.note(Rule.FRAME_NOT_NEXT, placed.subject, _expected(staging))
                continue
            staging.append(frame)
            opens = frame.number == 0
            self._journal.note(Rule.FRAME_OPENS if opens else Rule.FRAME_TAKEN, placed.subject)
            if staging.size_bytes > rules.max_rlp_bytes:
                self._drop(Rule.CHANNEL_TOO_LARGE, f"{staging.size_bytes} bytes")
            elif frame.is_last:
                self._staging = None
                channel_id = staging.channel_id
                self._journal.note(Rule.CHANNEL_COMPLETE, Subject(channel_id=channel_id))
                return CompleteChannel(channel_id, b"".join(staging.pieces))
        return None

    def _open(self, frame: Frame, origin: L1Block) -> None:
        if self._staging is not None:
            self._drop(Rule.CHANNEL_REPLACED, f"by channel 0x{frame.channel_id.hex()}")
        self._staging = _StagingChannel(frame.channel_id, origin.number)

    def _drop_if_timed_out(self, origin: L1Block, timeout: int) -> None:
        staging = self._staging
        if staging is not None and staging.opened_at + timeout < origin.number:
            self._drop(Rule.CHANNEL_TIMED_OUT, f"opened at L1 block {staging.opened_at}")

    def _drop(self, rule: Rule, detail: str) -> None:
        if self._staging is not None:
            self._journal.note(rule, Subject(channel_id=self._staging.channel_id), detail)
        self._staging = None


def _expected(staging: _StagingChannel | None) -> str:
    if staging is None:
        return "no channel is open"
    return f"frame {staging.next_number} of channel 0x{staging.channel_id.hex()} is next"
