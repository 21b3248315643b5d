"""How much each sender may have stored: a bucket of bytes for each address, filled as time passes.

A DA node signs for cells before L1 certifies them, so it has to take cells from strangers. One
address fills a store no faster than this; many addresses are for a private network to keep out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import ClassVar, Final

from chain.errors import Recovery, StemmaError

BURST_BYTES: Final = 64_000_000
"""Some 240 blobs at once: more than a batcher has waiting after an hour without DA nodes."""
REFILL_BYTES_S: Final = 2_000_000
"""Some 7 blobs a second, for good; the batcher of a busy chain makes two."""
MAX_SENDERS: Final = 4_096


class QuotaExceeded(StemmaError):
    """A sender has had as much stored as it may for now."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class StoreQuota:
    """Buckets by sender; `now` gives seconds that never go back."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Every sender begins with a full bucket."""
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, sender: str, size: int) -> None:
        """Count bytes that a sender wants stored. Raises QuotaExceeded, and then counts nothing."""
        now = self._now()
        left, at = self._buckets.pop(sender, (float(BURST_BYTES), now))
        left = min(float(BURST_BYTES), left + (now - at) * REFILL_BYTES_S)
        is_enough = size <= left
        self._buckets[sender] = (left - size if is_enough else left, now)
        while len(self._buckets) > MAX_SENDERS:
            self._buckets.popitem(last=False)
        if not is_enough:
            raise QuotaExceeded(
                f"{sender}: {size} bytes of cells, {int(left)} are left; {REFILL_BYTES_S} come "
                "back each second"
            )
