"""Which output root to begin with: one that L1 knows, or one that the operator names.

    anchor     what the AnchorStateRegistry holds: a claim that nobody could beat in its time
    proposed   the newest claim whose game nobody has won against: younger, and not settled yet
    N:0xROOT   block number and output root, from wherever the operator has them

Knows nothing of peers or states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.errors import StemmaError
from chain.types import HASH_BYTES, Address, Hash32
from rollup.l1.calls import view
from rollup.proposer.calls import latest_games, read_games
from rollup.proposer.rules import GameStatus

from ..config import ConfigurationError
from ..disputes import DisputeReader
from ..l1.json_rpc import JsonRpcClient

ANCHOR: Final = "anchor"
PROPOSED: Final = "proposed"
_GAMES: Final = 32
"""Newest claims that are looked at."""


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """An output root and the L2 block that it is said to be of."""

    number: int
    root: Hash32

    def __str__(self) -> str:
        return f"{self.number}:0x{self.root.hex()}"


class NoTrustedRoot(StemmaError):
    """L1 names no output root to begin with."""


def parse_root(text: str) -> TrustedRoot | None:
    """`NUMBER:0xROOT`; None for a source on L1. Raises ConfigurationError for neither."""
    if text in (ANCHOR, PROPOSED):
        return None
    number, _, digits = text.partition(":")
    try:
        root = bytes.fromhex(digits.removeprefix("0x"))
        if len(root) == HASH_BYTES and number.isascii() and number.isdigit():
            return TrustedRoot(int(number), Hash32(root))
    except ValueError:
        pass
    raise ConfigurationError(
        f"sync.root: expected {ANCHOR}, {PROPOSED} or NUMBER:0xROOT, got {text!r}"
    )


async def root_on_l1(client: JsonRpcClient, portal: Address, source: str) -> TrustedRoot:
    """The root that L1 names. Raises NoTrustedRoot, NoContracts, L1CallFailed, DecodeError."""
    reader = DisputeReader(client, portal)
    contracts = await reader.contracts_or_fail()
    (registry,) = await reader.ask([view(portal, "anchorStateRegistry()", "address")])
    if source == ANCHOR:
        ((root, number),) = await reader.ask([view(registry, "getAnchorRoot()", "bytes32,uint256")])
        return TrustedRoot(number, Hash32(root))
    (count,) = await reader.ask([view(contracts.factory, "gameCount()", "uint256")])
    (listed,) = await reader.ask(
        [latest_games(contracts.factory, contracts.game_type, count, _GAMES)]
    )
    games = read_games(listed)
    statuses = await reader.ask([view(game.address, "status()", "uint8") for game in games])
    standing = [
        game
        for game, status in zip(games, statuses, strict=True)
        if GameStatus(status) is not GameStatus.CHALLENGER_WINS
    ]
    if not standing:
        raise NoTrustedRoot(f"none of the {len(games)} newest claims on L1 stands")
    best = max(standing, key=lambda game: game.l2_number)
    return TrustedRoot(best.l2_number, best.root)
