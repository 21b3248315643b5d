"""`stemma db`: what a data directory holds, and giving back the space of what was deleted.

The node must not run meanwhile: LevelDB belongs to one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..config import ConfigurationError, StateSection, load

if TYPE_CHECKING:
    from chain.storage import ChainStore

app = typer.Typer(help="Look at the stores of a data directory, and compact them.",
                  no_args_is_help=True)  # fmt: skip

_DATADIR = typer.Option(None, "--datadir", help="where chain data lies")
_CHAINS = ("", "l1", "l2")  # a node's own chain; the two of `stemma dev`


@contextmanager
def _stores(datadir: Path | None) -> Iterator[list[tuple[Path, ChainStore]]]:
    """Every store below a data directory, opened as what it is."""
    from chain.storage import DataDirectory

    from ..chain_runtime import STORE_DIRECTORY, open_store

    root = datadir or load().datadir
    places = [root / name for name in _CHAINS if (root / name / STORE_DIRECTORY).is_dir()]
    if not places:
        raise ConfigurationError(f"{root}: no chain is stored here")
    opened: list[tuple[Path, ChainStore]] = []
    with DataDirectory(root):
        try:
            for place in places:
                store = open_store(place, StateSection(), is_rollup=True)
                opened.append((place / STORE_DIRECTORY, store))
            yield opened
        finally:
            for _, store in opened:
                store.close()


def _size_mb(directory: Path) -> float:
    return sum(file.stat().st_size for file in directory.iterdir()) / 1e6


@app.command()
def stats(datadir: Path | None = _DATADIR) -> None:
    """Read everything, check every checksum, and count records and bytes by kind."""
    with _stores(datadir) as stores:
        for directory, store in stores:
            heads = store.heads()
            mode = "archive" if store.retention is None else "pruned"
            typer.echo(f"{directory}  {mode}  {_size_mb(directory):,.1f} MB on disk")
            if heads is not None:
                typer.echo(
                    f"  head {heads.unsafe.number:,}  safe {heads.safe.number:,}  "
                    f"finalized {heads.finalized.number:,}  states from {store.first_state:,}"
                )
            for each in store.statistics():
                if each.records:
                    size = f"{each.size_bytes / 1e6:>14,.1f} MB"
                    typer.echo(f"  {each.kind:<12}{each.records:>14,} records{size}")


@app.command()
def compact(datadir: Path | None = _DATADIR) -> None:
    """Give back the space of records that were deleted or written over."""
    with _stores(datadir) as stores:
        for directory, store in stores:
            before = _size_mb(directory)
            store.compact()
            typer.echo(f"{directory}  {before:,.1f} MB -> {_size_mb(directory):,.1f} MB")
