"""Dispute games as L1 tells of them, over JSON-RPC: for actors, commands and RPC methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chain.errors import StemmaError
from chain.types import Address, to_address
from rollup.challenger.plan import BondDelays
from rollup.challenger.reading import (
    CreditState,
    claim_views,
    credit_views,
    head_views,
    read_credit,
    read_game,
    read_head,
    read_inputs,
)
from rollup.dispute.game import Game
from rollup.dispute.split import agreed_roots
from rollup.l1.calls import View, encode_call, view

from .l1.json_rpc import JsonRpcClient

_PAGE = 128
_BATCH = 200
_SEARCH = "(uint256,bytes32,uint64,bytes32,bytes)[]"


@dataclass(frozen=True, slots=True)
class DisputeContracts:
    """The contracts as they name each other."""

    factory: Address
    weth: Address
    game_type: int
    delays: BondDelays


@dataclass(frozen=True, slots=True)
class ListedGame:
    """A game as the factory lists it."""

    index: int
    address: Address
    created_at: int


@dataclass(frozen=True, slots=True)
class L1Moment:
    """An L1 block: everything of one reading is asked as of it."""

    number: int
    timestamp: int


class NoContracts(StemmaError):
    """The settlement contracts are not on this L1."""


class DisputeReader:
    """Reads games; keeps nothing."""

    def __init__(self, client: JsonRpcClient, portal: Address) -> None:
        """`portal` is the OptimismPortal, which names the other contracts."""
        self._client = client
        self._portal = portal

    async def now(self) -> L1Moment:
        """L1's head."""
        block = await self._client.call("eth_getBlockByNumber", "latest", False)
        return L1Moment(int(block["number"], 16), int(block["timestamp"], 16))

    async def l1_number(self, block_hash: bytes) -> int | None:
        """The number of an L1 block; None where L1 does not have it, or no more."""
        block = await self._client.call("eth_getBlockByHash", _hex(block_hash), False)
        if block is None:
            return None
        number = int(block["number"], 16)
        canonical = await self._client.call("eth_getBlockByNumber", hex(number), False)
        same = canonical is not None and canonical["hash"] == block["hash"]
        return number if same else None

    async def contracts(self) -> DisputeContracts | None:
        """The contracts; None while the portal is not on L1. Raises DecodeError, L1CallFailed."""
        if await self._client.call("eth_getCode", _hex(self._portal), "latest") == "0x":
            return None
        (registry,) = await self.ask([view(self._portal, "anchorStateRegistry()", "address")])
        factory, game_type, finality_s = await self.ask(
            [
                view(registry, "disputeGameFactory()", "address"),
                view(registry, "respectedGameType()", "uint32"),
                view(registry, "disputeGameFinalityDelaySeconds()", "uint256"),
            ]
        )
        (game,) = await self.ask([view(factory, "gameImpls(uint32)", "address", game_type)])
        (weth,) = await self.ask([view(game, "weth()", "address")])
        (bond_s,) = await self.ask([view(weth, "delay()", "uint256")])
        return DisputeContracts(factory, weth, game_type, BondDelays(finality_s, bond_s))

    async def contracts_or_fail(self) -> DisputeContracts:
        """The contracts. Raises NoContracts where the portal is not on L1."""
        contracts = await self.contracts()
        if contracts is None:
            raise NoContracts(f"no contract at {_hex(self._portal)}: is this the right L1?")
        return contracts

    async def find(self, name: str, at: L1Moment) -> Address | None:
        """The game of an index at the factory, or of an address; None where there is none."""
        contracts = await self.contracts_or_fail()
        if name.isascii() and name.isdigit():
            (count,) = await self.ask([view(contracts.factory, "gameCount()", "uint256")], at)
            if int(name) >= count:
                return None
            question = view(
                contracts.factory, "gameAtIndex(uint256)", "uint32,uint64,address", int(name)
            )
            ((_, _, address),) = await self.ask([question], at)
            return Address(address)
        address = to_address(name)
        code = await self._client.call("eth_getCode", _hex(address), hex(at.number))
        return None if code == "0x" else address

    async def games(
        self, contracts: DisputeContracts, at: L1Moment, limit: int
    ) -> list[ListedGame]:
        """The newest games, newest first; at most `limit`."""
        (count,) = await self.ask([view(contracts.factory, "gameCount()", "uint256")], at)
        found: list[ListedGame] = []
        start = count - 1
        while start >= 0 and len(found) < limit:
            wanted = min(_PAGE, limit - len(found))
            call = encode_call(
                "findLatestGames(uint32,uint256,uint256)", contracts.game_type, start, wanted
            )
            (results,) = await self.ask([View(contracts.factory, call, (_SEARCH,))], at)
            if not results:
                break
            found += [
                ListedGame(index, Address(metadata[12:]), timestamp)
                for index, metadata, timestamp, _, _ in results
            ]
            start = found[-1].index - 1
        return found

    async def game(self, address: Address, at: L1Moment) -> Game:
        """A whole game, with what L1 has computed of its inputs."""
        head = read_head(address, await self.ask(head_views(address), at))
        game = read_game(head, await self.ask(claim_views(head), at))
        if game.subject.inputs_root is None and (agreed := agreed_roots(game)):
            block_inputs = await self.block_inputs(address, at)
            views = [view(block_inputs, "inputsRoot(bytes32)", "bytes32", root) for root in agreed]
            read_inputs(game, agreed, await self.ask(views, at))
        return game

    async def block_inputs(self, game: Address, at: L1Moment) -> Address:
        """The contract that computes what the blocks of a game are made of; zero for none."""
        return Address((await self.ask([view(game, "blockInputs()", "address")], at))[0])

    async def credit(
        self, contracts: DisputeContracts, game: Address, account: Address, at: L1Moment
    ) -> CreditState:
        """How an account stands with a game's bonds."""
        return read_credit(await self.ask(credit_views(game, contracts.weth, account), at))

    async def ask(self, views: Sequence[View], at: L1Moment | None = None) -> list[Any]:
        """Put questions, in batches of a bounded size."""
        tag = "latest" if at is None else hex(at.number)
        answers: list[Any] = []
        for start in range(0, len(views), _BATCH):
            answers += await self._client.batch(
                [
                    ("eth_call", ({"to": _hex(each.to), "data": _hex(each.data)}, tag))
                    for each in views[start : start + _BATCH]
                ]
            )
        return [
            each.read(bytes.fromhex(answer[2:]))
            for each, answer in zip(views, answers, strict=True)
        ]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
