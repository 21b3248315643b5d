"""The calls a proposer makes to the settlement contracts, and what it reads out of their answers.

Signatures are the OP Stack's. Knows bytes; who sends them is the node's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from chain.types import Address, Hash32

from ..l1.calls import View, encode_call, view
from .rules import BondMode, Game, GameState, GameStatus

_SEARCH_RESULTS: Final = ("(uint256,bytes32,uint64,bytes32,bytes)[]",)


def create_game(game_type: int, root: Hash32, l2_number: int, inputs_root: Hash32 | None) -> bytes:
    """The factory's call that claims an output root for an L2 block, made from certain inputs: from
    those that L1 computes where `inputs_root` is None.
    """
    extra_data = l2_number.to_bytes(32, "big") + (inputs_root or b"")
    return encode_call("create(uint32,bytes32,bytes)", game_type, root, extra_data)


def latest_games(factory: Address, game_type: int, count: int, limit: int) -> View:
    """The newest games of a type, among the `count` that the factory has made."""
    return View(
        factory,
        encode_call("findLatestGames(uint32,uint256,uint256)", game_type, max(0, count - 1), limit),
        _SEARCH_RESULTS,
    )


def read_games(results: Sequence[Any]) -> list[Game]:
    """What latest_games answers, as games."""
    return [
        Game(
            index=index,
            address=Address(metadata[12:]),
            root=Hash32(root),
            l2_number=int.from_bytes(extra_data[:32], "big"),
            created_at=timestamp,
        )
        for index, metadata, timestamp, root, extra_data in results
    ]


def state_views(game: Address, weth: Address, proposer: Address) -> list[View]:
    """The questions whose answers `read_state` takes."""
    return [
        view(game, "status()", "uint8"),
        view(game, "resolvedAt()", "uint64"),
        view(game, "claimDataLen()", "uint256"),
        view(game, "resolvedSubgames(uint256)", "bool", 0),
        view(game, "bondDistributionMode()", "uint8"),
        view(game, "credit(address)", "uint256", proposer),
        view(game, "hasUnlockedCredit(address)", "bool", proposer),
        view(weth, "withdrawals(address,address)", "uint256,uint256", game, proposer),
    ]


def read_state(answers: Sequence[Any]) -> GameState:
    """The state of a game from the answers to `state_views`."""
    status, resolved_at, claims, is_resolved, mode, credit, has_unlocked, unlock = answers
    return GameState(
        status=GameStatus(status),
        resolved_at=resolved_at,
        claim_count=claims,
        is_root_resolved=is_resolved,
        bond_mode=BondMode(mode),
        credit_wei=credit,
        has_unlocked=has_unlocked,
        unlocked_at=unlock[1],
    )
