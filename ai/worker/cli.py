"""The `stemma-worker` command: trains, serves and attributes for a chain.

Parses, calls the service, prints. Logs go to standard error.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chain.errors import StemmaError
from genesis.dev_accounts import dev_accounts

if TYPE_CHECKING:
    from ai.training.recipe import TrainingRecipe

KEY_VARIABLE = "STEMMA_WORKER_KEY"
KEY_DIGITS = 64
DEV_KEY_NAME = "worker"
FAILURE, UNREACHABLE = 1, 4

app = typer.Typer(
    name="stemma-worker",
    help="Trains LoRA adapters, serves them to OpenAI clients and attests what it did.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Keep `run` a command of its own: others will stand beside it."""


@app.command()
def run(
    datadir: Annotated[Path, typer.Option(help="Where content, adapters and receipts lie.")],
    rpc: Annotated[str | None, typer.Option(help="JSON-RPC of an L2 node.")] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help=f"File with the private key in hex; else the variable {KEY_VARIABLE}."),
    ] = None,
    dev_run_file: Annotated[
        Path | None,
        typer.Option(help="run.json of a `stemma dev`: its L2 and its public worker key."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address the gateway listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the gateway; 0: any free port.")] = 8000,
    base_model: Annotated[
        Path | None, typer.Option(help="Directory of the base model; default: the embedded one.")
    ] = None,
    recipe: Annotated[
        list[Path] | None,
        typer.Option(help="Recipe file (JSON) to train by; repeatable; the first is offered."),
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads for torch.")] = 1,
) -> None:
    """Register, then train and serve until stopped."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    if dev_run_file is not None:
        rpc_url, key = _from_run_file(dev_run_file)
    elif rpc is not None:
        rpc_url, key = rpc, read_key(key_file)
    else:
        raise typer.BadParameter("give --rpc or --dev-run-file")
    _refuse_public_key(key, host)
    # torch is slow to import: only now, so that --help and usage errors answer at once
    from ai.models.base_model import DEFAULT_BASE_MODEL
    from ai.training.recipe import TrainingRecipe

    from .service import WorkerConfig, run_worker

    config = WorkerConfig(
        rpc_url,
        datadir,
        key,
        host,
        port,
        base_directory=base_model or DEFAULT_BASE_MODEL,
        recipes=tuple(_recipe(path) for path in recipe) if recipe else (TrainingRecipe(),),
        threads=threads,
    )
    datadir.mkdir(parents=True, exist_ok=True)
    from .client import NodeUnreachable

    try:
        asyncio.run(_until_stopped(run_worker(config, _announce)))
    except StemmaError as error:
        typer.echo(f"error: {error}", err=True)
        code = UNREACHABLE if isinstance(error, NodeUnreachable) else FAILURE
        raise typer.Exit(code) from None


def _refuse_public_key(key: bytes, host: str) -> None:
    """Anybody can sign with a development key: what it attests must not leave this machine."""
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    if not is_local and any(key == each.private_key for each in dev_accounts()):
        raise typer.BadParameter(
            f"--host {host} is reachable from outside, and the key is a public development key"
        )


def _from_run_file(path: Path) -> tuple[str, bytes]:
    """URL of the L2 and the development key named `worker`."""
    try:
        document = json.loads(path.read_text())
        keys = {each["name"]: each["private_key"] for each in document["accounts"]}
        return document["l2"]["rpc"], bytes.fromhex(keys[DEV_KEY_NAME][2:])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise typer.BadParameter(
            f"{path} is not the run.json of a `stemma dev`: {error!r}"
        ) from None


def read_key(key_file: Path | None) -> bytes:
    """The 32-byte private key from a file or the environment; never from the command line."""
    try:
        text = key_file.read_text() if key_file else os.environ.get(KEY_VARIABLE, "")
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{key_file} cannot be read: {error}") from None
    digits = text.strip().removeprefix("0x")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if len(digits) != KEY_DIGITS or len(key) * 2 != KEY_DIGITS:
        where = str(key_file) if key_file is not None else KEY_VARIABLE
        raise typer.BadParameter(f"{where} does not hold a private key of 64 hex digits")
    return key


def _recipe(path: Path) -> TrainingRecipe:
    """A recipe from a file; layout does not matter there, so its hash is of the exact form."""
    from ai.content import exact_json
    from ai.training.recipe import parse_recipe

    try:
        return parse_recipe(exact_json(json.loads(path.read_text())))
    except (OSError, ValueError, StemmaError) as error:
        raise typer.BadParameter(f"{path} is no recipe: {error}") from None


def _announce(url: str) -> None:
    typer.echo(f"gateway {url}/v1")


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or SIGINT, then let the work clean up after itself."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        logging.getLogger(__name__).info("stopped")


def main() -> None:
    """Entry point of the console script."""
    app()
