"""`stemma version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import typer

_SHOWN = ("py-evm", "aiohttp", "plyvel", "coincurve", "ckzg", "torch", "transformers", "peft")


def version(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="also what it stands on"),
) -> None:
    """Print the version."""
    typer.echo(f"stemma {package_version()}")
    if not verbose:
        return
    typer.echo(f"python {platform.python_version()}  {platform.platform()}")
    for name in _SHOWN:
        typer.echo(f"{name} {package_version(name)}")


def package_version(name: str = "stemma-node") -> str:
    """The installed version of a distribution."""
    try:
        return installed(name)
    except PackageNotFoundError:
        return "not installed"
