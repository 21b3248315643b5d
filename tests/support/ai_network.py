"""A development network with a worker process, and a trained adapter, as a user would have them.

The worker has the tiny base model and a short recipe; all is reached through run files and sockets.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from market import RECIPE
from node_process import ROOT, NodeProcess, dev, wait_for
from tiny_model import ROWS, write_tiny_base_model

from ai.gateway.client import GatewayClient
from ai.worker.client import Account, ChainClient
from ai.worker.datanets import contribute, create_datanet, publish, upload
from chain.types import Hash32, to_address
from genesis.dev_accounts import dev_account
from genesis.interfaces import MODEL_REGISTRY

T = TypeVar("T")
PRICES = (10**9, 3 * 10**9)


class WorkerProcess:
    """`stemma-worker run` beside a network."""

    def __init__(self, net: NodeProcess, base_model: Path, recipe: Path) -> None:
        self.datadir = net.datadir / "ai"
        self.log = net.datadir / "worker.log"
        self.arguments = [
            "--dev-run-file", str(net.datadir / "run.json"), "--datadir", str(self.datadir),
            "--port", "0", "--base-model", str(base_model), "--recipe", str(recipe),
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start; the gateway's URL."""
        run_file = self.datadir / "worker.json"
        run_file.unlink(missing_ok=True)
        program = "from ai.worker.cli import main; main()"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, "run", *self.arguments],
                cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip

        def ready() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()[-2000:]
            return run_file.exists()

        wait_for("the worker", ready, 90)
        return str(json.loads(run_file.read_text())["gateway"])

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask it to stop, or kill it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(15)


@dataclass
class AiNetwork:
    """Where everything is; `run` drives coroutines of the caller's side."""

    node: NodeProcess
    worker: WorkerProcess
    gateway: str
    adapter: str
    base_model: Path

    def run(self, act: Callable[[Account], Coroutine[Any, Any, T]]) -> T:
        """Do something as the development account 1."""

        async def inside() -> T:
            async with ChainClient(self.node.l2) as client:
                return await act(Account(client, dev_account("account1").private_key))

        return asyncio.run(inside())

    def pay(self, body: dict[str, Any]) -> str:
        """Open the escrow for a chat or legacy request; its request id."""

        async def act(account: Account) -> str:
            async with GatewayClient(self.gateway) as gateway:
                escrow = (await gateway.quote(body))["escrow"]
            data = bytes.fromhex(escrow["data"][2:])
            sent = await account.submit(to_address(escrow["to"]), data, int(escrow["value"]))
            receipt = await account.client.wait_for_receipt(sent)
            return "0x" + receipt.event("RequestOpened").arguments["requestId"].hex()

        return self.run(act)

    def rpc(self, method: str, *params: object) -> Any:
        """One call of the L2 node."""

        async def act(account: Account) -> Any:
            return await account.client.rpc(method, *params)

        return self.run(act)


def start_ai_network(directory: Path) -> AiNetwork:
    """Everything from nothing to one registered adapter. Stop with `stop_ai_network`."""
    base_model = write_tiny_base_model(directory / "base")
    recipe = directory / "recipe.json"
    recipe.write_bytes(RECIPE.to_json())
    node = dev(directory / "dev", "--block-time", "1").start()
    network = AiNetwork(node, WorkerProcess(node, base_model, recipe), "", "", base_model)
    try:
        network.gateway = network.worker.start()
        network.adapter = network.run(lambda account: _train(account, network.gateway))
    except BaseException:
        stop_ai_network(network)
        raise
    return network


def stop_ai_network(network: AiNetwork) -> None:
    """Stop both processes."""
    network.worker.stop()
    network.node.stop()


async def _train(account: Account, gateway_url: str) -> str:
    """One Datanet of ROWS, all by one account, and an adapter of it."""
    rows = [row for theirs in ROWS.values() for row in theirs]
    datanet = await create_datanet(account, "tiny", "CC0-1.0")
    number = await contribute(account, datanet, rows, "CC0-1.0")
    await upload(gateway_url, datanet, number, rows)
    version = await publish(account, datanet, [number])
    async with GatewayClient(gateway_url) as gateway:
        offer = await gateway.get("/v1/training/offer")
        block = await account.client.rpc("eth_getBlockByNumber", "latest", False)
        receipt = await account.send(
            MODEL_REGISTRY, "requestTraining", datanet, version.snapshot_root,
            Hash32(bytes.fromhex(offer["base_model"][2:])),
            Hash32(bytes.fromhex(offer["recipe_hash"][2:])),
            int(block["timestamp"], 16) + 3600, *PRICES, 500, value_wei=10**15,
        )  # fmt: skip
        job = receipt.event("TrainingRequested").arguments["jobId"]
        async with asyncio.timeout(60):
            while (found := await gateway.get(f"/v1/training/jobs/{job}"))["adapter"] is None:
                assert found["status"] != "failed", found["error"]
                await asyncio.sleep(0.2)
    return str(found["adapter"])
