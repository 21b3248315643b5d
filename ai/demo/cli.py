"""`stemma demo`: the whole loop in one command, with a page at its end.

Exit codes: 0 everything held, 1 something failed, 2 usage, 3 a verification said no.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from chain.errors import StemmaError

FAILURE = 1
VERIFICATION_FAILED = 3

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
    # heavy imports only now, so that --help answers at once
    from .report import document, page
    from .run import run_demo
    from .sources import file_datanet, python_datanets

    began = time.monotonic()

    def tell(text: str) -> None:
        typer.echo(f"[{time.monotonic() - began:6.1f} s] {text}", err=True)

    scratch = directory or Path(tempfile.mkdtemp(prefix="stemma-demo-"))
    try:
        plans = [*python_datanets(), *([file_datanet(data)] if data is not None else [])]
        report = asyncio.run(run_demo(scratch, plans, tell, l1_url=l1_url, base_model=base_model))
    except StemmaError as error:
        typer.echo(f"error: {error}\n(logs are in {scratch})", err=True)
        raise typer.Exit(FAILURE) from None
    if directory is None:
        shutil.rmtree(scratch, ignore_errors=True)
    typer.echo(json.dumps(document(report)) if as_json else page(report))
    if not report.verified:
        raise typer.Exit(VERIFICATION_FAILED)
