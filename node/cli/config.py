"""`stemma config`: show the configuration, or check a file."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from .. import config as node_config

app = typer.Typer(help="Show or check the configuration.", no_args_is_help=True)


@app.command()
def dump(
    file: Path | None = typer.Option(None, "--config", help="start from this file"),
) -> None:
    """Print the configuration in force as commented TOML: defaults, then file, then environment."""
    typer.echo(node_config.dump(node_config.load(file, os.environ)), nl=False)


@app.command()
def check(file: Path = typer.Argument(help="a stemma.toml")) -> None:
    """Check a file; unknown keys are errors."""
    node_config.load(file)
    typer.echo(f"{file}: ok")
