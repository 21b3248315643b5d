"""Stage 4 before Holocene: all open channels, whose frames may come in any order.

Channels are kept in the order in which they were opened. Before Canyon only the oldest is read,
once it is complete; since Canyon any that is complete, oldest first. A channel that is open for
longer than the timeout takes no more frames and goes when it is the oldest; when all of them
together grow too large, the oldest go.
Source: OP Stack specs, protocol/derivation.md, "Channel Bank".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from .channel_assembler import FRAME_MEMORY_OVERHEAD_BYTES, CompleteChannel, FrameSource, Origin
from .frame_runs import FrameRuns
from .journal import Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from rollup.wire.frame import ChannelId, Frame

    from .forks import ForkSchedule, L1Rules
    from .frame_queue import PlacedFrame


@dataclass(slots=True)
class _OpenChannel:
    """`opened_at` is the L1 block, `opening` counts channels."""

    channel_id: ChannelId
    opened_at: int
    opening: int
    last_number: int | None = None
    size_bytes: int = 0
    frames: dict[int, Frame] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether all frames up to the closing one are there."""
        return self.last_number is not None and len(self.frames) == self.last_number + 1

    def refusal(self, frame: Frame) -> Rule | None:
        """Why a frame is not taken."""
        if frame.is_last and self.last_number is not None:
            return Rule.FRAME_CLOSES_TWICE
        if frame.number in self.frames:
            return Rule.FRAME_TWICE
        if self.last_number is not None and frame.number > self.last_number:
            return Rule.FRAME_PAST_END
        return None

    def add(self, frame: Frame) -> list[int]:
        """Take a frame. A closing one drops those above it; returns their numbers."""
        beyond: list[int] = []
        if frame.is_last:
            self.last_number = frame.number
            beyond = [number for number in self.frames if number > frame.number]
            for number in beyond:
                self.size_bytes -= _size_of(self.frames.pop(number))
        self.frames[frame.number] = frame
        self.size_bytes += _size_of(frame)
        return beyond

    def data(self) -> bytes:
        """All data, in order; the channel has to be ready."""
        return b"".join(self.frames[number].data for number in range(len(self.frames)))


class ChannelBank:
    """Assembles channels, many at a time."""

    def __init__(
        self, source: FrameSource, traversal: Origin, schedule: ForkSchedule, journal: Journal
    ) -> None:
        self._source = source
        self._traversal = traversal
        self._schedule = schedule
        self._journal = journal
        self._channels: dict[ChannelId, _OpenChannel] = {}  # a dict keeps the order of opening
        self._ready: set[ChannelId] = set()  # a look at each for each frame would take too long
        self._openings = 0
        self._size_bytes = 0
        self._runs = FrameRuns()

    def next_channel(self) -> CompleteChannel | None:
        """The next complete channel, None when the L1 block completes no more."""
        rules = self._schedule.l1(self._traversal.origin.timestamp)
        while True:
            channel = self._read(rules)
            if channel is not None:
                return channel
            placed = self._source.next_frame()
            if placed is None:
                return None
            self._ingest(placed, rules)

    def clear(self) -> None:
        """Forget all channels, as at the activation of Holocene."""
        self._channels.clear()
        self._ready.clear()
        self._size_bytes = 0
        self._runs.clear()

    def reread_from(self, needed_from: int) -> int | None:
        """The L1 block to read from to have the channels right from L1 block `needed_from` on.

        None: a channel timeout before it is enough.
        """
        return self._runs.first_block(self._traversal.origin.number, needed_from)

    def _read(self, rules: L1Rules) -> CompleteChannel | None:
        while self._channels:
            oldest = next(iter(self._channels.values()))
            if not self._is_timed_out(oldest, rules):
                break
            self._drop(oldest, Rule.CHANNEL_TIMED_OUT, f"opened at L1 block {oldest.opened_at}")
        candidates = self._ready if rules.scans_channel_bank else islice(self._channels, 1)
        ready = [self._channels[channel_id] for channel_id in candidates]
        for channel in sorted(ready, key=lambda channel: channel.opening):
            if channel.is_ready and not self._is_timed_out(channel, rules):
                self._remove(channel)
                subject = Subject(channel_id=channel.channel_id)
                self._journal.note(Rule.CHANNEL_COMPLETE, subject)
                return CompleteChannel(channel.channel_id, channel.data())
        return None

    def _ingest(self, placed: PlacedFrame, rules: L1Rules) -> None:
        frame = placed.frame
        channel = self._channels.get(frame.channel_id)
        opens = channel is None
        number = self._traversal.origin.number
        goes_on = self._runs.note(frame.channel_id, number, rules.channel_timeout)
        if channel is None:
            if goes_on:
                self._note_reuse(frame.channel_id, rules)
            self._openings += 1
            channel = _OpenChannel(frame.channel_id, number, self._openings)
            self._channels[frame.channel_id] = channel
        if self._is_timed_out(channel, rules):
            self._journal.note(Rule.FRAME_OF_TIMED_OUT, placed.subject)
            return
        refusal = channel.refusal(frame)
        if refusal is not None:
            self._note_reuse(frame.channel_id, rules)
            self._journal.note(refusal, placed.subject)
            return
        before = channel.size_bytes
        for beyond in channel.add(frame):
            subject = Subject(channel_id=frame.channel_id, frame_number=beyond)
            self._journal.note(Rule.FRAME_PAST_END, subject)
        self._size_bytes += channel.size_bytes - before
        self._journal.note(Rule.FRAME_OPENS if opens else Rule.FRAME_TAKEN, placed.subject)
        if channel.is_ready:
            self._ready.add(channel.channel_id)
        while self._size_bytes > rules.max_bank_bytes:
            oldest = next(iter(self._channels.values()))
            self._drop(oldest, Rule.CHANNEL_PRUNED, f"{self._size_bytes} bytes in the bank")
            # Which channels had to go depends on all that were there.
            self._runs.merge(number)

    def _note_reuse(self, channel_id: ChannelId, rules: L1Rules) -> None:
        """An id comes again: before Canyon others decide when its last channel was read."""
        if not rules.scans_channel_bank:
            self._runs.tie(channel_id)

    def _is_timed_out(self, channel: _OpenChannel, rules: L1Rules) -> bool:
        return channel.opened_at + rules.channel_timeout < self._traversal.origin.number

    def _drop(self, channel: _OpenChannel, rule: Rule, detail: str) -> None:
        self._remove(channel)
        self._journal.note(rule, Subject(channel_id=channel.channel_id), detail)

    def _remove(self, channel: _OpenChannel) -> None:
        del self._channels[channel.channel_id]
        self._ready.discard(channel.channel_id)
        self._size_bytes -= channel.size_bytes


def _size_of(frame: Frame) -> int:
    return len(frame.data) + FRAME_MEMORY_OVERHEAD_BYTES
