"""Tools that nobody here wrote, from npm packages under .node: anvil, cast and viem.

`make node-tools` brings them. A test that needs one is skipped, with the reason, where it is not.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from node_process import ROOT, call, wait_for

FOLDER = ROOT / ".node"
PACKAGES = FOLDER / "node_modules"
START_S = 30.0
_LISTENING = re.compile(r"Listening on (127\.0\.0\.1:\d+)")


def binary(name: str) -> Path:
    """The platform's own binary of a Foundry package; its launcher would be one more process."""
    for found in sorted(PACKAGES.glob(f"@foundry-rs/{name}-*/bin/{name}")):
        return found
    pytest.skip(f"{name} is not installed: make node-tools")


def run_module(script: Path, argument: str, timeout_s: float = 120.0) -> str:
    """Standard output of an ES module that imports packages of .node; its one argument is argv[2].

    It is read from standard input: node then looks packages up from the working directory, so
    that the script may lie among the tests. Raises AssertionError with what it said on failure.
    """
    node = shutil.which("node")
    if node is None or not (PACKAGES / "viem").exists():
        pytest.skip("node.js or viem is not installed: make node-tools")
    done = subprocess.run(
        [node, "--input-type=module", "-", argument],
        input=script.read_text(),
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{script.name} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


class Anvil:
    """An anvil of its own on a free port; `arguments` are anvil's."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log = log
        self.url = ""
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [binary("anvil"), "--host", "127.0.0.1", "--port", "0", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> Anvil:
        """Wait until it answers."""

        def listening() -> re.Match[str] | None:
            code = self._process.poll()
            assert code is None, f"anvil ended with {code}:\n{self.log.read_text()}"
            return _LISTENING.search(self.log.read_text())

        try:
            found = wait_for("anvil listens", listening, START_S)
            self.url = f"http://{found[1]}"
            wait_for("anvil answers", lambda: call(self.url, "eth_chainId"), START_S)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(self, method: str, *params: object) -> Any:
        """One JSON-RPC call."""
        return call(self.url, method, *params)
