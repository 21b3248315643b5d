"""What an honest player sends to a game now: moves, steps, resolutions, claims of its bonds.

Pure: a reading of the game and L1's time go in, calls come out. Whoever sends them may lose any of
them to a reorganisation or a competitor; the next reading says what is still missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from chain.types import Address

from ..dispute.game import Game, GameStatus
from ..dispute.position import move as moved
from ..dispute.strategy import Move, Resolution, Step, next_actions, next_resolution
from ..dispute.trace import TraceProvider, TraceUnknown
from ..l1.calls import encode_call
from .reading import CreditState

_RESOLVE_GAS: Final = 200_000
_CHILD_GAS: Final = 15_000
_RESOLUTIONS: Final = 50
"""At most so many resolutions are sent before the next reading."""


@dataclass(frozen=True, slots=True)
class GameCall:
    """One transaction to a game, and what it is for. Without a gas limit, L1 estimates it."""

    data: bytes
    value_wei: int
    says: str
    gas_limit: int | None = None


@dataclass(frozen=True, slots=True)
class BondDelays:
    """Waiting times behind the verdict, in seconds."""

    finality_s: int
    bond_s: int


def playing_calls(
    game: Game, trace: TraceProvider, now: int, unknown: Callable[[int, TraceUnknown], None]
) -> list[GameCall]:
    """Moves and steps that are still in time. Raises TraceUnknown where the root's truth is not
    known.
    """
    limit_s = game.parameters.clocks.max_clock_s
    return [
        _call(game, action)
        for action in next_actions(game, trace, unknown)
        if isinstance(action, Step) or game.challenger_used_s(action.parent_index, now) < limit_s
    ]


def resolving_calls(game: Game, now: int) -> list[GameCall]:
    """All the calls that lead to the verdict now, in their order, each on top of those before."""
    calls: list[GameCall] = []
    after = replace(game, resolved=set(game.resolved))
    while len(calls) < _RESOLUTIONS and (found := next_resolution(after, now)) is not None:
        what, index = found
        if what is Resolution.GAME:
            calls.append(GameCall(encode_call("resolve()"), 0, "resolve the game", _RESOLVE_GAS))
            break
        gas = _RESOLVE_GAS + _CHILD_GAS * len(game.children[index])
        data = encode_call("resolveClaim(uint256,uint256)", index, 0)
        calls.append(GameCall(data, 0, f"resolve claim {index}", gas))
        after.resolved.add(index)
    return calls


def credit_call(
    game: Game, credit: CreditState, account: Address, delays: BondDelays, now: int
) -> GameCall | None:
    """claimCredit, when it is due: it closes the game, unlocks the bonds, then pays them."""
    if game.status is GameStatus.IN_PROGRESS or credit.credit_wei == 0:
        return None
    due = game.resolved_at + (0 if credit.is_closed else delays.finality_s + 1)
    if credit.has_unlocked:
        due = credit.unlocked_at + delays.bond_s
    if now < due:
        return None
    return GameCall(encode_call("claimCredit(address)", account), 0, "claim bonds")


def is_done(game: Game, credit: CreditState) -> bool:
    """Whether nothing can be due any more for that account."""
    return game.status is not GameStatus.IN_PROGRESS and credit.credit_wei == 0


def _call(game: Game, action: Move | Step) -> GameCall:
    if isinstance(action, Step):
        verb = "attack" if action.is_attack else "defend"
        data = encode_call(
            "step(uint256,bool,bytes,bytes)",
            action.claim_index,
            action.is_attack,
            action.data.state_data,
            action.data.proof,
        )
        return GameCall(data, 0, f"step: {verb} claim {action.claim_index}")
    parent = game.claims[action.parent_index]
    position = moved(parent.position, is_attack=action.is_attack)
    verb = "attack" if action.is_attack else "defend"
    data = encode_call(
        "move(bytes32,uint256,bytes32,bool)",
        parent.value,
        action.parent_index,
        action.value,
        action.is_attack,
    )
    return GameCall(data, game.parameters.bond_wei(position), f"{verb} claim {action.parent_index}")
