"""One line about a dispute game: for `stemma dispute list` and stemma_disputeGames."""

from __future__ import annotations

from typing import Any

from rollup.dispute.game import Game, GameStatus

from .disputes import L1Moment, ListedGame


def standing(game: Game, at: L1Moment) -> str:
    """The verdict, or how long the newest claim can still be answered."""
    if game.status is not GameStatus.IN_PROGRESS:
        return game.status.name.lower().replace("_", " ")
    last = len(game.claims) - 1
    left = game.parameters.clocks.max_clock_s - game.challenger_used_s(last, at.timestamp)
    return f"in progress, claim {last} can be answered for {left} s"


def row(listed: ListedGame, game: Game, at: L1Moment) -> dict[str, Any]:
    """What a list shows of a game."""
    return {
        "index": listed.index,
        "game": "0x" + listed.address.hex(),
        "created_at": listed.created_at,
        "l2_block": game.subject.l2_number,
        "root_claim": "0x" + game.root.value.hex(),
        "proposer": "0x" + game.root.claimant.hex(),
        "status": game.status.name,
        "standing": standing(game, at),
        "claims": len(game.claims),
        "bonds_wei": str(sum(claim.bond_wei for claim in game.claims)),
    }
