"""An execution client that answers the Engine API without a socket, and our driver's way to it."""

from __future__ import annotations

import asyncio
import itertools
import json
from concurrent.futures import ThreadPoolExecutor

from actors import L2Node, SequencerActor, World

from chain.storage.chain_store import ChainStore
from chain.storage.memory import MemoryStore
from chain.txpool import USER_TYPES
from evm.engine import ExecutionEngine
from evm.fees import next_base_fee
from evm.intrinsic_gas import minimum_gas
from genesis.allocation import genesis_block
from node.chain_runtime import chain_namespaces
from node.engine_api.client import EngineCallFailed
from node.engine_api.execution import Execution
from node.engine_api.namespace import EngineNamespace
from node.engine_api.remote import RemoteEngine
from node.rpc.backend import Backend, QueryLimits
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext
from node.shared_pool import SharedPool
from rollup.driver.driver import Driver


class InlineWriter:
    """The writer's thread, were it this one."""

    async def run(self, action):
        return action()


class ExecutionClient:
    """An L2 chain behind JSON-RPC: `call` is what a consensus client sees of it."""

    def __init__(self, spec, kv=None):
        self._open(spec.config, genesis_block(spec), kv)

    @classmethod
    def over(cls, config, genesis):
        """A client of any chain: its config, its first block and state."""
        client = cls.__new__(cls)
        client._open(config, genesis, None)
        return client

    def _open(self, config, genesis, kv):
        self.kv = kv or MemoryStore()
        self.engine = ExecutionEngine.open(ChainStore(self.kv), config, genesis)
        self.pool = SharedPool(
            chain_id=config.chain_id,
            block_gas_limit=genesis[0].header.gas_limit,
            minimum_gas=minimum_gas,
            accepted_types=USER_TYPES,
        )
        self.backend = Backend(self.engine, self.pool, QueryLimits())
        self.returned = []
        self.execution = Execution(
            self.engine,
            lambda parent: self.pool.pending(next_base_fee(self.engine.config, parent)),
            self.returned.extend,
            lambda: lambda: False,
        )
        self.namespace = EngineNamespace(self.backend, self.execution, InlineWriter())
        self._readers = ThreadPoolExecutor(1)
        self.dispatcher = Dispatcher(
            [*chain_namespaces(self.backend), self.namespace], self._readers, Limits()
        )
        self._loop = asyncio.new_event_loop()
        self._ids = itertools.count(1)
        self.calls = []

    def close(self):
        self._readers.shutdown()
        self._loop.close()

    def raw(self, method, *params):
        """The whole answer."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        self.calls.append(method)
        answer = self._loop.run_until_complete(
            self.dispatcher.handle(json.dumps(body), RequestContext())
        )
        return json.loads(answer)

    def call(self, method, *params):
        """The result, as `EngineApiClient.call` gives it."""
        answer = self.raw(method, *params)
        if "error" in answer:
            error = answer["error"]
            raise EngineCallFailed(method, error["code"], error["message"], error.get("data"))
        return answer["result"]

    def error(self, method, *params):
        """Code, message and details of the error that the call must give."""
        error = self.raw(method, *params)["error"]
        return error["code"], error["message"], (error.get("data") or {}).get("err", "")


class EngineApiNode(L2Node):
    """A verifier whose execution runs elsewhere: its driver speaks the Engine API."""

    def __init__(self, config, spec, miner, *, kv=None):
        super().__init__(config, spec, miner)
        self.client = ExecutionClient(spec, kv=kv)
        self.kv = self.client.kv
        self.engine = RemoteEngine(self.client.call, spec.config, config.genesis.l2)
        self.engine.require_chain()
        self.driver = Driver(config, self.l1.provider, self.engine, self.client.engine.store)

    @property
    def state(self):
        return self.client.engine.state_at(self.unsafe.header)


class TwoEngineWorld(World):
    """A world with a second verifier, which drives its execution through the Engine API.

    Both verifiers read the same L1, and have to come to the same chain by the same steps.
    """

    def __post_init__(self):
        super().__post_init__()
        self.split_verifier = EngineApiNode(self.config, self.spec, self.miner)

    def derive(self, **options):
        """Derive on both verifiers. Returns the safe block."""
        block = self.verifier.derive(**options)
        other = self.split_verifier.derive(**options)
        assert other.hash == block.hash
        assert self.split_verifier.steps == self.verifier.steps
        assert self.split_verifier.engine.heads == self.verifier.engine.heads
        assert self.split_verifier.client.engine.heads == self.verifier.engine.heads
        return block


__all__ = ["EngineApiNode", "ExecutionClient", "InlineWriter", "SequencerActor", "TwoEngineWorld"]
