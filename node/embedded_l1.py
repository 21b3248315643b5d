"""The embedded L1 as a running thing: store, miner, JSON-RPC with the beacon API's blob route."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from pathlib import Path

from aiohttp import web

from chain.transaction import BLOB_TYPE, BlobTransaction
from chain.txpool import USER_TYPES
from genesis.dev_accounts import dev_accounts

from .actors.clock import DevClock
from .chain_runtime import ChainRuntime, open_chain
from .config import NodeConfig
from .l1.blob_store import BlobStore
from .l1.dev_l1 import FINALIZED_DEPTH, SAFE_DEPTH, DevL1
from .metrics import Metrics
from .provisioning import dev_genesis
from .rpc.dev import DevNamespace
from .rpc.jsonrpc import Dispatcher
from .rpc.parameters import BlockId
from .rpc.server import RpcServer, ServerOptions, human_page

CLIENT_NAME = "dev-l1"


class EmbeddedL1:
    """One development L1 with its server."""

    def __init__(
        self,
        datadir: Path,
        config: NodeConfig,
        clock: DevClock,
        readers: Executor,
        metrics: Metrics,
    ) -> None:
        """Open the chain, or begin it now."""
        directory = datadir / "l1"
        genesis = dev_genesis(directory, int(clock.now()))
        self.chain: ChainRuntime = open_chain(
            directory,
            genesis,
            "l1",
            config,
            accepted_types=USER_TYPES | {BLOB_TYPE},
            keys={account.address: account.private_key for account in dev_accounts()},
            blobs=BlobStore(directory / "blobs"),
            tag_depths={"safe": SAFE_DEPTH, "finalized": FINALIZED_DEPTH},
        )
        self._backend = self.chain.backend
        self.miner = DevL1(
            engine=self.chain.engine,
            pool=self.chain.pool,
            writer=self.chain.writer,
            clock=clock,
            interval_s=config.l1.block_time_s,
            announce=self._backend.events.announce_head,
        )
        self._backend.events.on_pending.append(self._automine)
        dispatcher = Dispatcher(
            [*self.chain.namespaces(), DevNamespace(self._backend, self.miner)],
            readers,
            self.chain.rpc_limits,
            metrics.observe_rpc,
        )
        self.server = RpcServer(
            dispatcher,
            ServerOptions(
                host="127.0.0.1",
                port=config.l1.port,
                cors_origins=("*",),
                title="stemma embedded L1",
                page=lambda: human_page(
                    "stemma embedded L1",
                    [("chain", str(self._backend.chain_id))],
                    dispatcher.method_names,
                ),
                extra_routes={"/eth/v1/beacon/blobs/{block}": self._blobs},
            ),
        )
        self._mining: asyncio.Task[None] | None = None
        self._automined: set[asyncio.Task[None]] = set()

    def _automine(self, *_: object) -> None:
        if self.miner.automine:
            task = asyncio.get_running_loop().create_task(self.miner.mine())
            self._automined.add(task)
            task.add_done_callback(self._automined.discard)

    async def start(self) -> None:
        """Listen, then mine. Raises AddressInUse."""
        await self.server.start()
        self._mining = asyncio.create_task(self.miner.mine_forever())

    @property
    def mining(self) -> asyncio.Task[None] | None:
        """The miner's task; it ends only by failing."""
        return self._mining

    async def stop(self) -> None:
        """Stop mining, stop listening, close the store."""
        if self._mining is not None:
            self._mining.cancel()
            await asyncio.gather(self._mining, return_exceptions=True)
        await self.server.stop()
        self.chain.close()

    async def _blobs(self, request: web.Request) -> web.StreamResponse:
        """GET /eth/v1/beacon/blobs/{block}: a block's blobs in order, as anvil serves them."""
        try:
            number = int(request.match_info["block"])
        except ValueError:
            return web.json_response({"code": 400, "message": "invalid block id"}, status=400)
        header = self._backend.find(BlockId(number=number))
        block = None if header is None else self._backend.block(header.hash)
        if block is None:
            return web.json_response({"code": 404, "message": "block not found"}, status=404)
        listed = [
            blob
            for item in block.transactions
            if isinstance(item, BlobTransaction)
            for name in item.blob_versioned_hashes
            if self._backend.blobs is not None
            and (blob := self._backend.blobs.get(name)) is not None
        ]
        return web.json_response(
            {
                "execution_optimistic": False,
                "finalized": False,
                "data": ["0x" + blob.hex() for blob in listed],
            }
        )
