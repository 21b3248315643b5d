"""Real nodes as child processes: start, wait until they answer, ask, stop, kill."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
POLL_S = 0.05

_ids = itertools.count(1)


class RpcFailure(Exception):
    """The node answered with a JSON-RPC error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['message']} ({error['code']})")
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data")


def post(url: str, body: object, timeout_s: float = 30.0) -> Any:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=timeout_s) as response:
        return json.loads(response.read())


def call(url: str, method: str, *params: object) -> Any:
    """One JSON-RPC call. Raises RpcFailure; OSError when nobody answers."""
    answer = post(
        url, {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": list(params)}
    )
    if "error" in answer:
        raise RpcFailure(answer["error"])
    return answer["result"]


def wait_for(what: str, condition: Callable[[], Any], within_s: float = 60.0) -> Any:
    """The first true value of a condition; an AssertionError that says what never came."""
    deadline = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = condition()
            if last:
                return last
        except (OSError, RpcFailure) as error:
            last = error
        time.sleep(POLL_S)
    raise AssertionError(f"{what}: not within {within_s:.0f} s; last seen: {last!r}")


class NodeProcess:
    """`stemma ...` in a data directory of its own; run.json says where it answers."""

    def __init__(
        self,
        datadir: Path,
        *arguments: str,
        prefix: tuple[str, ...] = (),
        module: str = "node.cli",
    ) -> None:
        """`prefix` starts the command elsewhere, such as in a network namespace; `module` is
        another program than ours.
        """
        self.module = module
        self.datadir = datadir
        self.arguments = arguments
        self.prefix = prefix
        self.run: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> NodeProcess:
        self.datadir.mkdir(parents=True, exist_ok=True)
        run_file = self.datadir / "run.json"
        run_file.unlink(missing_ok=True)
        log = (self.datadir / "stderr.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    *self.prefix,
                    sys.executable,
                    "-m",
                    self.module,
                    *self.arguments,
                    "--datadir",
                    self.datadir,
                ],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )

        def ready() -> bool:
            assert self._process is not None
            code = self._process.poll()
            assert code is None, f"ended with {code}:\n{self.log_tail()}"
            return run_file.exists()

        wait_for("run.json", ready, START_S)
        self.run = json.loads(run_file.read_text())
        return self

    @property
    def l2(self) -> str:
        return self.run["l2"]["rpc"]

    @property
    def l1(self) -> str:
        return self.run["l1"]["rpc"]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join((self.datadir / "stderr.log").read_text().splitlines()[-lines:])

    def kill(self) -> None:
        """SIGKILL: no chance to clean up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self, within_s: float = 15.0) -> int:
        """SIGTERM; the exit code. Killed and None-safe when it does not stop in time."""
        process = self._process
        if process is None or process.poll() is not None:
            return 0 if process is None else process.returncode
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return -9


def dev(datadir: Path, *arguments: str) -> NodeProcess:
    """`stemma dev --no-ai` on free ports."""
    return NodeProcess(datadir, "dev", "--no-ai", "--port", "0", "--l1-port", "0", *arguments)


def verifier(datadir: Path, l1_url: str, founded: Path, *arguments: str) -> NodeProcess:
    """`stemma node`: knows L1, rollup.json and genesis.json, nothing else."""
    return NodeProcess(
        datadir,
        "node",
        "--l1-url", l1_url,
        "--rollup-config", str(founded / "rollup.json"),
        "--genesis", str(founded / "genesis.json"),
        "--port", "0",
        *arguments,
    )  # fmt: skip


def block_hash(url: str, number: int) -> str | None:
    block = call(url, "eth_getBlockByNumber", hex(number), False)
    return None if block is None else block["hash"]


def head_number(url: str, tag: str = "latest") -> int:
    return int(call(url, "eth_getBlockByNumber", tag, False)["number"], 16)
