"""`stemma demo`: the whole loop in one command, with a page at its end.

Exit codes: 0 everything held, 1 something failed, 2 usage, 3 a verification said no,
130 interrupted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from chain.errors import StemmaError

FAILURE = 1
VERIFICATION_FAILED = 3
INTERRUPTED = 130
WIDTH = 100

T = TypeVar("T")

app = typer.Typer(help="Run the payable-AI loop on a real rollup and verify it.")


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Also train on your file: .jsonl .csv …"),
    ] = None,
    l1_url: Annotated[
        str | None, typer.Option(help="Use this L1 (anvil, say), not an embedded one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    directory: Annotated[
        Path | None, typer.Option(help="Scratch directory to use and keep.")
    ] = None,
    base_model: Annotated[
        Path | None, typer.Option(help="Directory of another base model.")
    ] = None,
) -> None:
    """Contributions, two adapters, paid answers, claims, a second node, an audit."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    from .sources import file_datanet, python_datanets

    began = time.monotonic()

    def tell(text: str) -> None:
        for line in textwrap.wrap(text, WIDTH - len("[ 100.0 s] "), break_on_hyphens=False):
            typer.echo(f"[{time.monotonic() - began:6.1f} s] {line}", err=True)

    try:
        plans = [*python_datanets(), *([file_datanet(data)] if data is not None else [])]
    except StemmaError as error:
        raise typer.BadParameter(f"{data} cannot be trained on: {error}") from None
    # torch is slow to import: only now, so that --help and a bad file answer at once
    from .report import document, page
    from .run import run_demo

    scratch = directory or Path(tempfile.mkdtemp(prefix="stemma-demo-"))
    try:
        demo_run = run_demo(scratch, plans, tell, l1_url=l1_url, base_model=base_model)
        report = asyncio.run(_until_stopped(demo_run))
    except (StemmaError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        typer.echo(f"What every process said is in {scratch}/*.log. Nothing is running.", err=True)
        raise typer.Exit(FAILURE) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        if directory is None:
            shutil.rmtree(scratch, ignore_errors=True)
        typer.echo("interrupted: every process of the demo was stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if directory is None:
        shutil.rmtree(scratch, ignore_errors=True)
    typer.echo(json.dumps(document(report)) if as_json else page(report))
    if not report.verified:
        raise typer.Exit(VERIFICATION_FAILED)


async def _until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Run; SIGTERM and SIGHUP cancel it as Ctrl+C does, so that it can stop what it started."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task
