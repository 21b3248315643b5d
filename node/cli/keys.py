"""`stemma keys`: encrypted keys in the form every Ethereum wallet reads (Web3 Secret Storage, V3).

A password comes from a file or a prompt, never from the command line, where others can read it.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import uuid
from pathlib import Path

import typer

from chain.crypto.keystore import decrypt_key, encrypt_key
from chain.crypto.secp256k1 import address_of
from chain.types import checksum_address, to_address

from ..config import ConfigurationError, load

app = typer.Typer(help="Make, import, list and export keys.", no_args_is_help=True)

_DIRECTORY = typer.Option(None, "--keystore", help="directory of key files")
_PASSWORD = typer.Option(None, "--password-file", help="file whose first line is the password")


def _directory(given: Path | None) -> Path:
    return given if given is not None else load(environment=os.environ).datadir / "keystore"


def _password(file: Path | None, *, confirm: bool) -> str:
    if file is None:
        return str(typer.prompt("password", hide_input=True, confirmation_prompt=confirm))
    lines = file.read_text().splitlines()
    if not lines or not lines[0]:
        raise ConfigurationError(f"{file}: the first line holds no password")
    return lines[0]


def _write(directory: Path, private_key: bytes, password: str) -> Path:
    """Write a key file readable by its owner only; the name is geth's."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime())
    path = directory / f"UTC--{stamp}.000000000Z--{address_of(private_key).hex()}"
    content = encrypt_key(
        private_key,
        password,
        salt=secrets.token_bytes(32),
        iv=secrets.token_bytes(16),
        key_id=str(uuid.uuid4()),
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    return path


@app.command()
def new(directory: Path | None = _DIRECTORY, password_file: Path | None = _PASSWORD) -> None:
    """Make a key."""
    private_key = secrets.token_bytes(32)
    path = _write(_directory(directory), private_key, _password(password_file, confirm=True))
    typer.echo(f"{checksum_address(address_of(private_key))}  {path}")


@app.command("import")
def import_key(
    file: Path = typer.Argument(help="file that holds a private key in hex"),
    directory: Path | None = _DIRECTORY,
    password_file: Path | None = _PASSWORD,
) -> None:
    """Encrypt a private key that lies in a file."""
    private_key = read_key_file(file)
    path = _write(_directory(directory), private_key, _password(password_file, confirm=True))
    typer.echo(f"{checksum_address(address_of(private_key))}  {path}")


@app.command("list")
def list_keys(directory: Path | None = _DIRECTORY) -> None:
    """List addresses and files."""
    for path in sorted(_directory(directory).glob("UTC--*")):
        address = to_address(str(json.loads(path.read_text())["address"]))
        typer.echo(f"{checksum_address(address)}  {path}")


@app.command()
def export(
    address: str = typer.Argument(help="address of the key"),
    directory: Path | None = _DIRECTORY,
    password_file: Path | None = _PASSWORD,
    output: Path = typer.Option(..., "--output", help="file to write the private key to"),
) -> None:
    """Write a private key, unencrypted, to a file readable by its owner only."""
    name = to_address(address).hex()
    found = sorted(_directory(directory).glob(f"UTC--*--{name}"))
    if not found:
        raise ConfigurationError(f"no key of {address} in {_directory(directory)}")
    content = json.loads(found[0].read_text())
    private_key = decrypt_key(content, _password(password_file, confirm=False))
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("0x" + private_key.hex() + "\n")
    typer.echo(f"{output}")


def read_key_file(path: Path) -> bytes:
    """Read a hex private key from a file. Raises ConfigurationError if others can read it too."""
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text().strip().removeprefix("0x")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigurationError(f"{path}: mode {mode:o}, others can read it; run chmod 600")
    try:
        private_key = bytes.fromhex(text)
    except ValueError:
        private_key = b""
    if len(private_key) != 32:
        raise ConfigurationError(f"{path}: expected 64 hex digits of a private key")
    return private_key
