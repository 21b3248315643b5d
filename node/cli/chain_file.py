"""`stemma export` and `stemma import`: a chain to a file and from one, with the node not running.

Interrupted, an import stops after the block it is at; the same command goes on from there.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import typer

from ..config import ConfigurationError, StateSection, load

if TYPE_CHECKING:
    from evm.engine import ExecutionEngine

    from ..chain_transfer import Progress

_TELL_EVERY_S = 5.0
_INTERRUPTED = 130

_FILE = typer.Argument(help="blocks in RLP, one after the other; .gz is compressed")
_DATADIR = typer.Option(None, "--datadir", help="where chain data lies")
_GENESIS = typer.Option(None, "--genesis", help="genesis.json; else the data directory's own")


class _Interrupted(Exception):
    """SIGINT or SIGTERM has come, and the block under way is done."""


class _Teller:
    """Prints a line every few seconds, and notices that the user wants to stop."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.started = self._last = time.monotonic()
        self.is_stopped = False

    def __enter__(self) -> Self:
        names = (signal.SIGINT, signal.SIGTERM)
        self._handlers = {name: signal.signal(name, self._stop) for name in names}
        return self

    def __exit__(self, *_: object) -> None:
        for name, handler in self._handlers.items():
            signal.signal(name, handler)

    def _stop(self, *_: object) -> None:
        self.is_stopped = True

    def __call__(self, progress: Progress) -> None:
        if self.is_stopped:
            raise _Interrupted
        now = time.monotonic()
        if now - self._last >= _TELL_EVERY_S:
            self._last = now
            self.tell(progress)

    def tell(self, progress: Progress) -> None:
        known = f", {progress.known:,} known already" if progress.known else ""
        rates = progress.rates(time.monotonic() - self.started)
        typer.echo(
            f"{self.verb} {progress.blocks:,} blocks to {progress.number:,}{known}: {rates}",
            err=True,
        )


@contextmanager
def _chain(
    datadir: Path | None, genesis: Path | None, state: StateSection | None = None
) -> Iterator[ExecutionEngine]:
    """The chain of a data directory, alone in it."""
    from chain.storage import DataDirectory
    from evm.engine import ExecutionEngine
    from genesis.allocation import genesis_block

    from ..chain_runtime import open_store
    from ..specification_files import GENESIS_FILE, find_specification

    directory = datadir or load().datadir
    named = genesis or directory / GENESIS_FILE
    if not named.exists():
        raise ConfigurationError(
            f"{named}: no such file; name the chain's with --genesis, or begin with `stemma init`"
        )
    spec = find_specification(str(genesis or directory)).genesis
    if spec is None:
        raise ConfigurationError(f"{named} is not a genesis.json")
    with DataDirectory(directory):
        is_rollup = spec.config.is_optimism
        store = open_store(directory, state or StateSection(), is_rollup=is_rollup)
        try:
            yield ExecutionEngine.open(store, spec.config, genesis_block(spec))
        finally:
            store.close()


def export_chain(
    file: Path = _FILE,
    first: int = typer.Option(0, "--first", help="first block"),
    last: int | None = typer.Option(None, "--last", help="last block; the head if not given"),
    datadir: Path | None = _DATADIR,
    genesis: Path | None = _GENESIS,
) -> None:
    """Write a chain's blocks to a file that `stemma import` and other clients read."""
    from ..block_file import written_whole
    from ..chain_transfer import export_blocks

    with _Teller("exported") as teller, _chain(datadir, genesis) as engine:
        end = engine.heads.unsafe.number if last is None else last
        try:
            with written_whole(file) as stream:
                progress = export_blocks(engine, stream, first, end, teller)
        except _Interrupted:
            typer.echo(f"interrupted; {file} was not written", err=True)
            raise typer.Exit(_INTERRUPTED) from None
        teller.tell(progress)


def import_chain(
    file: Path = _FILE,
    datadir: Path | None = _DATADIR,
    genesis: Path | None = _GENESIS,
    state: str | None = typer.Option(None, "--state", help="of a new store: archive or pruned"),
    retained_blocks: int | None = typer.Option(
        None, "--retained-blocks", help="pruned: blocks below the head that keep their state"
    ),
) -> None:
    """Execute and store the blocks of a file; those known already are passed over."""
    from ..block_file import BlockFile
    from ..chain_transfer import import_blocks
    from ..sender_recovery import SenderRecovery

    settings = load(flags={"state.mode": state, "state.retained_blocks": retained_blocks})
    with (
        _Teller("imported") as teller,
        BlockFile(file) as blocks,
        _chain(datadir, genesis, settings.state) as engine,
        closing(SenderRecovery(settings.node.sender_processes)) as senders,
    ):
        engine.recover_ahead = senders.recover
        try:
            progress = import_blocks(engine, blocks, teller)
        except _Interrupted:
            number = engine.heads.unsafe.number
            typer.echo(f"stopped after block {number}; the same command goes on there", err=True)
            raise typer.Exit(_INTERRUPTED) from None
        head = engine.heads.unsafe
        teller.tell(progress)
        typer.echo(f"head: block {head.number} 0x{head.hash.hex()}")
