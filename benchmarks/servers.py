"""Nodes as child processes with an HTTP port on loopback: start, ask, weigh, stop.

What is sent to them, and what is made of the times, is run.py's.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START_S = 60.0
STOP_S = 15.0
POLL_S = 0.01


class ServerFailed(Exception):
    """A server ended, refused, or did not answer in time."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One running node; a subclass says how it is started and how its blocks come about."""

    name = ""
    has_clock = False
    """Whether it seals blocks on a clock of its own."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="benchmark-"))
        self.port = free_port()
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        started = time.perf_counter()
        with (self.scratch / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_for_answer()
        except BaseException:
            self.stop()
            raise
        self.start_up_s = time.perf_counter() - started

    def command(self) -> list[str]:
        """The command line."""
        raise NotImplementedError

    def seal(self) -> None:
        """Have this node put waiting transactions into a block now."""
        self.call("evm_mine")

    def empty_block_ms(self) -> float:
        """Milliseconds that a block without users' transactions takes."""
        raise NotImplementedError

    def _wait_for_answer(self) -> None:
        deadline = time.perf_counter() + START_S
        while time.perf_counter() < deadline:
            if self._process.poll() is not None:
                raise ServerFailed(f"{self.name} ended:\n{(self.scratch / 'log').read_text()}")
            try:
                self.call("eth_blockNumber")
            except OSError:
                self._connection.close()
                time.sleep(POLL_S)
            else:
                return
        raise ServerFailed(f"{self.name} does not answer within {START_S:.0f} s")

    def post(self, body: bytes) -> bytes:
        """One HTTP request on the connection that stays open."""
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return self._connection.getresponse().read()

    def get(self, path: str) -> str:
        """The text of a page."""
        self._connection.request("GET", path)
        return self._connection.getresponse().read().decode()

    def call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - any JSON
        """One JSON-RPC call. Raises ServerFailed with the node's error."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = json.loads(self.post(json.dumps(body).encode()))
        if "error" in answer:
            raise ServerFailed(f"{self.name}: {method}: {answer['error']}")
        return answer["result"]

    def memory_mb(self) -> float:
        """Resident memory of the process now, in MB of 10^6 bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e6

    def stop(self) -> None:
        """End the process and forget its files."""
        self._connection.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


class Stemma(Server):
    """`stemma dev --no-ai`: L1, sequencer, batcher and driver in one process, a block a second."""

    name = "stemma"
    has_clock = True

    def command(self) -> list[str]:
        """As a user types it."""
        script = Path(sys.executable).with_name("stemma")
        arguments = ["--datadir", str(self.scratch / "data"), "--port", str(self.port)]
        return [str(script), "dev", "--no-ai", *arguments, "--l1-port", "0"]

    def empty_block_ms(self) -> float:
        """The node's own clock around building, sealing and committing, mean of five blocks."""
        count, seconds = self._built()
        while True:
            time.sleep(0.25)
            later_count, later_seconds = self._built()
            if later_count >= count + 5:
                return (later_seconds - seconds) / (later_count - count) * 1000

    def _built(self) -> tuple[float, float]:
        values = {}
        for line in self.get("/metrics").splitlines():
            name, _, value = line.rpartition(" ")
            values[name] = value
        kind = '{chain="l2"}'
        return (
            float(values.get(f"stemma_block_build_seconds_count{kind}", 0)),
            float(values.get(f"stemma_block_build_seconds_sum{kind}", 0)),
        )


class Anvil(Server):
    """anvil; blocks are mined when asked for, so that no block clock slows it down."""

    name = "anvil"

    @staticmethod
    def binary() -> str | None:
        """The program itself, without the launcher of its npm package; None where there is none."""
        for found in sorted(ROOT.glob(".node/node_modules/@foundry-rs/anvil-*/bin/anvil")):
            return str(found)
        return shutil.which("anvil")

    def command(self) -> list[str]:
        """One block has room for a whole load."""
        program = self.binary()
        if program is None:
            raise ServerFailed("anvil is not installed: make node-tools")
        room = ["--gas-limit", "1000000000", "--no-mining", "--silent"]
        return [program, "--host", "127.0.0.1", "--port", str(self.port), *room]

    def empty_block_ms(self) -> float:
        """From outside: the answer to one evm_mine, mean of 50."""
        started = time.perf_counter()
        for _ in range(50):
            self.call("evm_mine")
        return (time.perf_counter() - started) / 50 * 1000


def environment_note() -> str:
    """Cores and load, for the line under the table."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load average {load:.1f} before the first measurement"
