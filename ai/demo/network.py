"""The demo's processes: a development network with its worker, and a verifier that knows only L1.

Started on free ports in a scratch directory, found through their run files, stopped by name. Knows
nothing of what the demo does with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ai.worker.client import ChainClient, NodeUnreachable, RpcError
from chain.errors import StemmaError

READY_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.1
L1_BLOCK_TIME_S: Final = 1.0
LOG_TAIL_LINES: Final = 15


class ProcessFailed(StemmaError):
    """A process ended, or was not ready in time; the message ends with its last lines."""


@dataclass(frozen=True, slots=True)
class Running:
    """One child process and where its output goes."""

    name: str
    process: asyncio.subprocess.Process
    log: Path


class Network:
    """Starts processes under one directory and stops them all at the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._children: list[Running] = []
        self._heartbeat: asyncio.Task[None] | None = None

    async def keep_l1_going(self, l1_url: str) -> bool:
        """Mine on a development L1 that makes blocks only for transactions (anvil as it comes).

        A rollup lives by its L1's clock: without blocks no batch is ever confirmed. Returns whether
        it was needed; L1s that have blocks of their own are left alone. Raises NodeUnreachable.
        """
        async with ChainClient(l1_url) as l1:
            await l1.chain_id()
            try:
                is_idle = not await l1.rpc("anvil_getIntervalMining")
            except RpcError:  # no anvil
                return False
        if is_idle:
            self._heartbeat = asyncio.create_task(_mine_for_ever(l1_url))
        return is_idle

    async def start_dev(self, l1_url: str | None, base_model: Path | None) -> dict[str, Any]:
        """`stemma dev` with a worker; the content of its run.json once both are ready."""
        datadir = self.directory / "dev"
        arguments = ["dev", "--datadir", str(datadir), "--port", "0", "--no-ai"]
        arguments += ["--l1-url", l1_url] if l1_url else ["--l1-port", "0"]
        dev = await self._start("dev", "stemma", arguments)
        run = await self._ready(dev, datadir / "run.json")
        worker_arguments = ["run", "--dev-run-file", str(datadir / "run.json"), "--port", "0"]
        worker_arguments += ["--datadir", str(datadir / "ai")]
        worker_arguments += ["--base-model", str(base_model)] if base_model else []
        worker = await self._start("worker", "stemma-worker", worker_arguments)
        found = await self._ready(worker, datadir / "ai" / "worker.json")
        return run | {"gateway": found["gateway"], "worker": found["worker"]}

    async def start_verifier(self, run: dict[str, Any]) -> dict[str, Any]:
        """`stemma node` in another process, told the L1 and the rollup's configuration alone."""
        datadir = self.directory / "verifier"
        arguments = ["node", "--role", "verifier", "--datadir", str(datadir), "--port", "0"]
        arguments += ["--l1-url", run["l1"]["rpc"], "--rollup-config", run["rollup_config"]]
        arguments += ["--genesis", run["genesis"]]
        verifier = await self._start("verifier", "stemma", arguments)
        return await self._ready(verifier, datadir / "run.json")

    async def stop(self) -> None:
        """Ask every process to stop, the last started first; kill what does not.

        Interrupted while it waits, it kills the rest at once: nothing is left behind.
        """
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        try:
            for child in reversed(self._children):
                await _stop(child)
        finally:
            for child in self._children:
                if child.process.returncode is None:
                    child.process.kill()
            self._children.clear()

    async def _start(self, name: str, command: str, arguments: Sequence[str]) -> Running:
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / f"{name}.log"
        # the console scripts lie beside the interpreter of the environment we run in
        program = str(Path(sys.executable).with_name(command))
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl+C is for us: we stop them, in order
            )
        child = Running(name, process, log)
        self._children.append(child)
        return child

    async def _ready(self, child: Running, run_file: Path) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while not run_file.exists():
            if child.process.returncode is not None:
                raise ProcessFailed(
                    f"{child.name} ended with exit code {child.process.returncode}:\n{_tail(child)}"
                )
            if asyncio.get_running_loop().time() > deadline:
                raise ProcessFailed(
                    f"{child.name} was not ready within {READY_TIMEOUT_S:g} s:\n{_tail(child)}"
                )
            await asyncio.sleep(POLL_S)
        found: dict[str, Any] = json.loads(run_file.read_text())
        return found


async def _stop(child: Running) -> None:
    if child.process.returncode is not None:
        return
    child.process.terminate()
    try:
        await asyncio.wait_for(child.process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        child.process.kill()
        await child.process.wait()


async def _mine_for_ever(l1_url: str) -> None:
    async with ChainClient(l1_url) as l1:
        while True:
            with contextlib.suppress(NodeUnreachable, RpcError):
                await l1.rpc("evm_mine")
            await asyncio.sleep(L1_BLOCK_TIME_S)


def _tail(child: Running) -> str:
    lines = child.log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])
