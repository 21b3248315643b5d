"""Stage 3: frames of one batcher transaction at a time; since Holocene only those in order.

Since Holocene frames of one channel must follow each other without gap within a transaction, and a
channel may only begin where the one before it has ended; a channel that another one interrupts is
dropped. Order across transactions is the next stage's to judge.
Source: OP Stack specs, protocol/derivation.md, "Frame Queue"; protocol/holocene/derivation.md,
"Frame Queue".
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chain.errors import DecodeError
from rollup.wire.alt_da import COMMITMENT_VERSION
from rollup.wire.frame import DERIVATION_VERSION, FRAME_OVERHEAD_BYTES, Frame, decode_frames

from .journal import ByteRange, Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rollup.l1.provider import L1Block

    from .forks import ForkSchedule
    from .l1_retrieval import BatcherData


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame and the bytes it stands in."""

    frame: Frame
    place: ByteRange

    @property
    def subject(self) -> Subject:
        """The frame as the journal names it."""
        return Subject(self.place, self.frame.channel_id, self.frame.number)


class DataProvider(Protocol):
    """What this stage needs of L1 retrieval."""

    def next_data(self) -> BatcherData | None:
        """The data of the next batcher transaction or blob, None when there is none."""
        ...


class Origin(Protocol):
    """Where on L1 the pipeline stands."""

    origin: L1Block


class FrameQueue:
    """Parses batcher data and hands out its frames one by one."""

    def __init__(
        self, source: DataProvider, traversal: Origin, schedule: ForkSchedule, journal: Journal
    ) -> None:
        self._source = source
        self._traversal = traversal
        self._schedule = schedule
        self._journal = journal
        self._frames: deque[PlacedFrame] = deque()

    def next_frame(self) -> PlacedFrame | None:
        """The next frame that counts, None when the L1 block has no more."""
        while not self._frames:
            data = self._source.next_data()
            if data is None:
                return None
            frames = self._parse(data)
            if self._schedule.l1(self._traversal.origin.timestamp).is_strict:
                frames = drop_unordered_frames(frames, self._drop)
            self._frames.extend(frames)
        return self._frames.popleft()

    def _parse(self, data: BatcherData) -> list[PlacedFrame]:
        try:
            frames = decode_frames(data.data)
        except DecodeError as error:
            whole = ByteRange(data.source, 0, len(data.data))
            self._journal.note(_refusal_of(data.data), Subject(whole), str(error))
            return []
        placed = []
        position = 1  # after the version byte
        for frame in frames:
            end = position + FRAME_OVERHEAD_BYTES + len(frame.data)
            placed.append(PlacedFrame(frame, ByteRange(data.source, position, end)))
            position = end
        return placed

    def _drop(self, frame: PlacedFrame) -> None:
        self._journal.note(Rule.FRAME_UNORDERED, frame.subject)


def _refusal_of(data: bytes) -> Rule:
    """Why data that holds no frames does not."""
    if data[:1] == bytes((DERIVATION_VERSION,)):
        return Rule.FRAME_MALFORMED
    return Rule.COMMITMENT if data[:1] == bytes((COMMITMENT_VERSION,)) else Rule.DATA_VERSION


def drop_unordered_frames(
    frames: Sequence[PlacedFrame], dropped: Callable[[PlacedFrame], None]
) -> list[PlacedFrame]:
    """The frames that remain of one transaction by the ordering rules of Holocene.

    Linear in the number of frames: each is kept once and dropped at most once.
    """
    kept: list[PlacedFrame] = []
    for placed in frames:
        frame = placed.frame
        if frame.number == 0:
            # A first frame drops the unclosed channel before it, unless it repeats that channel.
            while (
                kept
                and not kept[-1].frame.is_last
                and (kept[-1].frame.channel_id != frame.channel_id)
            ):
                dropped(kept.pop())
        if not kept or _may_follow(kept[-1].frame, frame):
            kept.append(placed)
        else:
            dropped(placed)
    return kept


def _may_follow(previous: Frame, frame: Frame) -> bool:
    if previous.channel_id == frame.channel_id:
        return not previous.is_last and frame.number == previous.number + 1
    return frame.number == 0 and previous.is_last
