"""Stage 5: the batches of a complete channel, decompressed as they are asked for.

The first batch that cannot be read ends its channel; those before it stand. A span batch that comes
before Delta is passed over.
Source: OP Stack specs, protocol/derivation.md, "Channel Reader (Batch Decoding)";
protocol/fjord/derivation.md; protocol/delta/span-batches.md, "Span Batch Activation Rule".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chain.errors import DecodeError
from rollup.wire.batch import SingularBatch
from rollup.wire.channel import ChannelIn

from .journal import Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from rollup.l1.provider import L1Block
    from rollup.wire.batch import Batch
    from rollup.wire.channel import ReadBatch
    from rollup.wire.frame import ChannelId
    from rollup.wire.span_batch import SpanContext

    from .channel_assembler import CompleteChannel
    from .forks import ForkSchedule


@dataclass(frozen=True, slots=True)
class DerivedBatch:
    """A batch and where it came from: its channel, and bytes of the decompressed stream.

    `timestamp` is the time of its first L2 block, in seconds.
    """

    batch: Batch
    timestamp: int
    channel_id: ChannelId
    stream: tuple[int, int]

    @property
    def subject(self) -> Subject:
        """The batch as the journal names it."""
        return Subject(channel_id=self.channel_id, stream=self.stream, timestamp=self.timestamp)


class ChannelSource(Protocol):
    """What this stage needs of the stage before."""

    def next_channel(self) -> CompleteChannel | None:
        """The next complete channel, None when the L1 block completes no more."""
        ...


class Origin(Protocol):
    """Where on L1 the pipeline stands."""

    origin: L1Block


class ChannelReader:
    """Hands out batches; `drop_channel` gives up what is left of the current channel."""

    def __init__(
        self,
        source: ChannelSource,
        traversal: Origin,
        schedule: ForkSchedule,
        context: SpanContext,
        journal: Journal,
    ) -> None:
        self._source = source
        self._traversal = traversal
        self._schedule = schedule
        self._context = context
        self._journal = journal
        self._reading: tuple[ChannelId, ChannelIn] | None = None

    def next_batch(self) -> DerivedBatch | None:
        """The next batch that can be read, None when the L1 block has no more."""
        while True:
            if self._reading is None:
                channel = self._source.next_channel()
                if channel is None:
                    return None
                self._open(channel)
                continue
            channel_id, reader = self._reading
            try:
                read = reader.next_batch()
            except DecodeError as error:
                subject = Subject(channel_id=channel_id, stream=(reader.position, reader.position))
                self._journal.note(Rule.BATCH_UNREADABLE, subject, str(error))
                self._reading = None
                continue
            if read is None:
                self._reading = None
                continue
            batch = self._derived(read, channel_id)
            if batch is not None:
                return batch

    def drop_channel(self) -> None:
        """Forget the rest of the current channel: Holocene's fast channel invalidation."""
        if self._reading is not None:
            channel_id, reader = self._reading
            subject = Subject(channel_id=channel_id, stream=(reader.position, reader.position))
            self._journal.note(Rule.CHANNEL_FLUSHED, subject)
        self._reading = None

    def _open(self, channel: CompleteChannel) -> None:
        rules = self._schedule.l1(self._traversal.origin.timestamp)
        try:
            reader = ChannelIn(
                channel.data, max_rlp_bytes=rules.max_rlp_bytes, allows_brotli=rules.reads_brotli
            )
        except DecodeError as error:
            subject = Subject(channel_id=channel.channel_id)
            self._journal.note(Rule.CHANNEL_UNREADABLE, subject, str(error))
        else:
            self._reading = (channel.channel_id, reader)

    def _derived(self, read: ReadBatch, channel_id: ChannelId) -> DerivedBatch | None:
        batch, stream = read.batch, (read.start, read.end)
        if isinstance(batch, SingularBatch):
            return DerivedBatch(batch, batch.timestamp, channel_id, stream)
        derived = DerivedBatch(batch, batch.start_timestamp(self._context), channel_id, stream)
        if self._schedule.l1(self._traversal.origin.timestamp).reads_span_batches:
            return derived
        self._journal.note(Rule.SPAN_BEFORE_DELTA, derived.subject)
        return None
