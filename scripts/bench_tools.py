"""Gets what we are compared with and the node does not need: EELS, eth-tester and anvil.

The Python packages of benchmarks/requirements.txt go to build/benchmarks, beside the environment
and without dependencies, so that the lock stays as it is; anvil comes by `make node-tools`. Run by
`make bench-tools` and at the start of `make bench-evm`; does nothing where all is there, and says
what could not be had and why without failing.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
PACKAGES = ROOT / "build" / "benchmarks"
STAMP = PACKAGES / ".installed"
INSTALL_WITHIN_S = 600


def run(command: list[str]) -> str | None:
    """Why a command failed, in its own last words; None where it did not."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return said[-1] if said else f"exit {done.returncode}"


def install_packages() -> str | None:
    """Put the packages in place; why not, if not."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return None
    shutil.rmtree(PACKAGES, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    reason = run([*pip, "--no-deps", "--target", str(PACKAGES), "-r", str(REQUIREMENTS)])
    if reason is None:
        STAMP.write_text(wanted)
    return reason


def install_anvil() -> str | None:
    """Have anvil in .node or on the path; why not, if not."""
    if any(ROOT.glob(".node/node_modules/@foundry-rs/anvil-*/bin/anvil")) or shutil.which("anvil"):
        return None
    if shutil.which("npm") is None:
        return "npm is not installed (it comes with node.js)"
    return run(["make", "--no-print-directory", "node-tools"])


def missing() -> dict[str, str]:
    """By tool: why it is not there. Installs what it can."""
    found = {"EELS and eth-tester": install_packages(), "anvil": install_anvil()}
    return {name: reason for name, reason in found.items() if reason is not None}


def main() -> None:
    for name, reason in missing().items():
        print(f"bench-tools: {name}: not installed: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
