"""A real L2 in this process, without sockets or clocks: every transaction has its block at once.

The engine, the pool and the JSON-RPC namespaces are the node's own. Only the way between a client
and its node is ours: `is_down` cuts it, `drop_answer_to` loses the answer to one call.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from execution import KEYS, USERS, attributes, engine

from ai.worker.client import Account, ChainClient, NodeUnreachable, RpcError
from chain.txpool import USER_TYPES
from evm.intrinsic_gas import minimum_gas
from node.rpc.backend import Backend, QueryLimits
from node.rpc.eth_blocks import BlockNamespace
from node.rpc.eth_filters import FilterNamespace
from node.rpc.eth_state import StateNamespace
from node.rpc.eth_transactions import TransactionNamespace
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext
from node.shared_pool import SharedPool


class LocalChain(ChainClient):
    """A client whose node is the process it runs in."""

    def __init__(self, log_blocks: int = 10_000) -> None:
        super().__init__("local chain")
        self.engine = engine()
        self.pool = SharedPool(
            chain_id=self.engine.config.chain_id,
            block_gas_limit=30_000_000,
            minimum_gas=minimum_gas,
            accepted_types=USER_TYPES,
        )
        backend = Backend(self.engine, self.pool, QueryLimits(log_blocks=log_blocks))
        kinds = (BlockNamespace, StateNamespace, TransactionNamespace, FilterNamespace)
        self._dispatcher = Dispatcher(
            [kind(backend) for kind in kinds], ThreadPoolExecutor(1), Limits()
        )
        self.is_down = False
        self.drop_answer_to = ""
        self.asked: list[str] = []

    async def rpc(self, method: str, *params: object) -> Any:
        if self.is_down:
            raise NodeUnreachable(f"{self.url}: {method}: the line is cut")
        self.asked.append(method)
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        raw = await self._dispatcher.handle(json.dumps(body), RequestContext())
        assert raw is not None
        answer = json.loads(raw)
        if (problem := answer.get("error")) is not None:
            raise RpcError(method, problem["code"], problem["message"], problem.get("data"))
        if method == "eth_sendRawTransaction":
            self.mine()
        if method == self.drop_answer_to:
            self.drop_answer_to = ""
            raise NodeUnreachable(f"{self.url}: {method}: the answer was lost")
        return answer["result"]

    def mine(self, seconds: int = 2) -> None:
        """Seal what the pool holds, `seconds` after the last block."""
        head = self.engine.header(self.engine.heads.unsafe.hash)
        wanted = attributes(self.engine, timestamp=head.timestamp + seconds)
        result = self.engine.build(wanted, self.pool.pending(head.base_fee_per_gas))
        self.engine.commit(result)
        state = self.engine.state_at(result.header)
        self.pool.reset(lambda who: (state.get_nonce(who), state.get_balance(who)))

    @property
    def time(self) -> int:
        """The head's timestamp."""
        return self.engine.header(self.engine.heads.unsafe.hash).timestamp

    def account(self, number: int) -> Account:
        """One of the funded accounts."""
        assert number < len(USERS)
        return Account(self, KEYS[number])
