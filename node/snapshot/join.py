"""`--sync snapshot`, joined of its parts: before the node itself runs, its store gets a chain.

    store empty, or a part of a state → root from L1 → Joining → chain begun, the node goes on
    nobody has that state any more    → a newer root on L1? begin anew with it; none: derive all

Meanwhile the node is a peer that has nothing yet: it listens and asks, and answers nobody. By
JSON-RPC it says how far it is.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chain.storage import ChainStore
from genesis.allocation import GenesisSpec, genesis_block
from genesis.config import RollupConfig

from ..actors.clock import SystemClock
from ..chain_runtime import STORE_DIRECTORY, open_store
from ..config import NodeConfig
from ..l1.json_rpc import JsonRpcClient
from ..network import fork_of, make_server, read_or_make_node_key
from ..p2p.gossip import Verdict
from ..p2p.handshake import Hello, Role
from ..p2p.identity import NodeId
from ..p2p.message import Request, Status, Topic
from ..p2p.server import P2PServer
from ..rpc.net import client_version
from ..rpc.server import RpcServer
from .joining import Checkpoint, Joined, Joining, NoPeerHasState
from .standing import Standing
from .trusted_root import TrustedRoot, parse_root, root_on_l1

logger = logging.getLogger("stemma.snapshot")


@dataclass(frozen=True, slots=True)
class Place:
    """Which chain, on which L1, kept where."""

    config: NodeConfig
    rollup: RollupConfig
    genesis: GenesisSpec
    l1_url: str
    directory: Path


class Newcomer:
    """What a node without a chain says to its peers."""

    def __init__(self, place: Place) -> None:
        """Head and rules are the genesis block's."""
        block = place.rollup.genesis.l2
        fork, fork_id = fork_of(place.genesis.config, block.hash)
        self._hello = Hello(
            chain_id=place.rollup.l2_chain_id,
            genesis_hash=block.hash,
            fork=fork,
            fork_id=fork_id,
            role=Role.VERIFIER,
            head_number=block.number,
            head_hash=block.hash,
            agent=client_version()[:64],
        )

    def hello(self) -> Hello:
        """Chain and rules."""
        return self._hello

    async def validate(self, peer: NodeId, topic: Topic, payload: bytes) -> Verdict:
        """There is nothing yet to judge by."""
        del peer, topic, payload
        return Verdict.IGNORE

    async def serve(self, request: Request) -> tuple[Status, tuple[bytes, ...]]:
        """There is nothing yet to answer with."""
        del request
        return Status.UNKNOWN, ()


@dataclass(slots=True)
class Telling:
    """What a node that joins says of itself: `standing` is written here and read by `server`, which
    answers JSON-RPC meanwhile; `peers` counts sessions.
    """

    standing: Standing
    server: RpcServer | None = None
    peers: Callable[[], int] = lambda: 0

    async def start(self) -> None:
        """Listen. Raises AddressInUse."""
        if self.server is not None:
            await self.server.start()
            logger.info("JSON-RPC says how far it is: %s", self.server.url)

    async def stop(self) -> None:
        """Give the port back."""
        if self.server is not None:
            await self.server.stop()


async def join_by_snapshot(place: Place, telling: Telling) -> Joined | None:
    """Give the store a chain by a state from peers; None where it is left to derivation.

    Raises ConfigurationError, NoTrustedRoot, NoContracts, L1CallFailed, DecodeError, AddressInUse.
    """
    given = parse_root(place.config.sync.root)
    server = _make_server(place)
    telling.peers = lambda: len(server.overlay.peers)
    async with JsonRpcClient(place.l1_url) as client:

        async def ask_l1() -> TrustedRoot:
            if given is not None:
                return given
            portal = place.rollup.deposit_contract_address
            return await root_on_l1(client, portal, place.config.sync.root)

        has_chain, root = _begun(place)
        if has_chain:
            logger.info("the store has a chain: sync.mode snapshot has nothing to do")
            return None
        telling.standing.begin(root)
        await server.start()
        turning = asyncio.create_task(server.run())
        try:
            await telling.start()
            while True:
                root = root or await ask_l1()
                if root.number <= place.rollup.genesis.l2.number:
                    logger.info("L1 knows no output root after genesis: all is derived from L1")
                    return None
                try:
                    return await _attempt(place, server, root, telling.standing)
                except NoPeerHasState as error:
                    logger.warning("no peer has the state of %s: %s", root, error)
                shutil.rmtree(place.directory / STORE_DIRECTORY)
                newer = await ask_l1()
                if newer == root:
                    logger.warning("L1 knows no newer output root: all is derived from L1")
                    return None
                root = newer
        finally:
            turning.cancel()
            await telling.stop()
            await server.stop()


def _begun(place: Place) -> tuple[bool, TrustedRoot | None]:
    """Whether the store has a chain; else the root whose state it holds a part of, if of any."""
    store = _open(place)
    try:
        if store.heads() is not None:
            return True, None
        stored = store.joining
        return False, None if stored is None else Checkpoint.decode(stored).root
    finally:
        store.close()


def _open(place: Place) -> ChainStore:
    return open_store(place.directory, place.config.state, is_rollup=True)


async def _attempt(
    place: Place, server: P2PServer, root: TrustedRoot, standing: Standing
) -> Joined:
    logger.info("joining at output root %s", root)
    store = _open(place)
    try:
        joining = Joining(
            server,
            store,
            place.rollup,
            genesis_block(place.genesis)[0],
            SystemClock(),
            root,
            patience_s=place.config.sync.patience_s,
            standing=standing,
        )
        return await joining.run()
    finally:
        store.close()


def _make_server(place: Place) -> P2PServer:
    seed = read_or_make_node_key(place.directory)
    now = SystemClock().now
    return make_server(place.config.p2p, seed, (), Newcomer(place), now, place.directory)
