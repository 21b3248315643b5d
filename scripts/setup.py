"""Makes `.venv` and installs the locked packages into it; says what it does; idempotent.

Runs on the machine's own Python (3.11 or 3.12) and its standard library alone. Safe to run again:
a stamp in the environment holds the hash of the lock, of pyproject.toml and of the choice of torch.

The CPU build of torch is not what the default package index serves, so it is looked for in two
places: wheels that pip is configured to find on this machine, then PyTorch's own CPU builds
(by uv, which knows where they are).
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".stemma-setup"
UV = "uv==0.13.8"
EXTRAS_WITHOUT_TORCH = "dev"


def say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


def pip(*arguments: str, quiet: bool = False) -> int:
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-q", *arguments]
    stderr = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=ROOT, stderr=stderr, check=False).returncode


def must(code: int, what: str) -> None:
    if code != 0:
        say(f"FAILED: {what} (exit {code}). Fix what is said above, then run `make setup` again.")
        sys.exit(1)


def locked() -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in LOCK.read_text().splitlines()]
    return {line.split("==")[0]: line for line in lines if line}


def install_torch(choice: str, pin: str) -> None:
    say(f"{pin} ({choice} build)")
    if choice == "cuda":
        must(pip(pin), pin)
        return
    if pip("--no-index", "--no-deps", pin, quiet=True) == 0:
        return
    must(pip(UV), UV)
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--python", str(PYTHON)]
    code = subprocess.run([*uv, "--no-deps", "--torch-backend", "cpu", pin], check=False).returncode
    must(code, f"the CPU build of {pin} (or choose: make setup TORCH=cuda)")


def fingerprint(choice: str) -> str:
    parts = [LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), choice.encode()]
    return hashlib.sha256(b"\0".join([*parts, sys.version.encode()])).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", choices=["cpu", "cuda", "none"], default="cpu")
    choice = parser.parse_args().torch
    if not (3, 11) <= sys.version_info[:2] < (3, 13):
        say(f"needs Python 3.11 or 3.12, this is {sys.version.split()[0]}; set PYTHON=python3.11")
        sys.exit(2)
    if STAMP.exists() and STAMP.read_text() == fingerprint(choice):
        return
    if not PYTHON.exists():
        say("creating .venv")
        venv.create(VENV, with_pip=True)
    wanted = locked()
    torch_pin = wanted.pop("torch")
    ai_only = {"peft", "transformers", "accelerate"}  # these would pull a torch of their own
    if choice == "none":
        wanted = {name: pin for name, pin in wanted.items() if name not in ai_only}
    say(f"installing {len(wanted)} locked packages (a few minutes the first time)")
    must(pip("--no-deps", *wanted.values()), "the locked packages")
    if choice != "none":
        install_torch(choice, torch_pin)
    say("installing stemma itself")
    must(pip("--no-deps", "--no-build-isolation", "-e", "."), "stemma")
    STAMP.write_text(fingerprint(choice))
    say("done: .venv/bin/stemma")


if __name__ == "__main__":
    main()
