"""How much each sender may have stored: so much at once and a second, and a share of the store.

A DA node signs for cells before L1 certifies them, so it has to take cells from strangers. What was
stored is kept for weeks, wanted or not; a sender has to leave room for others. One that has many
addresses is for a private network to keep out, but for those that come free: an IPv6 network of 64
bits is one sender.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final

from chain.errors import Recovery, StemmaError

BURST_BYTES: Final = 64_000_000
"""Some 240 blobs at once: more than a batcher has waiting after an hour without DA nodes."""
REFILL_BYTES_S: Final = 2_000_000
"""Some 7 blobs a second, for good; the batcher of a busy chain makes two."""
MAX_SENDERS: Final = 4_096
SHARE: Final = 0.5
"""Of a store's capacity, for one sender: whoever fills it leaves the other half to the batcher."""
SLICES: Final = 16
"""In so many steps a sender's share comes back while what it has stored is forgotten."""
_NETWORK_BITS: Final = 64


class QuotaExceeded(StemmaError):
    """A sender has had as much stored as it may for now."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


@dataclass(frozen=True, slots=True)
class Holding:
    """What a store can keep: bytes, and for how many seconds."""

    capacity_bytes: int
    retention_s: int


@dataclass(slots=True)
class _Sender:
    left: float
    at: float
    kept: dict[int, int] = field(default_factory=dict)
    """Bytes by the slice of time in which they were stored."""


class StoreQuota:
    """Counts by sender; `now` gives seconds that never go back. Counts are not kept on disk."""

    def __init__(self, now: Callable[[], float], holding: Holding | None = None) -> None:
        """Every sender begins with nothing stored; without `holding` there are no shares."""
        self._now = now
        self._holding = holding
        self._senders: OrderedDict[str, _Sender] = OrderedDict()

    def take(self, sender: str, size: int) -> None:
        """Count bytes that a sender wants stored. Raises QuotaExceeded, and then counts nothing."""
        found, name = self._of(sender), sender_of(sender)
        if size > found.left:
            raise QuotaExceeded(
                f"{name}: {size} bytes of cells, {int(found.left)} are left; {REFILL_BYTES_S} come "
                "back each second"
            )
        if self._holding is not None:
            kept, most = sum(found.kept.values()), int(self._holding.capacity_bytes * SHARE)
            if kept + size > most:
                raise QuotaExceeded(
                    f"{name}: {size} bytes of cells, {kept} of its are kept here and {most} may be "
                    f"until some are forgotten, after {self._holding.retention_s} s; "
                    "da.capacity_mb gives room"
                )
        found.left -= size

    def stored(self, sender: str, size: int) -> None:
        """Count bytes that were stored of a sender, until the store forgets them."""
        if self._holding is not None and size:
            kept, number = self._of(sender).kept, self._slice(self._holding)
            kept[number] = kept.get(number, 0) + size

    def _of(self, sender: str) -> _Sender:
        """What is counted of a sender, as of now."""
        now, name = self._now(), sender_of(sender)
        found = self._senders.setdefault(name, _Sender(float(BURST_BYTES), now))
        self._senders.move_to_end(name)
        while len(self._senders) > MAX_SENDERS:
            self._senders.popitem(last=False)
        found.left = min(float(BURST_BYTES), found.left + (now - found.at) * REFILL_BYTES_S)
        found.at = now
        if self._holding is not None:
            oldest = self._slice(self._holding) - SLICES
            for number in [number for number in found.kept if number < oldest]:
                del found.kept[number]
        return found

    def _slice(self, holding: Holding) -> int:
        return int(self._now() * SLICES / holding.retention_s)


def sender_of(address: str) -> str:
    """Who counts as one sender: an IPv4 address, an IPv6 network; anything else as it is."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _NETWORK_BITS), strict=False))
