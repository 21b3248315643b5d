"""A channel that is one span batch: blocks are gathered and written when it is closed.

How small the blocks become shows only when they are compressed together, so they are compressed on
trial whenever a bound without compression would pass the target; each trial makes the bound tight
again, and so their number grows with the logarithm of the channel's size.
Source: OP Stack specs, protocol/delta/span-batches.md, "Batcher". Same face as ChannelOut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .channel import MAX_RLP_BYTES_PER_CHANNEL, ChannelFull, ChannelOut
from .compression import compressed_bound
from .span_batch import span_batch

if TYPE_CHECKING:
    from .batch import SingularBatch
    from .compression import Compression
    from .frame import ChannelId
    from .span_batch import SpanBatch, SpanContext

_PREFIX_BYTES: Final = 96
# A block adds to a span less than it has as a singular batch, which carries two hashes of its own,
# but for signatures: the zeros in front of short ones are written out.
_SIGNATURE_BYTES: Final = 64


class SpanChannelOut:
    """Gathers consecutive blocks into the one span batch of a channel."""

    def __init__(
        self,
        channel_id: ChannelId,
        context: SpanContext,
        compression: Compression = "zlib",
        *,
        max_rlp_bytes: int = MAX_RLP_BYTES_PER_CHANNEL,
    ) -> None:
        self.channel_id = channel_id
        self.rlp_bytes = _PREFIX_BYTES
        self._context = context
        self._compression: Compression = compression
        self._max_rlp_bytes = max_rlp_bytes
        self._batches: list[SingularBatch] = []
        self._first_changes_origin = False
        self._tried: bytes | None = None  # what was written last, if nothing was added since
        self._tried_bytes = 0
        self._bytes_since_trial = _PREFIX_BYTES
        self._closed: bytes | None = None

    @property
    def size_bound_bytes(self) -> int:
        """Most bytes that the channel would have if it were closed now."""
        if self._closed is not None:
            return len(self._closed)
        return self._tried_bytes + compressed_bound(self._bytes_since_trial)

    def size_bound_with(self, batch_bytes: int, *, target_bytes: int) -> int:
        """The bound after one more block of so many bytes as a singular batch.

        Compresses on trial when the loose bound passes the target.
        """
        loose = self._tried_bytes + compressed_bound(self._bytes_since_trial + batch_bytes)
        if loose <= target_bytes or not self._batches:
            return loose
        self._tried_bytes = len(self._written())
        self._bytes_since_trial = 0
        return self._tried_bytes + compressed_bound(batch_bytes)

    def add(self, batch: SingularBatch, *, sequence_number: int) -> None:
        """Append the next block; `sequence_number` counts the blocks of its epoch from 0.

        Raises ChannelFull beyond `max_rlp_bytes` or when closed.
        """
        size = len(batch.encode()) + _SIGNATURE_BYTES * len(batch.transactions)
        if self._closed is not None or self.rlp_bytes + size > self._max_rlp_bytes:
            raise ChannelFull(f"channel 0x{self.channel_id.hex()}: closed or full")
        if not self._batches:
            self._first_changes_origin = sequence_number == 0
        self._batches.append(batch)
        self._tried = None
        self.rlp_bytes += size
        self._bytes_since_trial += size

    def close(self) -> bytes:
        """Write the span batch and return the channel's bytes; a second call returns the same.

        Raises EncodeError when the blocks do not follow each other, or one has a transaction that
        a span batch cannot hold.
        """
        if self._closed is None:
            self._closed = self._written()
        return self._closed

    def _span(self) -> SpanBatch:
        return span_batch(
            self._batches, self._context, first_changes_origin=self._first_changes_origin
        )

    def _written(self) -> bytes:
        if self._tried is None:
            channel = ChannelOut(
                self.channel_id, self._compression, max_rlp_bytes=self._max_rlp_bytes
            )
            if self._batches:
                channel.add(self._span())
            self._tried = channel.close()
        return self._tried
