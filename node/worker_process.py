"""The AI worker beside `stemma dev`: a process of its own, met only through run.json and RPC."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import shutil
import socket
import sys
from pathlib import Path

from chain.errors import StemmaError

from .run_file import RUN_FILE

logger = logging.getLogger("stemma.worker")

_COMMAND = "stemma-worker"
_STOP_S = 5.0


class WorkerMissing(StemmaError):
    """The `ai` extra is installed, its command is not."""


def ai_is_installed() -> bool:
    """Whether the `ai` extra is installed, without importing any of it."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "peft"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class WorkerProcess:
    """One `stemma-worker`; its output joins ours on standard error."""

    def __init__(self, datadir: Path, gateway_port: int) -> None:
        """Port 0 takes a free one."""
        self._datadir = datadir
        self._port = gateway_port or _free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def gateway_url(self) -> str:
        """Where the worker's gateway answers."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start the process."""
        beside = Path(sys.executable).with_name(_COMMAND)
        command = str(beside) if beside.exists() else shutil.which(_COMMAND)
        if command is None:
            raise WorkerMissing(f"{_COMMAND} is not installed: run `make setup`, or use --no-ai")
        self._process = await asyncio.create_subprocess_exec(
            command,
            "run",
            "--dev-run-file",
            str(self._datadir / RUN_FILE),
            "--datadir",
            str(self._datadir / "ai"),
            "--port",
            str(self._port),
            stdout=sys.stderr,
            start_new_session=False,
        )
        logger.info("started", extra={"pid": self._process.pid, "gateway": self.gateway_url})
        self._watching = asyncio.create_task(self._watch(self._process))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Say when the worker ends by itself; the chain goes on without it."""
        code = await process.wait()
        if not self._stopping:
            logger.error("the worker ended with exit code %d", code)

    async def stop(self) -> None:
        """Ask it to stop; kill it after five seconds."""
        process = self._process
        self._stopping = True
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
