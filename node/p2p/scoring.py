"""How much a peer is worth: points for what it brings, less for what it costs; bans that decay.

A score starts at 0, halves its distance to 0 every HALF_LIFE_S and stays in a band. Below
BAN_BELOW the peer is banned: for a minute, and twice as long each time it is banned again while the
last ban is remembered. Time is an argument. Knows nothing of messages: callers name an offence.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

PeerKey = Hashable
"""Whatever names a peer; node ids in a node."""

HALF_LIFE_S: Final = 300.0
MAX_SCORE: Final = 100.0
BAN_BELOW: Final = -100.0
GRAYLIST_BELOW: Final = -40.0
"""Its gossip is not listened to."""

FIRST_BAN_S: Final = 60.0
LONGEST_BAN_S: Final = 3600.0
_KEPT_BANS: Final = 4096
_KEPT_SCORES: Final = 4096


class Offence(Enum):
    """What a peer may do wrong."""

    PROTOCOL = "protocol"
    INVALID_BLOCK = "invalid block"
    INVALID_TRANSACTION = "invalid transaction"
    INVALID_CELL = "invalid cell"
    INVALID_ATTESTATION = "invalid attestation"
    WRONG_CELL = "wrong cell"
    BROKEN_RECEIPT = "signed for a cell and did not serve it"
    WRONG_ANSWER = "wrong answer"
    LYING_HEAD = "lying head"
    FLOOD = "flood"
    REPEATED = "repeated"
    GRAYLISTED = "graylisted"
    BROKEN_PROMISE = "broken promise"
    TIMEOUT = "timeout"
    IMPATIENT_GRAFT = "impatient graft"
    INVALID_RECORD = "invalid record"


class Service(Enum):
    """What a peer may do well."""

    FIRST_BLOCK = "first block"
    FIRST_TRANSACTIONS = "first transactions"
    FIRST_CELL = "first cell"
    FIRST_ATTESTATION = "first attestation"
    RIGHT_ANSWER = "right answer"


PRICES: Final[dict[Offence, float]] = {
    Offence.PROTOCOL: 60.0,
    Offence.INVALID_BLOCK: 101.0,  # only the sequencer signs blocks: no honest peer forwards one
    Offence.INVALID_TRANSACTION: 8.0,
    Offence.INVALID_CELL: 101.0,  # whoever forwards a cell or a signature has checked it
    Offence.INVALID_ATTESTATION: 101.0,
    Offence.WRONG_CELL: 101.0,  # every cell that an honest node keeps was checked before
    Offence.BROKEN_RECEIPT: 101.0,
    Offence.WRONG_ANSWER: 50.0,
    Offence.LYING_HEAD: 40.0,
    Offence.FLOOD: 2.0,
    Offence.REPEATED: 0.5,
    Offence.GRAYLISTED: 0.5,
    Offence.BROKEN_PROMISE: 4.0,
    Offence.TIMEOUT: 10.0,
    Offence.IMPATIENT_GRAFT: 4.0,
    Offence.INVALID_RECORD: 20.0,
}
"""Points that an offence costs; a ban is 100 points away from a stranger."""

WORTH: Final[dict[Service, float]] = {
    Service.FIRST_BLOCK: 2.0,
    Service.FIRST_TRANSACTIONS: 0.2,
    Service.FIRST_CELL: 0.5,
    Service.FIRST_ATTESTATION: 0.5,
    Service.RIGHT_ANSWER: 0.5,
}
"""Points that a service earns."""


@dataclass(slots=True)
class _Score:
    value: float = 0.0
    at: float = 0.0


@dataclass(slots=True)
class _Ban:
    until: float
    length_s: float


@dataclass(slots=True)
class PeerScores:
    """Scores and bans by peer; bounded."""

    _scores: OrderedDict[PeerKey, _Score] = field(default_factory=OrderedDict)
    _bans: OrderedDict[PeerKey, _Ban] = field(default_factory=OrderedDict)

    def score(self, peer: PeerKey, now: float) -> float:
        """The score at a time."""
        entry = self._scores.get(peer)
        if entry is None:
            return 0.0
        return float(entry.value * 0.5 ** (max(0.0, now - entry.at) / HALF_LIFE_S))

    def penalise(self, peer: PeerKey, offence: Offence, now: float, times: float = 1) -> bool:
        """Take points away; whether the peer is banned by it."""
        if self._change(peer, -PRICES[offence] * times, now) >= BAN_BELOW:
            return False
        self.ban(peer, now)
        return True

    def reward(self, peer: PeerKey, service: Service, now: float) -> None:
        """Give points."""
        self._change(peer, WORTH[service], now)

    def _change(self, peer: PeerKey, points: float, now: float) -> float:
        value = min(MAX_SCORE, max(3 * BAN_BELOW, self.score(peer, now) + points))
        self._scores[peer] = _Score(value, now)
        self._scores.move_to_end(peer)
        while len(self._scores) > _KEPT_SCORES:
            self._scores.popitem(last=False)
        return value

    def ban(self, peer: PeerKey, now: float) -> None:
        """Ban a peer, for longer each time."""
        before = self._bans.get(peer)
        length_s = FIRST_BAN_S
        if before is not None:
            # A ban is forgotten, by halves, in as much time as it took.
            halvings = max(0.0, now - before.until) / max(before.length_s, 1.0)
            length_s = max(FIRST_BAN_S, 2 * before.length_s * 0.5**halvings)
        length_s = min(LONGEST_BAN_S, length_s)
        self._bans[peer] = _Ban(now + length_s, length_s)
        self._bans.move_to_end(peer)
        while len(self._bans) > _KEPT_BANS:
            self._bans.popitem(last=False)

    def banned_until(self, peer: PeerKey, now: float) -> float | None:
        """When the ban ends; None for a peer that is not banned."""
        ban = self._bans.get(peer)
        return None if ban is None or ban.until <= now else ban.until


@dataclass(slots=True)
class Budget:
    """A token bucket: `rate` a second, `burst` at once. Full at the start."""

    rate: float
    burst: float
    left: float = -1.0
    at: float = 0.0

    def spend(self, amount: float, now: float) -> bool:
        """Take an amount if there is as much; whether there was."""
        if self.left < 0:
            self.left, self.at = self.burst, now
        self.left = min(self.burst, self.left + self.rate * max(0.0, now - self.at))
        self.at = now
        if amount > self.left:
            return False
        self.left -= amount
        return True
