"""The embedded L1 alone, with a rollup founded on it, in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from node.actors.clock import DevClock
from node.config import NodeConfig, with_settings
from node.embedded_l1 import EmbeddedL1
from node.l1.json_rpc import JsonRpcClient
from node.metrics import Metrics
from node.provisioning import deploy_contracts, found

_WITHIN_S = 60.0


class L1Thread:
    """Founded in a directory, which then has rollup.json and genesis.json; runs until closed."""

    def __init__(self, directory: Path, l1_block_s: float, l2_block_s: int) -> None:
        self._directory = directory
        self._config = with_settings(NodeConfig(), {"l1.port": 0, "l1.block_time_s": l1_block_s})
        self._l2_block_s = l2_block_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self.url = ""

    def __enter__(self) -> L1Thread:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(_WITHIN_S)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *exc: object) -> None:
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_WITHIN_S)

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:
            self._failure = error
            raise
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._directory.mkdir(parents=True, exist_ok=True)
        readers = ThreadPoolExecutor(2)
        l1 = EmbeddedL1(self._directory, self._config, DevClock(), readers, Metrics())
        await l1.start()
        try:
            async with JsonRpcClient(l1.server.url) as client:
                founded = await found(client, self._directory, self._l2_block_s)
                await deploy_contracts(client, self._directory, founded)
            self.url = l1.server.url
            ready.set()
            await self._stopping.wait()
        finally:
            await l1.stop()
            readers.shutdown(wait=False)
