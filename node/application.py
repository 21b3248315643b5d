"""The composition root: the only place where parts are joined into a running node.

    embedded L1 (dev) ─ JSON-RPC ─┐
    any L1 by --l1-url ───────────┴→ L1Follower → provider → driver, sequencer, batcher, proposer
                                                     │
    JSON-RPC ← Backend ← ExecutionEngine ←───────────┘   (all writes in one thread)

Every actor is a task; one that fails takes the node down with its error, for a half-dead node
misleads whoever relies on it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from chain.storage import DataDirectory
from chain.transaction import DepositTransaction, Transaction
from chain.txpool import USER_TYPES, PoolError
from chain.types import Address
from genesis.addresses import NATIVE_PRECOMPILES, PREDEPLOYS
from genesis.allocation import GenesisSpec
from genesis.config import RollupConfig
from genesis.dev_accounts import dev_account, dev_accounts
from rollup.batcher.batcher import Batcher
from rollup.batcher.payload import BatcherConfig, BatchType, DataKind
from rollup.dispute.faults import Fault, OneLie
from rollup.dispute.outputs import ChainOutputs
from rollup.dispute.trace import SplitTrace, TraceProvider
from rollup.driver.driver import Driver
from rollup.l1.provider import MemoryL1Provider
from rollup.sequencer.pool_builder import PoolBuilder
from rollup.sequencer.sequencer import Sealed, Sequencer
from rollup.wire.compression import Compression

from .actors.batching import Batching
from .actors.challenging import ChallengerOptions, Challenging
from .actors.clock import Clock, DevClock, SystemClock
from .actors.deriving import Deriving
from .actors.following_l1 import FollowingL1
from .actors.group import ActorGroup
from .actors.proposing import ProposerOptions, Proposing
from .actors.proving import ProvingInputs
from .actors.sequencing import Sequencing
from .chain_runtime import ChainRuntime, open_chain
from .config import LOOPBACK_HOSTS, ConfigurationError, NodeConfig, with_settings
from .da.access import CommitteeAccess, batcher_dispersal, data_access
from .da.cell_network import carriers_of
from .dev_snapshots import NetworkSnapshots
from .disputes import DisputeReader
from .embedded_l1 import CLIENT_NAME, EmbeddedL1
from .engine_api.payloads import Payload
from .health import HealthProbe
from .l1.client import L1Follower, L1Source
from .l1.dev_l1 import DevL1
from .l1.json_rpc import JsonRpcClient
from .l1.transactions import L1Sender
from .metrics import Metrics
from .network import Network, make_network
from .provisioning import (
    Founded,
    contract_addresses,
    deploy_contracts,
    found,
    fund_roles,
    refuse_public_bind,
)
from .rpc.admin import AdminNamespace
from .rpc.dev_l2 import DevL2Namespace, SnapshotsRefused
from .rpc.dispute import DisputeNamespace
from .rpc.eth_transactions import raw_transactions
from .rpc.joining import JoiningNamespace, come_again, not_ready
from .rpc.jsonrpc import Dispatcher
from .rpc.jsonrpc import Limits as RpcLimits
from .rpc.optimism import OptimismNamespace, RollupView
from .rpc.p2p import P2PNamespace
from .rpc.parameters import LATEST
from .rpc.server import RpcServer, ServerOptions, human_page
from .rpc.stemma import StemmaNamespace
from .run_file import forget_run_file
from .sender_recovery import SenderRecovery
from .snapshot.join import Place, Telling, join_by_snapshot
from .snapshot.standing import Standing
from .specification_files import GENESIS_FILE, ROLLUP_FILE
from .step_words import StepTeller

logger = logging.getLogger("stemma.node")

READERS = 4
_SWITCH_INTERVAL_S = 0.001
_GARBAGE_THRESHOLDS = (20_000, 50, 100)
STOP_S = 9.0
_FORCED_EXIT = 130
_MAX_LAG_BLOCKS = 20
_ANVIL = "anvil"


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What a rollup node is made from, besides its configuration."""

    rollup: RollupConfig
    genesis: GenesisSpec
    l1_url: str
    datadir: Path
    batcher_key: bytes | None = None
    proposer_key: bytes | None = None
    signer_key: bytes | None = None
    """Signs gossiped blocks: SystemConfig.unsafeBlockSigner has its address."""

    challenger_key: bytes | None = None
    fault: Fault | None = None
    signing_keys: dict[Address, bytes] | None = None
    is_development: bool = False
    embedded_l1: DevL1 | None = None


class RollupNode:
    """The L2 side of a node: one chain, its roles, its server."""

    def __init__(
        self,
        config: NodeConfig,
        parts: NodeParts,
        clock: Clock,
        readers: ThreadPoolExecutor,
        metrics: Metrics,
    ) -> None:
        """Open the chain and join the parts; nothing runs before `start`."""
        self._config = config
        self._parts = parts
        self._clock = clock
        self._metrics = metrics
        self.is_sequencing = "sequencer" in config.node.roles
        self._senders = SenderRecovery(config.node.sender_processes)
        self.chain: ChainRuntime = open_chain(
            parts.datadir,
            parts.genesis,
            "l2",
            config,
            accepted_types=USER_TYPES,
            keys=parts.signing_keys or {},
            takes_transactions=self.is_sequencing or bool(config.p2p.listen),
            senders=self._senders,
        )
        self.client = JsonRpcClient(parts.l1_url)
        self._provider = MemoryL1Provider()
        self._source = L1Source(
            self.client,
            parts.rollup.batch_inbox_address,
            config.l1.beacon_url or None,
            config.l1.finality_blocks,
            config.l1.trust_rpc,
        )
        self._da = data_access(parts.rollup, config.da)
        self._follower = L1Follower(
            self._source,
            self._provider,
            self.chain.writer.run,
            None if self._da is None else self._da.blob,
        )
        confirmations = config.rollup.verifier_confirmations
        self._driver = Driver(
            parts.rollup,
            self._provider,
            self.chain.engine,
            self.chain.store,
            confirmation_depth=confirmations,
        )
        self._l1_moved = asyncio.Event()
        self._following = FollowingL1(self._follower, self._l1_moved, config.l1.poll_s)
        self._deriving = Deriving(
            self._driver,
            self._follower,
            self.chain.writer,
            self._l1_moved,
            self._progressed,
            metrics.derivation_resets.inc,
            confirmations=confirmations,
        )
        self._sequencing = self._make_sequencing() if self.is_sequencing else None
        self._network = self._make_network(readers) if config.p2p.listen else None
        self._probe = self._health_probe()
        self._actors = ActorGroup(self._loops)
        self._l1_senders: list[L1Sender] = []
        self.server = self._make_server(readers)
        self._tasks: list[asyncio.Future[None]] = []

    # Joining

    def _make_server(self, readers: ThreadPoolExecutor) -> RpcServer:
        backend = self.chain.backend
        view = RollupView(self._parts.rollup, self._driver, self._provider)
        namespaces = [
            *self.chain.namespaces(),
            OptimismNamespace(backend, view),
            StemmaNamespace(backend),
            DisputeNamespace(
                DisputeReader(self.client, self._parts.rollup.deposit_contract_address),
                StepTeller(self.chain.engine, self._config.limits.call_gas),
            ),
            AdminNamespace(self._sequencing, self._reset_derivation, self._insert_unsafe),
        ]
        prefixes = [*self._config.rpc.api]
        if self._network is not None:
            namespaces.append(P2PNamespace(self._network.server))
            prefixes += ["opp2p"] if self._config.rpc.host in LOOPBACK_HOSTS else []
        if isinstance(self._clock, DevClock) and self._parts.embedded_l1 is not None:
            namespaces.append(self._dev_namespace(self._clock, self._parts.embedded_l1))
            prefixes += ["evm", "anvil", "admin"]
        elif self._parts.is_development:
            namespaces.append(SnapshotsRefused())
            prefixes += ["evm", "anvil"]
        dispatcher = Dispatcher(
            namespaces,
            readers,
            self.chain.rpc_limits,
            self._metrics.observe_rpc,
            prefixes=prefixes,
            before_batch=lambda items: self._senders.look_ahead(raw_transactions(items)),
        )
        rpc = self._config.rpc
        rows = [
            ("chain", str(backend.chain_id)),
            ("roles", ", ".join(self._config.node.roles)),
            ("L1", self._parts.l1_url),
        ]
        return RpcServer(
            dispatcher,
            ServerOptions(
                host=rpc.host,
                port=rpc.port,
                cors_origins=rpc.cors,
                virtual_hosts=rpc.vhosts,
                title="stemma L2",
                page=lambda: human_page("stemma L2", rows, dispatcher.method_names),
                health=self._probe.look,
                metrics=self._render_metrics,
            ),
        )

    def _dev_namespace(self, clock: DevClock, l1: DevL1) -> DevL2Namespace:
        chain = self.chain
        snapshots = NetworkSnapshots(
            l1,
            chain,
            self._driver,
            actors=self._actors,
            senders=lambda: self._l1_senders,
            poll_l1=self._follower.poll,
        )
        block_time_s = self._parts.rollup.block_time
        return DevL2Namespace(chain.backend, clock, chain.writer, block_time_s, snapshots)

    def _health_probe(self) -> HealthProbe:
        return HealthProbe(
            datadir=self._parts.datadir,
            now=self._clock.now,
            head_timestamp=lambda: self.chain.backend.head().timestamp,
            block_time_s=self._parts.rollup.block_time,
            is_sequencing=self.is_sequencing,
            l1_silent_s=self._following.silent_s,
            l1_lag_blocks=self._l1_lag,
            max_lag_blocks=_MAX_LAG_BLOCKS,
        )

    def _l1_lag(self) -> int:
        origin, head = self._driver.l1_origin, self._provider.head()
        if head is None:
            return 0
        return head.number - (
            self._parts.rollup.genesis.l1.number if origin is None else origin.number
        )

    def _render_metrics(self) -> bytes:
        metrics, heads = self._metrics, self.chain.engine.heads
        for kind in ("unsafe", "safe", "finalized"):
            metrics.head_number.labels("l2", kind).set(getattr(heads, kind).number)
        metrics.head_age_seconds.set(
            max(0.0, self._clock.now() - self.chain.backend.head().timestamp)
        )
        metrics.l1_lag_blocks.set(self._l1_lag())
        metrics.observe_store("l2", self.chain.store)
        status = self.chain.pool.status()
        metrics.pool_transactions.labels("pending").set(status.pending)
        metrics.pool_transactions.labels("queued").set(status.queued)
        metrics.ws_clients.set(self.server.websocket_clients)
        metrics.disk_free_bytes.set(self._probe.free_bytes())
        return metrics.render()

    def _make_sequencing(self) -> Sequencing:
        sequencer = Sequencer(
            self._parts.rollup,
            self._provider,
            PoolBuilder(
                self.chain.engine,
                self.chain.pool,
                is_for_inbox=self._parts.rollup.has_inbox_contract,
            ),
            confirmation_depth=self._config.rollup.sequencer_confirmations,
        )
        return Sequencing(
            sequencer,
            self.chain.writer,
            self._clock,
            self._parts.rollup.block_time,
            caught_up=self._deriving.caught_up,
            sealed=self._sealed,
            reset=self._driver.request_reset,
            fetch=self._follower.fetch_missing,
            is_active=not self._config.sequencer.stopped,
        )

    def _batching(self) -> Batching:
        key = self._parts.batcher_key
        if key is None:
            raise ConfigurationError("role batcher needs a key: set batcher.key_file")
        form = batcher_config(self._config)
        batcher = Batcher(self._parts.rollup, form, self.chain.engine.heads.safe)
        return Batching(
            self._parts.rollup,
            batcher,
            self.chain.engine,
            self._driver,
            self._provider,
            self._l1_sender(key),
            caught_up=self._deriving.caught_up,
            poll_s=self._config.batcher.poll_s,
            posted=self._metrics.batches_posted.inc,
            disperse=batcher_dispersal(self._config, self._da),
        )

    def _proposing(self) -> list[Coroutine[Any, Any, None]]:
        """The proposer, and the one who defends what it has proposed."""
        key = self._parts.proposer_key
        if key is None:
            raise ConfigurationError("role proposer needs a key: set proposer.key_file")
        section = self._config.proposer
        sender = self._l1_sender(key)
        honest, fault = ChainOutputs(self.chain.engine), self._parts.fault
        trace: TraceProvider = SplitTrace(ChainOutputs(self.chain.engine))
        root_of = honest.output_root
        if fault is not None:
            # Proposing and playing run beside each other: each has its own.
            proven = self._parts.rollup.has_inbox_contract
            trace = OneLie(ChainOutputs(self.chain.engine), fault, has_proven_inputs=proven)
            root_of = OneLie(honest, fault, has_proven_inputs=proven).output_root
        proposing = Proposing(
            self._parts.rollup,
            self.chain.engine,
            self.client,
            sender,
            options=ProposerOptions(
                section.interval_s, section.allow_non_finalized, section.poll_s
            ),
            caught_up=self._deriving.caught_up,
            proposed=self._metrics.outputs_proposed.inc,
            root_of=root_of,
            not_past=None if fault is None else fault.block,
        )
        options = ChallengerOptions(section.poll_s, only_own=True)
        return [proposing.run(), self._playing(sender, trace, options).run()]

    def _challenging(self) -> Challenging:
        key = self._parts.challenger_key
        if key is None:
            raise ConfigurationError("role challenger needs a key: set challenger.key_file")
        options = ChallengerOptions(self._config.challenger.poll_s)
        trace = SplitTrace(ChainOutputs(self.chain.engine))
        return self._playing(self._l1_sender(key), trace, options)

    def _playing(
        self, sender: L1Sender, trace: TraceProvider, options: ChallengerOptions
    ) -> Challenging:
        return Challenging(
            DisputeReader(self.client, self._parts.rollup.deposit_contract_address),
            sender,
            trace,
            options=options,
            caught_up=self._deriving.caught_up,
            called=lambda what: self._metrics.dispute_calls.labels(what).inc(),
            proving=ProvingInputs(
                self._parts.rollup, self.client, sender, self.chain.engine.block_by_number
            ),
        )

    def _l1_sender(self, key: bytes) -> L1Sender:
        sender = L1Sender(self.client, key, self._parts.rollup.l1_chain_id)
        self._l1_senders.append(sender)
        return sender

    def _make_network(self, readers: ThreadPoolExecutor) -> Network:
        network = make_network(
            self._config,
            self._parts.rollup,
            self._parts.datadir,
            self.chain,
            self.client,
            self._clock,
            readers,
            self._parts.signer_key if self.is_sequencing else None,
        )
        self.chain.backend.peer_count = lambda: len(network.server.overlay.peers)
        if isinstance(self._da, CommitteeAccess):
            committee = self._da.committee
            self._da.sessions = lambda: carriers_of(network.server, committee)
        return network

    @property
    def endpoint(self) -> str | None:
        """Where other nodes reach this one, `NODEID@HOST:PORT`; None without a network."""
        return None if self._network is None else str(self._network.server.endpoint)

    # Running

    async def start(self) -> None:
        """Listen and start the roles. Raises AddressInUse, ConfigurationError."""
        self.client.open()
        if self._da is not None:
            self._da.open()
        if self._network is not None:
            await self._network.server.start()
        await self.server.start()
        self._tasks = [self._actors.start()]

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        self._l1_senders.clear()
        loops = [self._following.run(), self._deriving.run()]
        if self._sequencing is not None:
            loops.append(self._sequencing.run())
        if self._network is not None:
            loops += [self._network.server.run(), self._network.gossiping.run()]
        if "batcher" in self._config.node.roles:
            loops.append(self._batching().run())
        if "proposer" in self._config.node.roles:
            loops += self._proposing()
        if "challenger" in self._config.node.roles:
            loops.append(self._challenging().run())
        return loops

    @property
    def tasks(self) -> list[asyncio.Future[None]]:
        """What ends as soon as an actor fails."""
        return self._tasks

    async def stop(self) -> None:
        """Stop intake, stop the actors after the block under way, close the store."""
        await self.server.stop()
        await self._actors.stop()
        if self._network is not None:
            await self._network.server.stop()
        await self.client.close()
        if self._da is not None:
            await self._da.close()
        self.chain.close()
        self._senders.close()

    async def _reset_derivation(self) -> None:
        await self.chain.writer.run(self._driver.request_reset)
        self._l1_moved.set()

    async def _insert_unsafe(self, payload: Payload) -> None:
        """Put a block that the sequencer has sealed on top of the unsafe head."""
        block = payload.block

        def insert() -> None:
            if self.chain.engine.header(block.hash) is None:
                self.chain.engine.import_block(block)

        await self.chain.writer.run(insert)
        self.chain.backend.events.announce_head()

    def _sealed(self, result: Sealed, seconds: float) -> None:
        header = result.block.header
        self._metrics.block_build_seconds.labels("l2").observe(seconds)
        self._metrics.gas_used.labels("l2").inc(header.gas_used)
        if self._network is not None:
            self._network.gossiping.sealed(result.block)
        self.chain.backend.events.announce_head()
        logger.info(
            "sealed",
            extra={
                "number": header.number,
                "hash": result.block.hash.hex()[:8],
                "txs": len(result.block.transactions),
                "gas": header.gas_used,
                "ms": round(seconds * 1000),
            },
        )

    def _progressed(self, returned: Sequence[Transaction]) -> None:
        """Derivation went on: tell the news, and put dropped blocks' transactions back."""
        self.chain.backend.events.announce_head()
        if not returned or not self.is_sequencing:
            return
        state = self.chain.backend.state(LATEST)
        self.chain.pool.reset(lambda who: (state.get_nonce(who), state.get_balance(who)))
        for transaction in returned:
            if isinstance(transaction, DepositTransaction):
                continue
            try:
                self.chain.backend.submit(transaction)
            except PoolError as error:
                logger.debug("not pooled again: %s", error)


def batcher_config(config: NodeConfig) -> BatcherConfig:
    """How batches are written, by the settings."""
    section = config.batcher
    return BatcherConfig(
        kind=cast("DataKind", "calldata" if section.data_type == "da" else section.data_type),
        batch_type=cast("BatchType", section.batch_type),
        compression=cast("Compression", section.compression),
        target_channel_bytes=section.target_channel_bytes,
        max_channel_l1_blocks=section.max_channel_l1_blocks,
    )


async def run_until_stopped(tasks: Sequence[asyncio.Future[Any]], stopping: asyncio.Event) -> None:
    """Wait for the stop signal, or for the first actor that fails; its error is raised."""
    waiter = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    for task in done:
        if task is not waiter:
            task.result()


def handle_signals(stopping: asyncio.Event) -> None:
    """SIGTERM and SIGINT stop the node; a second one ends the process at once."""

    def stop() -> None:
        if stopping.is_set():
            os._exit(_FORCED_EXIT)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def stop_within(seconds: float, *stops: Any) -> None:  # noqa: ANN401 - coroutines
    """Await the stops in turn; after so many seconds the process ends without them."""
    try:
        async with asyncio.timeout(seconds):
            for stop in stops:
                await stop
    except TimeoutError:
        logger.exception("the node did not stop in %.0f s", seconds)
        os._exit(1)


def prepare_process() -> None:
    """Let the event loop have the interpreter soon, even while a block is being built.

    What is in memory by now stays, and the values of a block live longer than it takes to make
    them: looking for garbage among them as often as is usual costs a twentieth of a load.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)


async def run_node(
    config: NodeConfig, parts: NodeParts, ready: Callable[[RollupNode], None]
) -> None:
    """Run the roles of `stemma node` until a signal or failure; `ready` hears when it answers."""
    prepare_process()
    stopping = asyncio.Event()
    handle_signals(stopping)
    with DataDirectory(parts.datadir) as directory:
        forget_run_file(directory.path)
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="rpc-reader")
        if config.sync.mode == "snapshot":
            place = Place(config, parts.rollup, parts.genesis, parts.l1_url, parts.datadir)
            server, telling = make_telling(place, readers)
            if not await _joined(place, telling, stopping):
                return
            config = with_settings(config, {"rpc.port": server.port})
        node = RollupNode(config, parts, SystemClock(), readers, Metrics())
        try:
            await node.start()
            ready(node)
            await run_until_stopped(node.tasks, stopping)
        finally:
            await stop_within(STOP_S, node.stop())
            readers.shutdown(wait=False, cancel_futures=True)


def make_telling(place: Place, readers: Executor) -> tuple[RpcServer, Telling]:
    """The JSON-RPC of a node that joins by a snapshot: how far it is, and of all else, to try
    again. Where no port is set it takes a free one; nothing is opened yet.
    """
    telling = Telling(Standing(place.rollup.genesis.l2.number))
    standing, title = telling.standing, "stemma L2, joining by a snapshot"
    chain_id, rpc = place.rollup.l2_chain_id, place.config.rpc
    dispatcher = Dispatcher(
        [JoiningNamespace(chain_id, standing, lambda: telling.peers())],
        readers,
        RpcLimits(),
        prefixes=rpc.api,
        unknown=lambda _: come_again(standing),
    )
    telling.server = RpcServer(
        dispatcher,
        ServerOptions(
            host=rpc.host,
            port=rpc.port,
            cors_origins=rpc.cors,
            virtual_hosts=rpc.vhosts,
            title=title,
            page=lambda: human_page(title, [("fetching", str(standing))], dispatcher.method_names),
            health=lambda: not_ready(standing),
        ),
    )
    return telling.server, telling


async def _joined(place: Place, telling: Telling, stopping: asyncio.Event) -> bool:
    """Give the store a chain by a snapshot; False where the node was stopped meanwhile."""
    joining = asyncio.ensure_future(join_by_snapshot(place, telling))
    await run_until_stopped([joining], stopping)
    is_done = joining.done()
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)
    return is_done


@dataclass(slots=True)
class DevNet:
    """A running `stemma dev`: what to show and to write down about it."""

    config: NodeConfig
    node: RollupNode
    rollup: RollupConfig
    l1_url: str
    l1_client: str

    def run_file(self, datadir: Path, gateway: str | None) -> dict[str, Any]:
        """The content of run.json."""
        genesis = self.rollup.genesis.l2.hash
        return {
            "l1": {
                "rpc": self.l1_url,
                "chain_id": self.rollup.l1_chain_id,
                "client": self.l1_client,
            },
            "l2": {
                "p2p": self.node.endpoint,
                "rpc": self.node.server.url,
                "ws": self.node.server.websocket_url,
                "chain_id": self.rollup.l2_chain_id,
                "genesis": "0x" + genesis.hex(),
            },
            "contracts": contract_addresses(self.rollup, datadir),
            "predeploys": {name: "0x" + at.hex() for name, at in PREDEPLOYS.items()},
            "precompiles": {name: "0x" + at.hex() for name, at in NATIVE_PRECOMPILES.items()},
            "accounts": [
                {
                    "name": account.name,
                    "address": "0x" + account.address.hex(),
                    "private_key": "0x" + account.private_key.hex(),
                }
                for account in dev_accounts()
            ],
            "rollup_config": str(datadir / ROLLUP_FILE),
            "genesis": str(datadir / GENESIS_FILE),
            "gateway": gateway,
            "pid": os.getpid(),
        }


async def run_dev(
    config: NodeConfig,
    ready: Callable[[DevNet], Awaitable[None]],
    before_stop: Callable[[], Awaitable[None]],
    fault: Fault | None = None,
) -> None:
    """Run L1 (unless `l1.url` names one) and all roles of the L2 until a signal or a failure.

    `ready` is awaited once RPC answers, `before_stop` before it stops answering. With a `fault`
    the proposer lies.
    """
    refuse_public_bind(config.rpc.host)
    prepare_process()
    stopping = asyncio.Event()
    handle_signals(stopping)
    clock = DevClock() if not config.l1.url else SystemClock()
    metrics = Metrics()
    with DataDirectory(config.datadir) as directory, ExitStack() as cleanup:
        forget_run_file(directory.path)
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="rpc-reader")
        cleanup.callback(readers.shutdown, wait=False, cancel_futures=True)
        l1: EmbeddedL1 | None = None
        node: RollupNode | None = None
        try:
            if isinstance(clock, DevClock):
                l1 = EmbeddedL1(directory.path, config, clock, readers, metrics)
                await l1.start()
            l1_url = config.l1.url if l1 is None else l1.server.url
            founded, client_name = await _found_rollup(
                config, l1_url, is_embedded=l1 is not None, is_disputed=fault is not None
            )
            if client_name.startswith(_ANVIL):
                config = with_settings(config, {"l1.trust_rpc": True})
            node = RollupNode(
                config,
                NodeParts(
                    rollup=founded.config,
                    genesis=founded.genesis,
                    l1_url=l1_url,
                    datadir=directory.path / "l2",
                    batcher_key=dev_account("batcher").private_key,
                    proposer_key=dev_account("proposer").private_key,
                    challenger_key=dev_account("challenger").private_key,
                    fault=fault,
                    signer_key=dev_account("sequencer").private_key,
                    signing_keys={item.address: item.private_key for item in dev_accounts()},
                    is_development=True,
                    embedded_l1=None if l1 is None else l1.miner,
                ),
                clock,
                readers,
                metrics,
            )
            await node.start()
            await ready(DevNet(config, node, founded.config, l1_url, client_name))
            tasks = list(node.tasks)
            if l1 is not None and l1.mining is not None:
                tasks.append(l1.mining)
            await run_until_stopped(tasks, stopping)
        finally:
            stops = [part.stop() for part in (node, l1) if part is not None]
            await stop_within(STOP_S, before_stop(), *stops)


async def _found_rollup(
    config: NodeConfig, l1_url: str, *, is_embedded: bool, is_disputed: bool
) -> tuple[Founded, str]:
    """Found or find the rollup of the data directory; the L1's client name."""
    async with JsonRpcClient(l1_url) as client:
        founded = await found(
            client,
            config.datadir,
            config.rollup.block_time_s,
            has_inbox_contract=config.rollup.inbox == "contract",
        )
        if is_embedded:
            name = CLIENT_NAME
        else:
            await fund_roles(client, founded.config.l1_chain_id)
            name = str(await client.call("web3_clientVersion"))
        await deploy_contracts(client, config.datadir, founded, is_disputed=is_disputed)
    return founded, name
