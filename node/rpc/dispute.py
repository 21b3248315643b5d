"""stemma_dispute… and stemma_traceStep: dispute games on L1, read anew for each request, and steps
of blocks in words. The commands show the same.
"""

from __future__ import annotations

from typing import Any

from chain.errors import Recovery, StemmaError
from rollup.dispute.bundle import to_json
from rollup.dispute.evidence import evidence_to_json
from rollup.dispute.explain import sentence, summary
from rollup.dispute.game import Game

from ..dispute_view import row, standing
from ..disputes import DisputeReader, L1Moment
from ..step_words import BlockTooLong, StepTeller
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


def _part(value: object) -> int | str:
    if value in ("begin", "end"):
        return str(value)
    return parameters.number(value)


_GAME = Parameter("game", _name)


class DisputeNamespace:
    """Games by the portal's factory."""

    def __init__(self, reader: DisputeReader, steps: StepTeller) -> None:
        """`reader` asks L1; `steps` has this node's blocks."""
        self._reader = reader
        self._steps = steps

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

    @rpc("stemma_disputeStep", _GAME)
    async def step(self, name: str) -> dict[str, Any]:
        """The step that decides a game, in words and as evidence; both empty before it is found."""
        game, _, _ = await self._read(name)
        try:
            lines, evidence = await self._steps.of_game(game), await self._steps.evidence(game)
        except StemmaError as error:
            raise _no_trace(error) from error
        return {"lines": lines, "steps": [evidence_to_json(each) for each in evidence]}

    @rpc(
        "stemma_traceStep",
        Parameter("block", parameters.number),
        Parameter("transaction", _part),
        Parameter("step", parameters.number),
    )
    async def trace(self, block: int, transaction: int | str, step: int) -> dict[str, Any]:
        """A step of a safe L2 block: of a transaction by its index, of `begin` or of `end`."""
        try:
            told = await self._steps.of_block(block, transaction, step)
        except StemmaError as error:
            raise _no_trace(error) from error
        return {
            "name": told.name,
            "lines": told.lines,
            "index": told.index,
            "stepsOfPart": told.steps_of_part,
            "stepsOfBlock": told.steps_of_block,
            "before": "0x" + told.before.hex(),
            "after": "0x" + told.after.hex(),
            "witnessBytes": told.witness_bytes,
        }

    @rpc("stemma_disputeBundle", _GAME)
    async def bundle(self, name: str) -> dict[str, Any]:
        """One game as the document that `stemma dispute verify` checks, with the steps of those of
        its blocks that this node keeps.
        """
        game, at, address = await self._read(name)
        try:
            evidence = await self._steps.evidence(game)
        except StemmaError:
            evidence = []
        return to_json(game, {"game": "0x" + address.hex(), "l1_block": at.number}, evidence)

    async def _read(self, name: str) -> tuple[Game, L1Moment, bytes]:
        try:
            at = await self._reader.now()
            address = await self._reader.find(name, at)
            if address is not None:
                return await self._reader.game(address, at), at, address
        except StemmaError as error:
            raise _unavailable(error) from error
        raise RpcError(errors.RESOURCE_NOT_FOUND, f"no dispute game {name}")


def _no_trace(error: StemmaError) -> RpcError:
    if isinstance(error, BlockTooLong):
        return RpcError(errors.LIMIT_EXCEEDED, str(error))
    code = (
        errors.RESOURCE_UNAVAILABLE
        if error.recovery is Recovery.RETRY
        else errors.RESOURCE_NOT_FOUND
    )
    return RpcError(code, str(error))


def _unavailable(error: StemmaError) -> RpcError:
    return RpcError(errors.RESOURCE_UNAVAILABLE, f"L1: {error}")
