"""The bench as an L1 and an engine as an L2 that both answer over JSON-RPC, in this process.

Only the line between a command and its nodes is ours.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dispute_bench import GameOnBench

from chain.types import Address
from evm.engine import ExecutionEngine
from node.disputes import DisputeReader
from node.l1.json_rpc import L1CallFailed, L1Unreachable
from node.rpc.dispute import DisputeNamespace
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext
from node.step_words import StepTeller

MOST_GAS = 10**6


class BenchClient:
    """The bench as an L1."""

    def __init__(self, game: GameOnBench) -> None:
        self.game = game
        self.is_silent = False

    async def call(self, method: str, *params: Any) -> Any:
        if self.is_silent:
            raise L1Unreachable("nobody answers")
        bench = self.game.bench
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            return {"number": "0x64", "timestamp": hex(bench.now)}
        if method in ("eth_getBlockByHash", "eth_getBlockByNumber"):
            return self._block(params[0])
        to = Address(bytes.fromhex((params[0] if method == "eth_getCode" else params[0]["to"])[2:]))
        if method == "eth_getCode":
            return "0x" + bench.state.get_code(to).hex()
        outcome = bench.send(to, bytes.fromhex(params[0]["data"][2:]))
        assert outcome.succeeded, (method, params)
        return "0x" + outcome.output.hex()

    def _block(self, name: str) -> dict[str, str] | None:
        """A block before the bench's one, by hash or number."""
        context = self.game.bench.state.execution_context
        for depth, block_hash in enumerate(context.prev_hashes, start=1):
            block = {"number": hex(0x64 - depth), "hash": "0x" + block_hash.hex()}
            if name in block.values():
                return block
        return None

    async def batch(self, calls: Any) -> list[Any]:
        return [await self.call(method, *params) for method, params in calls]


class NodeOnBench:
    """A node's dispute methods over that L1 and over its own chain."""

    def __init__(self, game: GameOnBench, chain: ExecutionEngine) -> None:
        self.client = BenchClient(game)
        reader = DisputeReader(self.client, game.rollup.at.portal)
        self.dispatcher = Dispatcher(
            [DisputeNamespace(reader, StepTeller(chain, MOST_GAS))],
            ThreadPoolExecutor(1),
            Limits(),
            prefixes=["stemma"],
        )

    def __call__(self, method: str, *params: Any) -> Any:
        """The whole answer to one request."""
        return asyncio.run(self.answer(method, *params))

    async def answer(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return json.loads(await self.dispatcher.handle(json.dumps(body), RequestContext()))

    async def call(self, method: str, *params: Any) -> Any:
        """The result alone, as a client gives it."""
        answer = await self.answer(method, *params)
        if (error := answer.get("error")) is not None:
            raise L1CallFailed(method, error["code"], error["message"])
        return answer["result"]
