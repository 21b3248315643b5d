"""A chain in memory with everything JSON-RPC needs, and a caller through the dispatcher."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chain.storage import ChainStore, MemoryStore
from chain.transaction import SignedTransaction
from chain.txpool import USER_TYPES
from evm.engine import ExecutionEngine
from evm.executor import ExecutionResult, PayloadAttributes
from evm.fees import next_base_fee
from evm.intrinsic_gas import minimum_gas
from genesis.allocation import dev_l1_genesis, genesis_block
from genesis.dev_accounts import dev_accounts
from node.chain_runtime import chain_namespaces
from node.rpc.backend import Backend, QueryLimits
from node.rpc.eth_filters import FilterNamespace
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext
from node.rpc.stemma import StemmaNamespace
from node.shared_pool import SharedPool

GENESIS_TIME = 1_700_000_000


class Recorder:
    """A WebSocket client that remembers what it was sent."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []

    def notify(self, message: dict[str, Any]) -> None:
        self.received.append(message)

    def results(self) -> list[Any]:
        return [message["params"]["result"] for message in self.received]


class RpcChain:
    """Plain Ethereum rules, funded development accounts, blocks on request."""

    def __init__(self, store: ChainStore | None = None) -> None:
        spec = dev_l1_genesis(GENESIS_TIME)
        store = store or ChainStore(MemoryStore())
        self.engine = ExecutionEngine.open(store, spec.config, genesis_block(spec))
        self.pool = SharedPool(
            chain_id=spec.config.chain_id,
            block_gas_limit=spec.gas_limit,
            minimum_gas=minimum_gas,
            accepted_types=USER_TYPES,
        )
        self.backend = Backend(
            self.engine,
            self.pool,
            QueryLimits(log_blocks=100, log_results=50),
            keys={account.address: account.private_key for account in dev_accounts()},
            namespaces=("eth",),
        )
        self.filters = FilterNamespace(self.backend)
        self.dispatcher = Dispatcher(
            [*chain_namespaces(self.backend), self.filters, StemmaNamespace(self.backend)],
            ThreadPoolExecutor(1),
            Limits(),
        )

    def raw(self, method: str, *params: Any, connection: Recorder | None = None) -> dict[str, Any]:
        """The whole answer."""
        context = RequestContext(connection)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        answer = asyncio.run(self.dispatcher.handle(body, context))
        for action in context.after:
            action()
        assert answer is not None
        return json.loads(answer)

    def call(self, method: str, *params: Any, connection: Recorder | None = None) -> Any:
        """The result; an error fails the test."""
        answer = self.raw(method, *params, connection=connection)
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, *params: Any) -> tuple[int, str]:
        """Code and message of the error that the call must give."""
        error = self.raw(method, *params)["error"]
        return error["code"], error["message"]

    def mine(
        self,
        forced: Sequence[SignedTransaction] = (),
        *,
        on: bytes | None = None,
        randao: bytes = bytes(32),
    ) -> ExecutionResult:
        """A block with what the pool has, on the head or, after a roll back, on another block."""
        parent = self.engine.header(on or self.engine.heads.unsafe.hash)
        assert parent is not None
        attributes = PayloadAttributes(
            parent_hash=parent.hash,
            timestamp=parent.timestamp + 1,
            prev_randao=randao,
            fee_recipient=bytes(20),
            gas_limit=parent.gas_limit,
            transactions=tuple(forced),
        )
        candidates = self.pool.pending(next_base_fee(self.engine.config, parent))
        result = self.engine.build(attributes, candidates)
        self.engine.commit(result)
        state = self.engine.state_at(result.header)
        self.pool.reset(lambda who: (state.get_nonce(who), state.get_balance(who)))
        self.backend.events.announce_head()
        return result
