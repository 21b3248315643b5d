"""The two halves of a rollup node as processes of their own, with the Engine API between them.

    ExecutionNode   a chain and its JSON-RPC; a consensus client decides what is executed
    ConsensusNode   derivation from L1; another execution client executes

Joined like the whole node in application.py, of the same parts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from chain.block import Block, Header
from chain.errors import Recovery, StemmaError
from chain.heads import Heads
from chain.storage import DataDirectory
from chain.transaction import DepositTransaction, Transaction
from chain.txpool import USER_TYPES, PoolError
from chain.types import Hash32
from evm.fees import next_base_fee
from genesis.allocation import GenesisSpec
from genesis.config import RollupConfig
from genesis.registry import chain_config_of
from rollup.batcher.batcher import Batcher
from rollup.driver.driver import Driver
from rollup.l1.provider import MemoryL1Provider
from rollup.sequencer.sequencer import Sealed, Sequencer

from .actors.batching import Batching
from .actors.clock import SystemClock
from .actors.deriving import Deriving
from .actors.following_l1 import FollowingL1
from .actors.sequencing import Sequencing
from .application import (
    READERS,
    STOP_S,
    batcher_config,
    handle_signals,
    prepare_process,
    run_until_stopped,
    stop_within,
)
from .chain_runtime import open_chain, open_store
from .config import NodeConfig
from .da.access import batcher_dispersal, data_access
from .engine_api.client import EngineApiClient
from .engine_api.execution import Execution
from .engine_api.jwt import bearer_check
from .engine_api.namespace import EngineNamespace
from .engine_api.payloads import Payload
from .engine_api.remote import RemoteEngine
from .l1.client import L1Follower, L1Source
from .l1.json_rpc import JsonRpcClient
from .l1.transactions import L1Sender
from .rpc import errors
from .rpc.admin import AdminNamespace
from .rpc.eth_transactions import raw_transactions
from .rpc.jsonrpc import Dispatcher, Limits
from .rpc.optimism import OptimismNamespace, RollupView
from .rpc.parameters import LATEST, BlockId
from .rpc.server import RpcServer, ServerOptions, human_page
from .run_file import forget_run_file
from .sender_recovery import SenderRecovery
from .writer import Writer

logger = logging.getLogger("stemma.node")

ENGINE_API = ("engine", "eth", "net", "web3", "debug")
_ENGINE_BODY_BYTES = 128 * 1024 * 1024
_FILL_S = 0.4
"""How long a block may take transactions for after it has been asked for: the caller waits."""

_CONNECT_PAUSE_S = 1.0
_Half = TypeVar("_Half", "ExecutionNode", "ConsensusNode")


class ExecutionNode:
    """A chain that another process drives."""

    def __init__(
        self,
        config: NodeConfig,
        genesis: GenesisSpec,
        secret: bytes,
        readers: ThreadPoolExecutor,
    ) -> None:
        """Open the chain; nothing listens before `start`. Needs a loop."""
        self._senders = SenderRecovery(config.node.sender_processes)
        self.chain = open_chain(
            config.datadir,
            genesis,
            "l2",
            config,
            accepted_types=USER_TYPES,
            keys={},
            senders=self._senders,
        )
        engine, pool, loop = self.chain.engine, self.chain.pool, asyncio.get_running_loop()
        execution = Execution(
            engine,
            lambda parent: pool.pending(next_base_fee(engine.config, parent)),
            lambda returned: loop.call_soon_threadsafe(self._moved, returned),
            _fill_time,
        )
        backend = self.chain.backend
        namespaces = [
            *self.chain.namespaces(),
            EngineNamespace(backend, execution, self.chain.writer),
        ]
        limits = self.chain.rpc_limits
        public = Dispatcher(
            namespaces,
            readers,
            limits,
            prefixes=config.rpc.api,
            before_batch=lambda items: self._senders.look_ahead(raw_transactions(items)),
        )
        private = Dispatcher(
            namespaces,
            readers,
            Limits(_ENGINE_BODY_BYTES, limits.batch_items, _ENGINE_BODY_BYTES),
            prefixes=ENGINE_API,
        )
        self.server = _server(config, "stemma execution", public)
        self.engine_server = RpcServer(
            private,
            ServerOptions(
                host=config.engine.host,
                port=config.engine.port,
                virtual_hosts=("*",),
                title="stemma engine API",
                refusal=lambda header: bearer_check(secret, header, time.time()),
            ),
        )

    async def start(self) -> None:
        """Listen. Raises AddressInUse."""
        await self.server.start()
        await self.engine_server.start()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """None: all that happens here is asked for."""
        return []

    async def stop(self) -> None:
        """Stop intake, finish the block under way, close the store."""
        await self.engine_server.stop()
        await self.server.stop()
        self.chain.close()
        self._senders.close()

    def _moved(self, returned: tuple[Transaction, ...]) -> None:
        """The heads are elsewhere: the pool and the listeners follow."""
        backend, pool = self.chain.backend, self.chain.pool
        state = backend.state(LATEST)
        pool.reset(lambda who: (state.get_nonce(who), state.get_balance(who)))
        for transaction in returned:
            if isinstance(transaction, DepositTransaction):
                continue
            try:
                backend.submit(transaction)
            except PoolError as error:
                logger.debug("not pooled again: %s", error)
        backend.events.announce_head()


def _fill_time() -> Callable[[], bool]:
    deadline = time.monotonic() + _FILL_S
    return lambda: time.monotonic() > deadline


@dataclass(frozen=True, slots=True)
class RemoteChain:
    """The other client's chain as the `optimism_` methods read it.

    It has a connection of its own: the driver's belongs to the driver's thread.
    """

    driven: RemoteEngine
    reader: RemoteEngine

    @property
    def heads(self) -> Heads:
        """The heads as the driver knows them."""
        return self.driven.known_heads

    def block(self, block_hash: Hash32) -> Block | None:
        """A block, canonical or not."""
        return self.reader.block(block_hash)

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number."""
        return self.reader.block_by_number(number)

    def resolve(self, block: BlockId) -> Header:
        """The header that an identifier means. Raises RpcError `header not found`."""
        heads = self.heads
        named = {"safe": heads.safe, "finalized": heads.finalized}.get(block.tag or "")
        if block.hash is not None:
            found = self.block(block.hash)
        elif block.number is not None or block.tag == "earliest":
            found = self.block_by_number(block.number or 0)
        else:
            found = self.block((named or heads.unsafe).hash)
        if found is None:
            raise errors.header_not_found()
        return found.header


@dataclass(frozen=True, slots=True)
class ConsensusKeys:
    """What the consensus half has to keep to itself; `batcher` is None without that role."""

    jwt_secret: bytes
    batcher: bytes | None = None


class ConsensusNode:
    """Derivation from L1, and if it is asked for sequencing and batching; another executes."""

    def __init__(
        self,
        config: NodeConfig,
        rollup: RollupConfig,
        keys: ConsensusKeys,
        readers: ThreadPoolExecutor,
    ) -> None:
        """Join the parts; nothing is asked of anybody before `start`. Needs a loop."""
        self._config = config
        self._rollup = rollup
        self.client = JsonRpcClient(config.l1.url)
        self.writer = Writer("l2-driver")
        self._store = open_store(config.datadir / "rollup", config.state, is_rollup=True)
        self._connections = [
            EngineApiClient(config.engine.url, keys.jwt_secret, time.time) for _ in range(2)
        ]
        chain_config = chain_config_of(rollup, rollup.genesis.system_config.gas_limit)
        self.engine, reader = (
            RemoteEngine(connection.call, chain_config, rollup.genesis.l2)
            for connection in self._connections
        )
        self._provider = MemoryL1Provider()
        source = L1Source(
            self.client,
            rollup.batch_inbox_address,
            config.l1.beacon_url or None,
            config.l1.finality_blocks,
            config.l1.trust_rpc,
        )
        self._da = data_access(rollup, config.da)
        self._follower = follower = L1Follower(
            source,
            self._provider,
            self.writer.run,
            None if self._da is None else self._da.blob,
        )
        confirmations = config.rollup.verifier_confirmations
        self._driver = Driver(
            rollup,
            self._provider,
            self.engine,
            self._store,
            confirmation_depth=confirmations,
        )
        self._l1_moved = asyncio.Event()
        self._following = FollowingL1(follower, self._l1_moved, config.l1.poll_s)
        self._deriving = Deriving(
            self._driver,
            follower,
            self.writer,
            self._l1_moved,
            lambda _: None,
            lambda: None,
            confirmations=confirmations,
        )
        self._chain = chain = RemoteChain(self.engine, reader)
        self._sequencing = self._make_sequencing() if "sequencer" in config.node.roles else None
        self._batching: Batching | None = None
        if keys.batcher is not None:
            self._batching = self._make_batching(keys.batcher)
        dispatcher = Dispatcher(
            [
                OptimismNamespace(chain, RollupView(rollup, self._driver, self._provider)),
                AdminNamespace(self._sequencing, self._reset_derivation, self._insert_unsafe),
            ],
            readers,
            Limits(),
            prefixes=config.rpc.api,
        )
        self.server = _server(config, "stemma consensus", dispatcher)
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Wait for the execution client, then listen and derive. Raises EngineAnswerInvalid."""
        self.client.open()
        if self._da is not None:
            self._da.open()
        while True:
            try:
                await self.writer.run(self.engine.require_chain)
                break
            except StemmaError as error:
                if error.recovery is not Recovery.RETRY:
                    raise
                logger.warning("%s", error)
                await asyncio.sleep(_CONNECT_PAUSE_S)
        await self.server.start()
        loops = [self._following.run(), self._deriving.run()]
        loops += [actor.run() for actor in (self._sequencing, self._batching) if actor is not None]
        self.tasks = [asyncio.create_task(loop) for loop in loops]

    def _make_sequencing(self) -> Sequencing:
        depth = self._config.rollup.sequencer_confirmations
        return Sequencing(
            Sequencer(self._rollup, self._provider, self.engine, confirmation_depth=depth),
            self.writer,
            SystemClock(),
            self._rollup.block_time,
            caught_up=self._deriving.caught_up,
            sealed=_log_sealed,
            reset=self._driver.request_reset,
            fetch=self._follower.fetch_missing,
            is_active=not self._config.sequencer.stopped,
        )

    def _make_batching(self, key: bytes) -> Batching:
        form = batcher_config(self._config)
        return Batching(
            self._rollup,
            Batcher(self._rollup, form, self._rollup.genesis.l2),
            self._chain,
            self._driver,
            self._provider,
            L1Sender(self.client, key, self._rollup.l1_chain_id),
            caught_up=self._deriving.caught_up,
            poll_s=self._config.batcher.poll_s,
            posted=lambda: None,
            disperse=batcher_dispersal(self._config, self._da),
        )

    async def stop(self) -> None:
        """Stop intake and the actors after the step under way."""
        await self.server.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.client.close()
        if self._da is not None:
            await self._da.close()
        self.writer.close()
        for connection in self._connections:
            connection.close()
        self._store.close()

    async def _reset_derivation(self) -> None:
        await self.writer.run(self._driver.request_reset)
        self._l1_moved.set()

    async def _insert_unsafe(self, payload: Payload) -> None:
        await self.writer.run(lambda: self.engine.insert(payload.block))


def _log_sealed(result: Sealed, seconds: float) -> None:
    header = result.block.header
    logger.info(
        "sealed",
        extra={
            "number": header.number,
            "hash": header.hash.hex()[:8],
            "txs": len(result.block.transactions),
            "ms": round(seconds * 1000),
        },
    )


def _server(config: NodeConfig, title: str, dispatcher: Dispatcher) -> RpcServer:
    rpc = config.rpc
    return RpcServer(
        dispatcher,
        ServerOptions(
            host=rpc.host,
            port=rpc.port,
            cors_origins=rpc.cors,
            virtual_hosts=rpc.vhosts,
            title=title,
            page=lambda: human_page(title, [], dispatcher.method_names),
        ),
    )


async def run_execution(
    config: NodeConfig, genesis: GenesisSpec, secret: bytes, ready: Callable[[ExecutionNode], None]
) -> None:
    """Run role execution until a signal; `ready` hears when it answers."""
    await _run(config, lambda readers: ExecutionNode(config, genesis, secret, readers), ready)


async def run_consensus(
    config: NodeConfig,
    rollup: RollupConfig,
    keys: ConsensusKeys,
    ready: Callable[[ConsensusNode], None],
) -> None:
    """Run the roles over another execution client until a signal or failure."""
    await _run(config, lambda readers: ConsensusNode(config, rollup, keys, readers), ready)


async def _run(
    config: NodeConfig,
    make: Callable[[ThreadPoolExecutor], _Half],
    ready: Callable[[_Half], None],
) -> None:
    prepare_process()
    stopping = asyncio.Event()
    handle_signals(stopping)
    with DataDirectory(config.datadir) as directory:
        forget_run_file(directory.path)
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="rpc-reader")
        node = make(readers)
        try:
            if await _started(node, stopping):
                ready(node)
                await run_until_stopped(node.tasks, stopping)
        finally:
            await stop_within(STOP_S, node.stop())
            readers.shutdown(wait=False, cancel_futures=True)


async def _started(node: ExecutionNode | ConsensusNode, stopping: asyncio.Event) -> bool:
    """Start a node, which may wait for another; False where a signal comes first."""
    starting = asyncio.create_task(node.start())
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not starting.done():
        starting.cancel()
        return False
    starting.result()
    return True
