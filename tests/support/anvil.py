"""anvil, an L1 that nobody here wrote; tests that need it are skipped where it is not installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from node_process import ROOT, call, wait_for

_LOCAL = ROOT / ".node" / "node_modules" / ".bin" / "anvil"


def anvil_path() -> str:
    """The program, or a skipped test that says how to get it."""
    found = str(_LOCAL) if _LOCAL.exists() else shutil.which("anvil")
    if found is None:
        pytest.skip("anvil is not installed: make node-tools")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def anvil(block_time_s: int | None = 1) -> Iterator[str]:
    """A running anvil; its URL. Without a block time it mines each transaction at once."""
    port = free_port()
    clock = [] if block_time_s is None else ["--block-time", str(block_time_s)]
    process = subprocess.Popen([anvil_path(), "--port", str(port), *clock, "--silent"])
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for("anvil", lambda: call(url, "eth_chainId"))
        yield url
    finally:
        process.terminate()
        process.wait()
