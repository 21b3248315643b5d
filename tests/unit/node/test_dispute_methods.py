"""stemma_dispute methods: what they say of games on an L1, and of an L1 that does not answer."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from counter_machine import output_root
from dispute_bench import GameOnBench, new_game
from dispute_games import HONEST, LIAR

from chain.types import Address
from node.disputes import DisputeReader
from node.l1.json_rpc import L1Unreachable
from node.rpc.dispute import DisputeNamespace
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext
from rollup.dispute import bundle
from rollup.dispute.strategy import Move


class BenchClient:
    """The bench as an L1 that answers over JSON-RPC: the network between actors is the double."""

    def __init__(self, game: GameOnBench) -> None:
        self.game = game
        self.is_silent = False

    async def call(self, method: str, *params: Any) -> Any:
        if self.is_silent:
            raise L1Unreachable("nobody answers")
        bench = self.game.bench
        if method == "eth_getBlockByNumber":
            return {"number": "0x64", "timestamp": hex(bench.now)}
        to = Address(bytes.fromhex((params[0] if method == "eth_getCode" else params[0]["to"])[2:]))
        if method == "eth_getCode":
            return "0x" + bench.state.get_code(to).hex()
        outcome = bench.send(to, bytes.fromhex(params[0]["data"][2:]))
        assert outcome.succeeded, (method, params)
        return "0x" + outcome.output.hex()

    async def batch(self, calls: Any) -> list[Any]:
        return [await self.call(method, *params) for method, params in calls]


class Asked:
    """A dispatcher with the one namespace."""

    def __init__(self) -> None:
        self.game = new_game(output_root(4), 4, creator=HONEST, split=2, deepest=6)
        self.client = BenchClient(self.game)
        reader = DisputeReader(self.client, self.game.rollup.at.portal)
        self.dispatcher = Dispatcher(
            [DisputeNamespace(reader)], ThreadPoolExecutor(1), Limits(), prefixes=["stemma"]
        )

    def __call__(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = asyncio.run(self.dispatcher.handle(json.dumps(body), RequestContext()))
        return json.loads(answer)


@pytest.fixture
def ask() -> Asked:
    return Asked()


def test_games_are_listed_with_their_standing_and_bonds(ask: Asked) -> None:
    (row,) = ask("stemma_disputeGames")["result"]
    assert row["game"] == "0x" + ask.game.game.hex()
    assert (row["index"], row["l2_block"], row["claims"]) == (0, 4, 1)
    assert row["standing"] == "in progress, claim 0 can be answered for 1000 s"
    assert row["bonds_wei"] == str(ask.game.rollup.bond)


def test_a_game_is_told_in_words_and_exported(ask: Asked) -> None:
    assert ask.game.act(Move(0, True, output_root(1)), LIAR).succeeded
    for name in (0, "0", "0x" + ask.game.game.hex()):
        said = ask("stemma_disputeGame", name)["result"]
        assert len(said["claims"]) == 2
        assert "disagrees with 0, says: output root of L2 block 2 is" in said["claims"][1]
        assert said["summary"][1].startswith("they split on: claim 0, output root of L2 block 4")
    game = bundle.from_json(ask("stemma_disputeBundle", 0)["result"])
    assert game.claims == ask.game.read().claims
    assert bundle.check(game) == []


def test_no_such_game_a_bad_name_and_a_silent_l1_are_told_apart(ask: Asked) -> None:
    assert ask("stemma_disputeGame", 7)["error"]["code"] == -32001
    assert ask("stemma_disputeGame", "0x" + "77" * 20)["error"]["code"] == -32001
    assert ask("stemma_disputeGame", {})["error"]["code"] == -32602
    assert ask("stemma_disputeGame", "x")["error"]["code"] == -32002
    ask.client.is_silent = True
    assert ask("stemma_disputeGames")["error"] == {
        "code": -32002,
        "message": "L1: nobody answers",
    }
