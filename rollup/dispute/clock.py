"""The chess clock: what each side has used, and the extension that a late move is given.

Each claim carries the clock of the side that made it: seconds used up to then, and when that was.
Source: OP specs, fault-dispute-game.md, "Game Clock".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """`used_s` seconds of the mover's time were gone when it stopped at `stopped_at`."""

    used_s: int
    stopped_at: int

    @property
    def packed(self) -> int:
        """The contract's uint128: duration (high 64 bits), timestamp."""
        return (self.used_s << 64) | self.stopped_at


def unpack_clock(packed: int) -> Clock:
    """Read the contract's uint128."""
    return Clock(packed >> 64, packed & (2**64 - 1))


def challenger_used_s(claim: Clock, parent: Clock | None, now: int, max_clock_s: int) -> int:
    """Seconds used by the side that may answer a claim; `parent` is that of the claim's parent."""
    used_s = 0 if parent is None else parent.used_s
    return min(used_s + now - claim.stopped_at, max_clock_s)


def extended(used_s: int, next_depth: int, split_depth: int, limits: ClockLimits) -> int:
    """What the mover's clock shows after a move to `next_depth`: at least the extension is left.

    Twice the extension where the next answer begins a trace, which has to be made first.
    """
    extension_s = limits.extension_s * (2 if next_depth == split_depth - 1 else 1)
    return min(used_s, limits.max_clock_s - extension_s)


@dataclass(frozen=True, slots=True)
class ClockLimits:
    """Seconds that a side has in all, and at least for its next answer."""

    max_clock_s: int
    extension_s: int
