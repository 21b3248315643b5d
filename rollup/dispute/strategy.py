"""The honest strategy: which moves and steps to make now, and which claims can be resolved.

    counter a claim   if it is a false root claim
                      or it answers an honest claim
                      or it stands beside an honest answer, at its trace index or left of it

The last rule catches *freeloaders*: of the answers that stand, the leftmost gets the bond. A claim
is *honest* where the strategy makes or would make it. By these rules each trace that the honest
side plays in begins at an output root it agrees with; in a *poisoned* subgame, whose ends are both
false, it never has a claim.

Source: OP specs, fault-proof/stage-one/honest-challenger-fdg.md. Knows no clock but `now`, no key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from chain.types import Hash32

from .claim import claim_name
from .game import Game, GameStatus
from .position import Position, depth, trace_index
from .position import move as moved
from .trace import StepData, TraceProvider, TraceUnknown


@dataclass(frozen=True, slots=True)
class Move:
    """Answer the claim `parent_index` with `value`."""

    parent_index: int
    is_attack: bool
    value: Hash32


@dataclass(frozen=True, slots=True)
class Step:
    """Counter the claim `claim_index` by one step."""

    claim_index: int
    is_attack: bool
    data: StepData


Action = Move | Step


class Resolution(Enum):
    """What can be called to bring a game to its end."""

    CLAIM = auto()
    GAME = auto()


@dataclass(slots=True)
class _Honest:
    """The claims that the honest side stands for, and its answer to each claim it answers."""

    names: set[Hash32] = field(default_factory=set)
    answers: dict[int, Position] = field(default_factory=dict)


def agrees_with_root(game: Game, trace: TraceProvider) -> bool:
    """Whether the claim that the game is about is true."""
    return trace.claim_at(game, None, game.root.position) == game.root.value


def next_actions(
    game: Game, trace: TraceProvider, unknown: Callable[[int, TraceUnknown], None] | None = None
) -> list[Action]:
    """All that the honest side has to do now, in the order of the claims that it answers.

    A claim to which the answer is not known is told to `unknown` and left; without `unknown`,
    TraceUnknown is raised. Raises it for the root claim in any case.
    """
    if game.status is not GameStatus.IN_PROGRESS or game.number_challenger is not None:
        return []
    honest = _Honest()
    if agrees_with_root(game, trace):
        honest.names.add(game.root.name)
    actions: list[Action] = []
    for index in range(len(game.claims)):
        if not _has_to_be_countered(game, index, honest):
            continue
        try:
            action = _answer(game, index, trace, honest)
        except TraceUnknown as error:
            if unknown is None:
                raise
            unknown(index, error)
            continue
        if action is not None:
            actions.append(action)
    return actions


def _answer(game: Game, index: int, trace: TraceProvider, honest: _Honest) -> Action | None:
    """What counters a claim; None where that has been done."""
    claim = game.claims[index]
    is_last = depth(claim.position) == game.parameters.max_depth
    if is_last and claim.is_countered:
        return None
    is_true = trace.claim_at(game, claim.parent_index, claim.position) == claim.value
    if is_last:
        return _step(game, index, trace, is_attack=not is_true)
    answer = _move(game, index, trace, is_attack=not is_true)
    position = moved(claim.position, is_attack=answer.is_attack)
    name = claim_name(answer.value, position, index)
    honest.names.add(name)
    honest.answers[index] = position
    return None if name in game.names else answer


def _has_to_be_countered(game: Game, index: int, honest: _Honest) -> bool:
    claim = game.claims[index]
    if claim.name in honest.names:
        return False
    if claim.parent_index is None:
        return True
    if game.claims[claim.parent_index].name in honest.names:
        return True
    answer = honest.answers.get(claim.parent_index)
    if answer is None:
        return False
    max_depth = game.parameters.max_depth
    return trace_index(claim.position, max_depth) <= trace_index(answer, max_depth)


def _move(game: Game, index: int, trace: TraceProvider, *, is_attack: bool) -> Move:
    position = moved(game.claims[index].position, is_attack=is_attack)
    return Move(index, is_attack, trace.claim_at(game, index, position))


def _step(game: Game, index: int, trace: TraceProvider, *, is_attack: bool) -> Step:
    claim = game.claims[index]
    # To attack is to run the step that should lead to this claim; to defend, the one after it.
    position = claim.position if is_attack else Position(claim.position + 1)
    return Step(index, is_attack, trace.step_data(game, index, position))


def next_resolution(game: Game, now: int) -> tuple[Resolution, int] | None:
    """The next call towards the verdict, if any can be made: (what, claim index).

    Children come after their parents in the list, so the last claim that can be resolved is next.
    """
    if game.status is not GameStatus.IN_PROGRESS:
        return None
    if 0 in game.resolved:
        return Resolution.GAME, 0
    limit_s = game.parameters.clocks.max_clock_s
    for index in reversed(range(len(game.claims))):
        if index in game.resolved:
            continue
        is_ready = all(child in game.resolved for child in game.children[index])
        if is_ready and game.challenger_used_s(index, now) >= limit_s:
            return Resolution.CLAIM, index
    return None
