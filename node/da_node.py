"""The nodes without a chain, joined of their parts: role da keeps cells, role light samples, and a
server keeps data by their hashes.

Joined like the whole node in application.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from chain.errors import Recovery, StemmaError
from chain.storage import DataDirectory
from chain.storage.level import LevelStore
from genesis.config import RollupConfig
from rollup.da.sampler import SamplingPlan
from rollup.da.security import check_committee
from rollup.l1.provider import MemoryL1Provider

from .application import STOP_S, handle_signals, run_until_stopped, stop_within
from .config import ConfigurationError, DaSection, NodeConfig
from .da.access import CommitteeAccess, committee_of
from .da.alt_da import AltDa
from .da.cell_network import CellNetwork
from .da.dispersal import Disperser
from .da.evidence import Evidence
from .da.hashes import HashStore
from .da.keeper import Keeper, LocalPeer, OperatorKeys
from .da.light import LightLoop, LightNode
from .da.light_claims import ClaimWatch
from .da.light_heads import HeadWatch, L1View
from .da.quota import Holding
from .da.server import DaServer
from .da.store import CellStore
from .disputes import DisputeReader
from .l1.block_signer import unsafe_block_signer
from .l1.client import L1Follower, L1Source
from .l1.json_rpc import JsonRpcClient
from .network import fork_of, make_server, read_or_make_node_key
from .p2p.handshake import Hello, Role
from .p2p.message import Topic
from .rpc.net import client_version
from .run_file import forget_run_file

logger = logging.getLogger("stemma.da")

_STORE = "cells"
_LIGHT_STORE = "light"
_HASH_STORE = "payloads"
_CHECKED_A_TURN = 32


Ready = Callable[[DaServer, str | None], None]
"""Hears where a node answers: over HTTP, and to other nodes."""


class _Node(Protocol):
    server: DaServer
    tasks: list[asyncio.Future[None]]

    @property
    def endpoint(self) -> str | None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class DaNode:
    """An operator: keeps its cells, serves them, disperses for batchers, repairs."""

    def __init__(self, config: NodeConfig, rollup: RollupConfig, keys: OperatorKeys) -> None:
        """Open the store. Raises ConfigurationError, UnsafeCommittee, NotInCommittee."""
        committee = committee_of(rollup)
        check_committee(committee)
        section = config.da
        self._access = CommitteeAccess(rollup, section)
        self._l1 = JsonRpcClient(config.l1.url)
        self._repair_s = section.repair_s
        self._capacity_mb = section.capacity_mb
        kv = LevelStore(config.datadir / _STORE)
        self._store = CellStore(kv, section.capacity_mb * 1_000_000)
        self._keeper = Keeper(
            committee,
            rollup.l1_chain_id,
            keys,
            self._store,
            self._access.pool,
            now=time.time,
            retention_s=section.retention_s,
        )
        self._rollup = rollup
        self._config = config
        self._network = _network(
            config, rollup, kv, keys.identity_seed, Role.DATA, self._access, self._keeper
        )
        self._checked: set[bytes] = set()
        self._looked_at = 0
        self.tasks: list[asyncio.Future[None]] = []
        self.server = DaServer(section.host, section.port, describe=self._describe)

    async def start(self) -> None:
        """Listen and look after what is kept. Raises AddressInUse."""
        self._l1.open()
        self._access.sessions = self._network.carriers
        self._access.open(LocalPeer(self._keeper))
        committee, l1_chain_id = self._access.committee, self._rollup.l1_chain_id
        pool = self._access.pool
        disperser = Disperser(self._access.peers, l1_chain_id, pool, self._l1_number)
        disperser.dispersed = self._network.dispersed
        alt_da = AltDa(committee, l1_chain_id, disperser, self._access.retriever, self._store)
        section = self._config.da
        self.server = DaServer(
            section.host,
            section.port,
            keeper=self._keeper,
            alt_da=alt_da,
            describe=self._describe,
            faults=self._network.evidence.faults,
            holding=Holding(section.capacity_mb * 1_000_000, section.retention_s),
        )
        await self.server.start()
        self.tasks = [asyncio.ensure_future(self._look_after()), *await _talk(self._network)]

    @property
    def endpoint(self) -> str | None:
        """Where other nodes reach this one, `NODEID@HOST:PORT`; None without a network."""
        return _endpoint(self._network)

    async def stop(self) -> None:
        """Stop listening, close the store."""
        await self.server.stop()
        if self._network.server is not None:
            await self._network.server.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self._l1.close()
        await self._access.close()
        self._store.close()

    async def _l1_number(self) -> int:
        return int(await self._l1.call("eth_blockNumber"), 16)

    async def _look_after(self) -> None:
        """Forget what is due, take back own cells that were lost, re-seed who lacks some."""
        while True:
            await asyncio.sleep(self._repair_s)
            self._store.prune(int(time.time()))
            unchecked = [b for b in self._store.blobs() if b.commitment not in self._checked]
            # By turns: while an operator is down, no blob comes to its end.
            start = self._looked_at % max(len(unchecked), 1)
            self._looked_at += _CHECKED_A_TURN
            for blob in (unchecked[start:] + unchecked[:start])[:_CHECKED_A_TURN]:
                try:
                    await self._repair(blob.commitment)
                except StemmaError as error:
                    if error.recovery is not Recovery.RETRY:
                        raise
                    logger.warning("repair: %s", error)

    async def _repair(self, commitment: bytes) -> None:
        keeper, retriever = self._keeper, self._access.retriever
        if keeper.lacking(commitment):
            found = await retriever.blob(commitment, excluded=keeper.index)
            restored = keeper.restore(commitment, found.cells)
            logger.info("took back %d cells of 0x%s", restored, commitment.hex()[:16])
        own = self._store.cells(commitment, keeper.custody)
        results = await retriever.reseed(commitment, have=own, excluded=keeper.index)
        for index, result in results.items():
            level = logging.INFO if result == "restored" else logging.DEBUG
            logger.log(level, "operator %d, blob 0x%s: %s", index, commitment.hex()[:16], result)
        if all(result == "restored" for result in results.values()):
            self._checked.add(commitment)

    def _describe(self) -> dict[str, Any]:
        store, keeper = self._store, self._keeper
        return {
            "role": "da",
            "identity": f"0x{keeper.identity.hex()}",
            "operator": keeper.index,
            "custody_cells": keeper.custody.bit_count(),
            "blobs": store.blob_count,
            "cells": store.cell_count,
            "used_bytes": store.used_bytes,
            "capacity_bytes": self._capacity_mb * 1_000_000,
            "kzg_waiting": self._access.pool.waiting,
            "blamed": self._access.retriever.blamed,
            **_shown(self._network),
        }


class LightProcess:
    """A light node and its status page."""

    def __init__(self, config: NodeConfig, rollup: RollupConfig) -> None:
        """Open what it remembers. Raises ConfigurationError."""
        section = config.da
        try:
            plan = SamplingPlan(section.samples, section.tolerated, section.attempts)
        except ValueError as error:
            raise ConfigurationError(f"da: {error}") from error
        self._access = CommitteeAccess(rollup, section)
        self._rollup = rollup
        self._plan = plan
        self._poll_s = section.poll_s
        self._l1 = JsonRpcClient(config.l1.url)
        self._provider = MemoryL1Provider()
        source = L1Source(
            self._l1,
            finality_blocks=config.l1.finality_blocks,
            trusts_rpc=config.l1.trust_rpc,
        )
        self._follower = L1Follower(source, self._provider, _apply)
        self._store = LevelStore(config.datadir / _LIGHT_STORE)
        seed = read_or_make_node_key(config.datadir) if config.p2p.listen else b""
        self._network = _network(config, rollup, self._store, seed, Role.LIGHT, self._access, None)
        self._light: LightNode | None = None
        self.tasks: list[asyncio.Future[None]] = []
        self.server = DaServer(
            section.host,
            section.port,
            describe=self._describe,
            faults=self._network.evidence.faults,
        )

    async def start(self) -> None:
        """Listen and sample. Raises AddressInUse."""
        self._l1.open()
        self._access.sessions = self._network.carriers
        self._access.open()
        reader = DisputeReader(self._l1, self._rollup.deposit_contract_address)
        heads = None if self._network.server is None else self._follow_heads(reader)
        self._light = LightNode(
            self._rollup,
            self._store,
            self._follower,
            self._provider,
            self._access.peers,
            self._plan,
            self._network,
            ClaimWatch(reader),
            heads,
            lambda: self._network.server,
        )
        await self.server.start()
        sampling = asyncio.ensure_future(LightLoop(self._light, self._poll_s).run())
        self.tasks = [sampling, *await _talk(self._network)]

    @property
    def endpoint(self) -> str | None:
        """Where other nodes reach this one, `NODEID@HOST:PORT`; None without a network."""
        return _endpoint(self._network)

    async def stop(self) -> None:
        """Stop listening, close what it remembers."""
        await self.server.stop()
        if self._network.server is not None:
            await self._network.server.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self._l1.close()
        await self._access.close()
        self._store.close()

    def _follow_heads(self, reader: DisputeReader) -> HeadWatch:
        """What becomes of the blocks that other nodes pass on."""
        contract = self._rollup.l1_system_config_address
        view = L1View(lambda: unsafe_block_signer(self._l1, contract), reader.l1_number)
        heads = HeadWatch(self._rollup, self._store, view, time.time)
        self._network.judge_block = heads.judge
        return heads

    def _describe(self) -> dict[str, Any]:
        shown = {} if self._light is None else self._light.describe()
        return {**shown, **_shown(self._network)}


def _network(
    config: NodeConfig,
    rollup: RollupConfig,
    kv: LevelStore,
    seed: bytes,
    role: Role,
    access: CommitteeAccess,
    keeper: Keeper | None,
) -> CellNetwork:
    """The node's side of the network; it has a server where one is asked for."""
    genesis = rollup.genesis.l2
    fork, fork_id = fork_of(rollup, genesis.hash)
    hello = Hello(
        chain_id=rollup.l2_chain_id,
        genesis_hash=genesis.hash,
        fork=fork,
        fork_id=fork_id,
        role=role,
        head_number=genesis.number,
        head_hash=genesis.hash,
        agent=client_version()[:64],
    )
    evidence = Evidence(kv, time.time)
    network = CellNetwork(rollup, access.committee, hello, evidence, access.pool, keeper)
    if config.p2p.listen:
        topics = (Topic.BLOCKS if keeper is None else Topic.CELLS, Topic.ATTESTATIONS)
        network.server = make_server(config.p2p, seed, topics, network, time.time, config.datadir)
    return network


async def _talk(network: CellNetwork) -> list[asyncio.Future[None]]:
    """Listen for other nodes, where that is asked for; what keeps turning."""
    if network.server is None:
        return []
    await network.server.start()
    return [asyncio.ensure_future(network.server.run())]


def _endpoint(network: CellNetwork) -> str | None:
    return None if network.server is None else str(network.server.endpoint)


def _shown(network: CellNetwork) -> dict[str, Any]:
    """What the status says of the network."""
    if network.server is None:
        return {}
    return {
        "p2p": str(network.server.endpoint),
        "sessions": len(network.server.overlay.peers),
        "faults": len(network.evidence.faults()),
    }


async def _apply(change: Callable[[], None]) -> None:
    change()


async def run_da(
    config: NodeConfig, rollup: RollupConfig, keys: OperatorKeys, ready: Ready
) -> None:
    """Run role da until a signal or a failure."""
    await _run(config.datadir, lambda: DaNode(config, rollup, keys), ready)


async def run_light(config: NodeConfig, rollup: RollupConfig, ready: Ready) -> None:
    """Run role light until a signal or a failure."""
    await _run(config.datadir, lambda: LightProcess(config, rollup), ready)


class HashServer:
    """A DA server of data by their hashes."""

    def __init__(self, datadir: Path, section: DaSection) -> None:
        """Open what it keeps."""
        self._kv = LevelStore(datadir / _HASH_STORE)
        self._store = HashStore(self._kv, section.capacity_mb * 1_000_000)
        self.server = DaServer(
            section.host, section.port, alt_da=self._store, describe=self._describe
        )
        self.tasks: list[asyncio.Future[None]] = []
        self.endpoint: str | None = None

    async def start(self) -> None:
        """Listen. Raises AddressInUse."""
        await self.server.start()

    async def stop(self) -> None:
        """Stop listening, close the store."""
        await self.server.stop()
        self._kv.close()

    def _describe(self) -> dict[str, Any]:
        return {"payloads": self._store.count, "used_bytes": self._store.used_bytes}


async def run_hash_server(datadir: Path, section: DaSection, ready: Ready) -> None:
    """Serve data by their hashes until a signal."""
    await _run(datadir, lambda: HashServer(datadir, section), ready)


async def _run(datadir: Path, make: Callable[[], _Node], ready: Ready) -> None:
    stopping = asyncio.Event()
    handle_signals(stopping)
    with DataDirectory(datadir) as directory:
        forget_run_file(directory.path)
        node = make()
        try:
            await node.start()
            ready(node.server, node.endpoint)
            await run_until_stopped(node.tasks, stopping)
        finally:
            await stop_within(STOP_S, node.stop())
