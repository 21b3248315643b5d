"""Proposes output roots on L1 and sees the games through: resolves them, fetches the bonds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chain.errors import DecodeError, Recovery, StemmaError
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis.config import RollupConfig
from rollup.dispute.outputs import Chain, ChainOutputs
from rollup.l1.calls import View, encode_call, view
from rollup.proposer.calls import (
    create_game,
    latest_games,
    read_games,
    read_state,
    state_views,
)
from rollup.proposer.rules import (
    Game,
    GameAction,
    GameDelays,
    next_action,
    proposal_due,
)

from ..l1.json_rpc import JsonRpcClient, L1CallFailed
from ..l1.transactions import L1Request, L1Sender, L1TransactionFailed

logger = logging.getLogger("stemma.propose")

_GAMES_AT_START = 100
"""How far back a start looks for games of its own that are not done with."""

_GAMES_AFTER_PROPOSAL = 5
_NEVER = 1 << 63
_MINED_WITHIN_S = 60.0
_SAID = {
    GameAction.RESOLVE_CLAIM: "resolving a root claim",
    GameAction.RESOLVE: "resolving a game",
    GameAction.CLAIM: "claiming a bond",
}


@dataclass(frozen=True, slots=True)
class ProposerOptions:
    """How often to propose, which head, and how often to look."""

    interval_s: int
    allow_non_finalized: bool
    poll_s: float


@dataclass(frozen=True, slots=True)
class _Contracts:
    factory: Address
    registry: Address
    weth: Address
    game_type: int
    delays: GameDelays
    takes_inputs: bool


class Proposing:
    """One loop: propose when it is due, then do for each game what is due."""

    def __init__(
        self,
        config: RollupConfig,
        chain: Chain,
        client: JsonRpcClient,
        sender: L1Sender,
        *,
        options: ProposerOptions,
        caught_up: asyncio.Event,
        proposed: Callable[[], None],
        root_of: Callable[[int], Hash32] | None = None,
        not_past: int | None = None,
    ) -> None:
        """`caught_up` is set when derivation has read L1 to its head; nothing is sent before.

        `root_of` gives the output root to claim for a block: the true one, if it is left out. A
        block `not_past` is proposed itself before any behind it.
        """
        self._config = config
        self._chain = chain
        self._outputs = ChainOutputs(chain)
        self._root_of = root_of or self._outputs.output_root
        self._not_past = not_past
        self._client = client
        self._sender = sender
        self._options = options
        self._caught_up = caught_up
        self._proposed = proposed
        self._contracts: _Contracts | None = None
        self._games: dict[int, Game] = {}
        self._due_at: dict[int, int] = {}

    async def run(self) -> None:
        """Propose until cancelled. Raises what cannot be recovered from."""
        await self._caught_up.wait()
        while True:
            try:
                await self._turn()
            except StemmaError as error:
                if error.recovery is Recovery.STOP and not isinstance(error, DecodeError):
                    raise
                logger.warning("%s", error)
                self._sender.forget_nonce()
                # L1 may have been reorganised: ask anew for everything.
                self._contracts = None
            await asyncio.sleep(self._options.poll_s)

    async def _turn(self) -> None:
        if self._contracts is None:
            self._contracts = await self._find_contracts()
            if self._contracts is None:
                return
            self._games, self._due_at = {}, {}
            await self._find_games(self._contracts, limit=_GAMES_AT_START)
        now = await self._l1_time()
        requests = [
            await self._next_request(self._contracts, game, now)
            for game in list(self._games.values())
            if now >= self._due_at.get(game.index, 0)
        ]
        await self._send([request for request in requests if request is not None])
        await self._propose(self._contracts, now)

    async def _send(self, requests: list[L1Request]) -> None:
        """Send all, then wait for all. Raises L1TransactionFailed where one is not mined."""
        # A reorg may have taken earlier transactions, and their nonces with them.
        self._sender.forget_nonce()
        sent = [await self._sender.send(request) for request in requests]
        for pending in sent:
            try:
                await asyncio.wait_for(self._sender.wait(pending), _MINED_WITHIN_S)
            except TimeoutError:
                raise L1TransactionFailed(
                    f"L1 transaction {pending.hashes[0]} not mined in {_MINED_WITHIN_S:.0f} s"
                ) from None

    # Asking

    async def _l1_time(self) -> int:
        block = await self._client.call("eth_getBlockByNumber", "latest", False)
        return int(block["timestamp"], 16)

    async def _ask(self, *views: View) -> list[Any]:
        answers = await self._client.batch(
            [
                ("eth_call", ({"to": _hex(each.to), "data": _hex(each.data)}, "latest"))
                for each in views
            ]
        )
        return [
            each.read(bytes.fromhex(answer[2:]))
            for each, answer in zip(views, answers, strict=True)
        ]

    async def _find_contracts(self) -> _Contracts | None:
        """The contracts as they name each other; None while the portal is not on L1.

        Raises DecodeError while the others are not.
        """
        portal = self._config.deposit_contract_address
        if await self._client.call("eth_getCode", _hex(portal), "latest") == "0x":
            return None
        (registry,) = await self._ask(view(portal, "anchorStateRegistry()", "address"))
        factory, game_type, finality_s = await self._ask(
            view(registry, "disputeGameFactory()", "address"),
            view(registry, "respectedGameType()", "uint32"),
            view(registry, "disputeGameFinalityDelaySeconds()", "uint256"),
        )
        (implementation,) = await self._ask(
            view(factory, "gameImpls(uint32)", "address", game_type)
        )
        max_clock_s, weth = await self._ask(
            view(implementation, "maxClockDuration()", "uint64"),
            view(implementation, "weth()", "address"),
        )
        (bond_s,) = await self._ask(view(weth, "delay()", "uint256"))
        delays = GameDelays(max_clock_s, finality_s, bond_s)
        takes_inputs = await self._takes_inputs(implementation)
        return _Contracts(factory, registry, weth, game_type, delays, takes_inputs)

    async def _takes_inputs(self, implementation: Address) -> bool:
        """Whether a game is told what blocks are made of; else it asks a contract."""
        try:
            (at,) = await self._ask(view(implementation, "blockInputs()", "address"))
        except L1CallFailed:
            return True  # a game of before there was such a contract
        return bool(at == ZERO_ADDRESS)

    async def _find_games(self, contracts: _Contracts, limit: int) -> None:
        """Take this proposer's games among the newest into the list, in order."""
        (count,) = await self._ask(view(contracts.factory, "gameCount()", "uint256"))
        (results,) = await self._ask(
            latest_games(contracts.factory, contracts.game_type, count, limit)
        )
        games = read_games(results)
        creators = await self._ask(
            *(view(game.address, "gameCreator()", "address") for game in games)
        )
        self._games |= {
            game.index: game
            for game, creator in zip(reversed(games), reversed(creators), strict=True)
            if creator == self._sender.address
        }

    # Proposing

    async def _propose(self, contracts: _Contracts, now: int) -> None:
        heads = self._chain.heads
        head = heads.safe if self._options.allow_non_finalized else heads.finalized
        games = list(self._games.values())
        if games and now < games[-1].created_at + self._options.interval_s:
            return
        (_, anchor_number), bond = await self._ask(
            view(contracts.registry, "getAnchorRoot()", "bytes32,uint256"),
            view(contracts.factory, "initBonds(uint32)", "uint256", contracts.game_type),
        )
        # By L1's clock, which may be behind ours: a game about a later block would be refused.
        newest = min(head.number, self._config.number_by(now))
        number = proposal_due(
            newest, anchor_number, games, now, self._options.interval_s, self._not_past
        )
        if number is None:
            return
        # A false root is that of a whole trace, which takes its time.
        root = await asyncio.to_thread(self._root_of, number)
        inputs = None
        if contracts.takes_inputs:
            # All transactions since the anchor are hashed.
            inputs = await asyncio.to_thread(self._outputs.inputs_root, anchor_number + 1, number)
        data = create_game(contracts.game_type, root, number, inputs)
        await self._send([L1Request(contracts.factory, data, value_wei=bond)])
        self._proposed()
        logger.info("proposed an output root", extra={"l2_block": number, "root": root.hex()[:8]})
        await self._find_games(contracts, limit=_GAMES_AFTER_PROPOSAL)

    # Seeing through

    async def _next_request(self, contracts: _Contracts, game: Game, now: int) -> L1Request | None:
        """The call that a game needs now, if any; otherwise when to look at it again."""
        views = state_views(game.address, contracts.weth, self._sender.address)
        state = read_state(await self._ask(*views))
        due = next_action(game, state, contracts.delays)
        if due is None:
            self._forget(game)
        elif now < due.at:
            self._due_at[game.index] = due.at
        elif due.action is GameAction.LOOK_AGAIN:
            self._due_at[game.index] = now + contracts.delays.max_clock_s
        else:
            logger.info(_SAID[due.action], extra={"l2_block": game.l2_number})
            return L1Request(game.address, self._call(due.action))
        return None

    def _call(self, action: GameAction) -> bytes:
        if action is GameAction.RESOLVE_CLAIM:
            return encode_call("resolveClaim(uint256,uint256)", 0, 0)
        if action is GameAction.RESOLVE:
            return encode_call("resolve()")
        return encode_call("claimCredit(address)", self._sender.address)

    def _forget(self, game: Game) -> None:
        """Drop a game that is done with; the newest stays, for it dates the interval."""
        self._due_at[game.index] = _NEVER
        if game.index != max(self._games):
            del self._games[game.index], self._due_at[game.index]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
