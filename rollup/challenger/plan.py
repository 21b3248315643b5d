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
from ..dispute.position import depth, index_at_depth
from ..dispute.position import move as moved
from ..dispute.split import execution_bounds
from ..dispute.strategy import Move, Resolution, Step, next_actions, next_resolution
from ..dispute.trace import TraceProvider, TraceUnknown
from ..l1.calls import encode_call
from .reading import CreditState

_RESOLVE_GAS: Final = 200_000
_CHILD_GAS: Final = 15_000
_LEVELS_AT_THE_EDGE: Final = 10
"""Behind so many attacks at the left edge of a trace, its inputs are asked for: L1 takes its time
to compute them, and one in a thousand of such traces would not have needed it.
"""
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


@dataclass(frozen=True, slots=True)
class Play:
    """What to send to a game now, and of which L2 blocks L1 has to compute the inputs before more
    can be sent.
    """

    calls: list[GameCall]
    unproven: list[int]


def play_of(
    game: Game, trace: TraceProvider, now: int, unknown: Callable[[int, TraceUnknown], None]
) -> Play:
    """Moves and steps that are still in time. Raises TraceUnknown where the root's truth is not
    known.
    """
    limit_s = game.parameters.clocks.max_clock_s
    calls, unproven = [], []
    for action in next_actions(game, trace, unknown):
        block = _unproven(game, action)
        if block is not None:
            unproven.append(block)
        if isinstance(action, Step):
            if block is None:
                calls.append(_call(game, action))
        elif game.challenger_used_s(action.parent_index, now) < limit_s:
            calls.append(_call(game, action))
    return Play(calls, sorted(set(unproven)))


def _unproven(game: Game, action: Move | Step) -> int | None:
    """The block whose inputs an action waits for, or will: the first step of its trace is, or most
    likely becomes, what the sides disagree about.
    """
    index = action.claim_index if isinstance(action, Step) else action.parent_index
    claim, rules = game.claims[index], game.parameters
    levels = depth(claim.position) - rules.split_depth - 1
    if levels < min(_LEVELS_AT_THE_EDGE, rules.max_depth - rules.split_depth - 1):
        return None
    bounds = execution_bounds(game, index)
    if bounds.inputs_root is not None or not action.is_attack:
        return None
    is_at_edge = index_at_depth(claim.position) % (1 << levels) == 0
    return bounds.l2_number if is_at_edge else None


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
