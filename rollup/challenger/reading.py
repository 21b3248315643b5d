"""A dispute game as its contract tells of it: which questions to ask, and the game they give.

Nothing is kept between two readings, so a restart or a reorganised L1 needs no care.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from chain.types import ZERO_HASH, Address, Hash32, Wei

from ..dispute.claim import NO_PARENT, Claim
from ..dispute.clock import ClockLimits, unpack_clock
from ..dispute.game import Game, GameParameters, GameStatus, Subject, game_of
from ..dispute.position import Position
from ..l1.calls import View, view

_CLAIM: Final = "uint32,address,address,uint128,bytes32,uint128,uint128"


@dataclass(frozen=True, slots=True)
class GameHead:
    """What says how much of a game there is to read."""

    address: Address
    parameters: GameParameters
    subject: Subject
    claim_count: int
    status: GameStatus
    resolved_at: int
    is_number_challenged: bool
    max_clock_s: int


@dataclass(frozen=True, slots=True)
class CreditState:
    """How an account stands with a game's bonds."""

    credit_wei: int
    is_closed: bool
    has_unlocked: bool
    unlocked_at: int


def head_views(game: Address) -> list[View]:
    """The questions whose answers `read_head` takes."""
    return [
        view(game, "maxGameDepth()", "uint256"),
        view(game, "splitDepth()", "uint256"),
        view(game, "maxClockDuration()", "uint64"),
        view(game, "clockExtension()", "uint64"),
        view(game, "bondSeries()", "uint256,uint256"),
        view(game, "startingOutputRoot()", "bytes32,uint256"),
        view(game, "l2BlockNumber()", "uint256"),
        view(game, "l1Head()", "bytes32"),
        view(game, "extraData()", "bytes"),
        view(game, "claimDataLen()", "uint256"),
        view(game, "status()", "uint8"),
        view(game, "resolvedAt()", "uint64"),
        view(game, "l2BlockNumberChallenged()", "bool"),
    ]


def read_head(game: Address, answers: Sequence[Any]) -> GameHead:
    """A game's head from the answers to `head_views`."""
    (
        deepest, split, clock_s, extension_s, (base, growth), (root, start), number, l1_head,
        extra_data, count, status, resolved_at, is_challenged,
    ) = answers  # fmt: skip
    limits = ClockLimits(clock_s, extension_s)
    # Behind the number stands the inputs root, where L1 does not compute it.
    inputs = Hash32(extra_data[32:]) if len(extra_data) > 32 else None
    return GameHead(
        address=game,
        parameters=GameParameters(deepest, split, limits, base, growth),
        subject=Subject(Hash32(root), start, number, Hash32(l1_head), inputs),
        claim_count=count,
        status=GameStatus(status),
        resolved_at=resolved_at,
        is_number_challenged=is_challenged,
        max_clock_s=clock_s,
    )


def claim_views(head: GameHead) -> list[View]:
    """The questions whose answers `read_game` takes: two for each claim."""
    return [
        question
        for index in range(head.claim_count)
        for question in (
            view(head.address, "claimData(uint256)", _CLAIM, index),
            view(head.address, "resolvedSubgames(uint256)", "bool", index),
        )
    ]


def read_game(head: GameHead, answers: Sequence[Any]) -> Game:
    """The game from its head and the answers to `claim_views`."""
    claims = [_claim(answer) for answer in answers[::2]]
    game = game_of(head.parameters, head.subject, claims)
    game.resolved = {index for index, is_done in enumerate(answers[1::2]) if is_done}
    game.status, game.resolved_at = head.status, head.resolved_at
    if head.is_number_challenged:
        game.number_challenger = claims[0].countered_by
    return game


def read_inputs(game: Game, agreed: Sequence[Hash32], answers: Sequence[bytes]) -> None:
    """Note the inputs roots that L1 has computed, by the agreed output roots; zero for none."""
    game.proven_inputs = {
        root: Hash32(answer)
        for root, answer in zip(agreed, answers, strict=True)
        if answer != ZERO_HASH
    }


def _claim(answer: Sequence[Any]) -> Claim:
    parent, countered_by, claimant, bond, value, position, clock = answer
    return Claim(
        None if parent == NO_PARENT else parent,
        Address(countered_by),
        Address(claimant),
        Wei(bond),
        Hash32(value),
        Position(position),
        unpack_clock(clock),
    )


def credit_views(game: Address, weth: Address, account: Address) -> list[View]:
    """The questions whose answers `read_credit` takes."""
    return [
        view(game, "credit(address)", "uint256", account),
        view(game, "bondDistributionMode()", "uint8"),
        view(game, "hasUnlockedCredit(address)", "bool", account),
        view(weth, "withdrawals(address,address)", "uint256,uint256", game, account),
    ]


def read_credit(answers: Sequence[Any]) -> CreditState:
    """From the answers to `credit_views`."""
    credit, mode, has_unlocked, (_, unlocked_at) = answers
    return CreditState(credit, mode != 0, has_unlocked, unlocked_at)
