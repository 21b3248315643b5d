"""When an output root is proposed, and what is to be done next with a game: rules without I/O.

Times are timestamps of L1 in seconds, since L1's clocks decide. Knows what the contracts said,
not how they were asked.

Source: specs protocol/proposals.md, fault-proof/stage-one/fault-dispute-game.md ("Resolution") and
bond-incentives.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from chain.types import Address, Hash32


class GameStatus(IntEnum):
    """The verdict of a game."""

    IN_PROGRESS = 0
    CHALLENGER_WINS = 1
    DEFENDER_WINS = 2


class BondMode(IntEnum):
    """How a closed game pays its bonds."""

    UNDECIDED = 0
    NORMAL = 1
    REFUND = 2


class GameAction(Enum):
    """What the proposer does with a game of its own."""

    RESOLVE_CLAIM = auto()
    """Resolve the root claim: nobody has answered in time."""

    RESOLVE = auto()
    """Resolve the game: its root claim is decided."""

    CLAIM = auto()
    """claimCredit: closes the game at first, unlocks the bond, then fetches it."""

    LOOK_AGAIN = auto()
    """Nothing yet: the claim was answered, and the challenger decides."""


@dataclass(frozen=True, slots=True)
class Game:
    """A game as the factory lists it."""

    index: int
    address: Address
    root: Hash32
    l2_number: int
    created_at: int


@dataclass(frozen=True, slots=True)
class GameState:
    """What a game and the bonds' keeper say about it now. `credit_wei` is the proposer's."""

    status: GameStatus
    resolved_at: int
    claim_count: int
    is_root_resolved: bool
    bond_mode: BondMode
    credit_wei: int
    has_unlocked: bool
    unlocked_at: int


@dataclass(frozen=True, slots=True)
class GameDelays:
    """The waiting times that the contracts are made with, in seconds."""

    max_clock_s: int
    finality_s: int
    bond_s: int


@dataclass(frozen=True, slots=True)
class Due:
    """An action and the L1 time from which it may be tried."""

    action: GameAction
    at: int


def proposal_due(
    head_number: int,
    anchor_number: int,
    games: Sequence[Game],
    now: int,
    interval_s: int,
    not_past: int | None = None,
) -> int | None:
    """The L2 block to propose now: the head, unless it was or the interval has not passed; a block
    `not_past` rather than one behind it.

    `games` are the proposer's own; those of others may lie and are no reason to be silent.
    """
    newest = max(games, key=lambda game: game.index, default=None)
    if newest is not None:
        if now < newest.created_at + interval_s:
            return None
        anchor_number = max(anchor_number, newest.l2_number)
    if not_past is not None and anchor_number < not_past < head_number:
        head_number = not_past
    return head_number if head_number > anchor_number else None


def next_action(game: Game, state: GameState, delays: GameDelays) -> Due | None:
    """What comes next for a game of the proposer's own; None when it is done with."""
    if state.status is GameStatus.IN_PROGRESS:
        expires = game.created_at + delays.max_clock_s
        if state.is_root_resolved:
            return Due(GameAction.RESOLVE, expires)
        if state.claim_count == 1:
            return Due(GameAction.RESOLVE_CLAIM, expires)
        # Both clocks together bound a dispute; after that only its resolution is missing.
        return Due(GameAction.LOOK_AGAIN, expires + delays.max_clock_s)
    if state.credit_wei == 0:
        return None
    if state.bond_mode is BondMode.UNDECIDED:
        return Due(GameAction.CLAIM, state.resolved_at + delays.finality_s + 1)
    if not state.has_unlocked:
        return Due(GameAction.CLAIM, state.resolved_at)
    return Due(GameAction.CLAIM, state.unlocked_at + delays.bond_s)
