"""Clients that nobody here wrote, from npm packages under .node: cast and viem.

`make node-tools` brings them. A test that needs one is skipped, with the reason, where it is not.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from node_process import ROOT

FOLDER = ROOT / ".node"
PACKAGES = FOLDER / "node_modules"


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
