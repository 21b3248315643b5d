"""How far back on L1 the channels of the bank reach when ids of channels come again.

Before Holocene a frame joins the open channel of its id or opens one, so where an id comes again
within the channel timeout, what its frames become depends on all frames of that id before them. A
run is a row of frames of one id with never more than a timeout from one to the next: where it
begins the bank holds no channel of that id, and whoever reads L1 from there gets its channels
right. A batcher that uses every id once, as it should, makes runs no longer than a timeout.

Knows ids and numbers of L1 blocks, nothing of what the frames hold.
Source: OP Stack specs, protocol/derivation.md, "Resetting the Pipeline": a reset comes to the
outputs of a full derivation. The depth that it gives, a channel timeout, is enough for ids that are
used once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rollup.wire.frame import ChannelId

MAX_RUNS: Final = 100_000
"""Beyond that many runs they count as one: memory is bounded, and a reset reads more."""


@dataclass(slots=True)
class _Run:
    """`first` is the L1 block to read from, `last` the L1 block of the last frame."""

    first: int
    last: int


class FrameRuns:
    """The runs whose frames may still matter, by channel id."""

    def __init__(self) -> None:
        self._runs: dict[ChannelId, _Run] = {}
        self._ended: list[_Run] = []  # by ids that have begun another run since
        self._merged: _Run | None = None
        self._oldest = 0  # at most the first block of every run
        self._timeout = 0  # the longest that held

    def note(self, channel_id: ChannelId, at: int, timeout: int) -> bool:
        """Note a frame in L1 block `at`. Returns whether a run goes on with it."""
        self._timeout = max(self._timeout, timeout)
        run = self._runs.get(channel_id)
        if run is not None and at <= run.last + timeout:
            run.last = at
            return True
        merged = self._merged
        goes_on = merged is not None and at <= merged.last + timeout
        first = merged.first if merged is not None and goes_on else at
        if run is not None:
            self._ended.append(run)
        elif not self._runs and not self._ended and merged is None:
            self._oldest = first
        self._runs[channel_id] = _Run(first, at)
        if len(self._runs) + len(self._ended) > MAX_RUNS:
            self.merge(at)
        return goes_on

    def tie(self, channel_id: ChannelId) -> None:
        """What becomes of this id depends on other channels too: its run begins with the oldest."""
        run = self._runs.get(channel_id)
        if run is not None:
            run.first = self._oldest

    def merge(self, at: int) -> None:
        """Count all runs up to L1 block `at` as one."""
        self._merged = _Run(self._oldest, at)
        self._runs.clear()
        self._ended.clear()

    def clear(self) -> None:
        """Forget everything, with the channels."""
        self._runs.clear()
        self._ended.clear()
        self._merged = None

    def first_block(self, at: int, needed_from: int) -> int | None:
        """The L1 block to read from to have the channels right from `needed_from` on, where all up
        to `at` has been read.

        Forgets what has ended before either. None: no channel reaches there.
        """
        # A channel that kept others back does so until the block after its timeout.
        oldest_last = min(at, needed_from) - self._timeout - 1
        self._runs = {name: run for name, run in self._runs.items() if run.last >= oldest_last}
        self._ended = [run for run in self._ended if run.last >= oldest_last]
        if self._merged is not None and self._merged.last < oldest_last:
            self._merged = None
        runs = [
            *self._runs.values(),
            *self._ended,
            *([] if self._merged is None else [self._merged]),
        ]
        if not runs:
            return None
        self._oldest = min(run.first for run in runs)
        return self._oldest
