"""What a light node makes of the L2's head: output roots claimed on L1, held against two things.

    disputes   a claim that somebody attacks is refused until the game is over, a lost one for good
    data       a claim looks back from an L1 block; what L1 certified up to there has to have been
               found available

It executes nothing: who proposes and who attacks are believed no further than their games go. The
head is the newest claim that stands against both. Knows nothing of how data are sampled.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from rollup.dispute.game import Game, GameStatus

from ..disputes import DisputeReader, L1Moment, ListedGame

logger = logging.getLogger("stemma.light")

MAX_CLAIMS: Final = 64
"""Newest games that are looked at: more than are in dispute at a time under any preset."""


@dataclass(frozen=True, slots=True)
class SeenClaim:
    """A game about the L2, as of the last look; `l1_head` None where L1 has that block no more."""

    listed: ListedGame
    game: Game
    l1_head: int | None


def refusal(seen: SeenClaim, l1_accepted: int) -> str | None:
    """Why a claim is refused while L1 is accepted up to a block; None where it is not."""
    game = seen.game
    if game.status is GameStatus.CHALLENGER_WINS:
        return "its dispute was lost"
    if game.status is GameStatus.IN_PROGRESS and len(game.claims) > 1:
        return f"it is disputed: {len(game.claims) - 1} claims against and for it"
    if seen.l1_head is None:
        return "the L1 block that it looks back from is not canonical"
    if seen.l1_head > l1_accepted:
        return (
            f"it looks back from L1 block {seen.l1_head}, data are known to be available up to "
            f"{l1_accepted}"
        )
    return None


class ClaimWatch:
    """Looks at the games of one rollup; keeps nothing on disk, for L1 has it all."""

    def __init__(self, reader: DisputeReader) -> None:
        """Nothing is asked before the first look."""
        self._reader = reader
        self._claims: list[SeenClaim] = []
        self._settled: dict[bytes, SeenClaim] = {}

    async def look(self) -> None:
        """Read the newest games; settled ones once. Raises L1Unreachable and kin."""
        contracts = await self._reader.contracts()
        if contracts is None:
            self._claims = []
            return
        at = await self._reader.now()
        listed = await self._reader.games(contracts, at, MAX_CLAIMS)
        self._claims = [await self._seen(each, at) for each in listed]
        kept = {each.address for each in listed}
        self._settled = {name: seen for name, seen in self._settled.items() if name in kept}

    async def _seen(self, listed: ListedGame, at: L1Moment) -> SeenClaim:
        known = self._settled.get(listed.address)
        if known is not None and known.listed == listed:
            return known
        game = await self._reader.game(listed.address, at)
        seen = SeenClaim(listed, game, await self._reader.l1_number(game.subject.l1_head))
        if game.status is not GameStatus.IN_PROGRESS:
            self._settled[listed.address] = seen
        if game.status is GameStatus.CHALLENGER_WINS:
            logger.warning("L2 block %d: a false claim was beaten", game.subject.l2_number)
        return seen

    def head(self, l1_accepted: int) -> SeenClaim | None:
        """The claim of the highest L2 block that is not refused."""
        standing = [seen for seen in self._claims if refusal(seen, l1_accepted) is None]
        return max(standing, key=lambda seen: seen.game.subject.l2_number, default=None)

    def describe(
        self, l1_accepted: int, data_up_to: Callable[[int], dict[str, Any]]
    ) -> dict[str, Any]:
        """What `stemma da status` shows of the L2.

        `data_up_to` says what is known of the data that L1 had certified by a block.
        """
        head = self.head(l1_accepted)
        accepted: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        for seen in self._claims:
            why_not = refusal(seen, l1_accepted)
            data = None if seen.l1_head is None else data_up_to(seen.l1_head)
            (accepted if why_not is None else refused).append(_shown(seen, why_not, data))
        return {
            "head": None if head is None else _shown(head, None, None),
            "claims": len(self._claims),
            "accepted": accepted,
            "refused": refused,
        }


def _shown(seen: SeenClaim, why_not: str | None, data: dict[str, Any] | None) -> dict[str, Any]:
    game = seen.game
    shown: dict[str, Any] = {
        "l2_block": game.subject.l2_number,
        "output_root": f"0x{game.root.value.hex()}",
        "game": f"0x{seen.listed.address.hex()}",
        "status": game.status.name,
        "l1_head": seen.l1_head,
        "moves": len(game.claims) - 1,
    }
    if data is not None:
        shown["data"] = data
    if why_not is not None:
        shown["why_not"] = why_not
    return shown
