"""Stage 5: the batches of a complete channel, decompressed as they are asked for.

The first batch that cannot be read ends its channel; those before it stand.
Source: OP Stack specs, protocol/derivation.md, "Channel Reader (Batch Decoding)".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from chain.errors import DecodeError
from rollup.wire.batch import SingularBatch
from rollup.wire.channel import read_channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rollup.wire.batch import Batch

_log: Final = logging.getLogger(__name__)


class ChannelSource(Protocol):
    """What this stage needs of the channel bank."""

    def next_channel(self) -> bytes | None:
        """The next complete channel, None when the L1 block completes no more."""
        ...


class ChannelReader:
    """Hands out batches; `drop_channel` gives up what is left of the current channel."""

    def __init__(self, source: ChannelSource) -> None:
        self._source = source
        self._batches: Iterator[Batch] | None = None

    def next_batch(self) -> SingularBatch | None:
        """The next batch that can be read, None when the L1 block has no more."""
        while True:
            if self._batches is None:
                channel = self._source.next_channel()
                if channel is None:
                    return None
                self._batches = read_channel(channel)
            try:
                batch = next(self._batches)
            except StopIteration:
                self._batches = None
                continue
            except DecodeError as error:
                _log.warning("rest of a channel dropped: %s", error)
                self._batches = None
                continue
            if isinstance(batch, SingularBatch):
                return batch
            _log.warning("rest of a channel dropped: span batches are not derived from")
            self._batches = None

    def drop_channel(self) -> None:
        """Forget the rest of the current channel: Holocene's fast channel invalidation."""
        self._batches = None
