"""stemma_dispute…: dispute games on L1, read anew for each request. The commands show the same."""

from __future__ import annotations

from typing import Any

from chain.errors import StemmaError
from rollup.dispute.bundle import to_json
from rollup.dispute.explain import sentence, summary
from rollup.dispute.game import Game

from ..dispute_view import row, standing
from ..disputes import DisputeReader, L1Moment
from . import errors, parameters
from .errors import InvalidParameter, RpcError
from .jsonrpc import Parameter, rpc

_MAX_GAMES = 50


def _name(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str) and len(value) <= 42:
        return value
    raise InvalidParameter("expected a game's index or address")


_GAME = Parameter("game", _name)


class DisputeNamespace:
    """Games by the portal's factory."""

    def __init__(self, reader: DisputeReader) -> None:
        """`reader` asks L1."""
        self._reader = reader

    @rpc("stemma_disputeGames", Parameter("limit", parameters.number, 20))
    async def games(self, limit: int) -> list[dict[str, Any]]:
        """The newest games, newest first; 50 at most."""
        try:
            contracts = await self._reader.contracts_or_fail()
            at = await self._reader.now()
            listed = await self._reader.games(contracts, at, min(limit, _MAX_GAMES))
            return [row(game, await self._reader.game(game.address, at), at) for game in listed]
        except StemmaError as error:
            raise _unavailable(error) from error

    @rpc("stemma_disputeGame", _GAME)
    async def game(self, name: str) -> dict[str, Any]:
        """One game in words: its standing, its summary, a sentence for each claim."""
        game, at, address = await self._read(name)
        return {
            "game": "0x" + address.hex(),
            "standing": standing(game, at),
            "summary": summary(game),
            "claims": [sentence(game, index).strip() for index in range(len(game.claims))],
        }

    @rpc("stemma_disputeBundle", _GAME)
    async def bundle(self, name: str) -> dict[str, Any]:
        """One game as the document that `stemma dispute verify` checks."""
        game, at, address = await self._read(name)
        return to_json(game, {"game": "0x" + address.hex(), "l1_block": at.number})

    async def _read(self, name: str) -> tuple[Game, L1Moment, bytes]:
        try:
            at = await self._reader.now()
            address = await self._reader.find(name, at)
            if address is not None:
                return await self._reader.game(address, at), at, address
        except StemmaError as error:
            raise _unavailable(error) from error
        raise RpcError(errors.RESOURCE_NOT_FOUND, f"no dispute game {name}")


def _unavailable(error: StemmaError) -> RpcError:
    return RpcError(errors.RESOURCE_UNAVAILABLE, f"L1: {error}")
