"""Stage 3: frames of one batcher transaction at a time, those that are out of order dropped.

Within a transaction, frames of one channel must follow each other without gap, and a channel may
only begin where the one before it has ended; a channel that another one interrupts is dropped.
Order across transactions is the channel bank's to judge.
Source: OP Stack specs, protocol/holocene/derivation.md, "Frame Queue".
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from chain.errors import DecodeError
from rollup.wire.frame import decode_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rollup.wire.frame import Frame

_log: Final = logging.getLogger(__name__)


class DataSource(Protocol):
    """What this stage needs of L1 retrieval."""

    def next_data(self) -> bytes | None:
        """The data of the next batcher transaction or blob, None when there is none."""
        ...


class FrameQueue:
    """Parses batcher data and hands out its frames one by one."""

    def __init__(self, source: DataSource) -> None:
        self._source = source
        self._frames: deque[Frame] = deque()

    def next_frame(self) -> Frame | None:
        """The next frame in order, None when the L1 block has no more."""
        while not self._frames:
            data = self._source.next_data()
            if data is None:
                return None
            try:
                frames = decode_frames(data)
            except DecodeError as error:
                _log.warning("batcher transaction dropped: %s", error)
                continue
            self._frames.extend(drop_unordered_frames(frames))
        return self._frames.popleft()


def drop_unordered_frames(frames: Sequence[Frame]) -> list[Frame]:
    """The frames that remain of one transaction by the ordering rules of Holocene.

    Linear in the number of frames: each is kept once and dropped at most once.
    """
    kept: list[Frame] = []
    for frame in frames:
        if frame.number == 0:
            # A first frame drops the unclosed channel before it, unless it repeats that channel.
            while kept and not kept[-1].is_last and kept[-1].channel_id != frame.channel_id:
                kept.pop()
        if not kept or _may_follow(kept[-1], frame):
            kept.append(frame)
    return kept


def _may_follow(previous: Frame, frame: Frame) -> bool:
    if previous.channel_id == frame.channel_id:
        return not previous.is_last and frame.number == previous.number + 1
    return frame.number == 0 and previous.is_last
