"""`stemma audit REQUEST`: an answer recomputed from chain data and content store, nobody believed.

Exit codes: 0 every check holds, 1 something failed, 2 usage, 3 a check says no, 4 node or gateway
unreachable.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from chain.errors import DecodeError, StemmaError
from chain.types import Hash32, to_hash32

if TYPE_CHECKING:
    from ai.audit.record import Audit, ChainRecord
    from ai.datasets.store import ContentStore

FAILURE: Final = 1
VERIFICATION_FAILED: Final = 3
UNREACHABLE: Final = 4

app = typer.Typer(help="Recompute a paid answer from chain data and content store alone.")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the chain is asked and where documents lie; `None` is a place nobody named."""

    rpc: str
    content: Path | None
    gateway: str | None
    adapters: Path | None
    base_model: Path | None


@app.command()
def audit(
    request: Annotated[str, typer.Argument(help="Request id: 0x and 64 hex digits.")],
    rpc: Annotated[
        str | None, typer.Option(help="JSON-RPC of an L2 node; best one of your own.")
    ] = None,
    datadir: Annotated[
        Path | None,
        typer.Option(help="Directory of a `stemma dev`: its run.json says where everything is."),
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(help="Fetch documents from this gateway, checked by hash.")
    ] = None,
    content: Annotated[
        Path | None, typer.Option(help="Content store to read documents from.")
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Also count, generate and attribute again.")
    ] = False,
    adapters: Annotated[
        Path | None, typer.Option(help="Adapter store, to check the adapter's own files.")
    ] = None,
    base_model: Annotated[
        Path | None, typer.Option(help="Base model for --rerun; default: the embedded one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Walk from an answer back to rows and wallets, and check every number on the way."""
    request_id = _request_id(request)
    sources = find_sources(Sources(rpc or "", content, gateway, adapters, base_model), datadir)
    # the AI libraries are slow to import: only now, so that usage errors answer at once
    from ai.gateway.client import GatewayUnreachable
    from ai.worker.client import NodeUnreachable

    from .report import audit_document, audit_page, passed

    try:
        record, result, notes = asyncio.run(_audit(request_id, sources, rerun=rerun))
    except (NodeUnreachable, GatewayUnreachable) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(UNREACHABLE) from None
    except StemmaError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILURE) from None
    if as_json:
        typer.echo(json.dumps(audit_document(record, result, notes)))
    else:
        typer.echo(audit_page(record, result, notes))
    if not passed(result):
        raise typer.Exit(VERIFICATION_FAILED)


def _request_id(text: str) -> Hash32:
    try:
        return to_hash32(text)
    except DecodeError as error:
        raise typer.BadParameter(f"{text[:80]!r} is no request id: {error}") from None


def find_sources(given: Sources, datadir: Path | None) -> Sources:
    """Complete what was given by the run file of a `stemma dev`. Raises typer.BadParameter."""
    found = given if datadir is None else _completed(given, datadir)
    if not found.rpc:
        raise typer.BadParameter("give --rpc, or --datadir of a running `stemma dev`")
    if found.content is None and found.gateway is None:
        raise typer.BadParameter("give --content or --gateway: where the documents are")
    return found


def _completed(given: Sources, datadir: Path) -> Sources:
    try:
        run = json.loads((datadir / "run.json").read_text())
        rpc, gateway = run["l2"]["rpc"], run.get("gateway")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise typer.BadParameter(
            f"{datadir / 'run.json'} is not the run file of a running `stemma dev`: {error!r}"
        ) from None
    store = datadir / "ai" / "content"
    content, gateway = given.content, given.gateway or gateway
    if content is None and given.gateway is None and store.is_dir():
        content = store
    kept = datadir / "ai" / "adapters"
    adapters = given.adapters or (kept if kept.is_dir() else None)
    rpc = given.rpc or rpc
    return replace(given, rpc=rpc, content=content, gateway=gateway, adapters=adapters)


async def _audit(
    request_id: Hash32, sources: Sources, *, rerun: bool
) -> tuple[ChainRecord, Audit, list[str]]:
    from ai.datasets.store import ContentStore
    from ai.gateway.client import GatewayClient
    from ai.worker.client import ChainClient

    from .gather import chain_record, fetch_documents

    async with ChainClient(sources.rpc) as client:
        record = await chain_record(client, request_id)
    if sources.content is not None:
        return _checked(record, ContentStore(sources.content), [], sources, rerun=rerun)
    with tempfile.TemporaryDirectory(prefix="stemma-audit-") as scratch:
        contents = ContentStore(Path(scratch))
        async with GatewayClient(sources.gateway or "") as gateway:
            problems = await fetch_documents(gateway, record, contents)
        return _checked(record, contents, problems, sources, rerun=rerun)


def _checked(
    record: ChainRecord,
    contents: ContentStore,
    problems: list[str],
    sources: Sources,
    *,
    rerun: bool,
) -> tuple[ChainRecord, Audit, list[str]]:
    from .audit import audit as audit_answer
    from .audit import run_checks

    notes: list[str] = []
    files = _adapter_files(record, sources.adapters, notes, problems)
    result = audit_answer(record, contents, problems=problems, adapter_files=files)
    if not rerun:
        notes.append("what the model itself computes: ask for it with --rerun")
    elif result.verdict != "ok":
        notes.append("what the model itself computes: it stands on what failed")
    elif sources.adapters is None or files is None:
        raise typer.BadParameter("--rerun needs the adapter's files: give --adapters")
    else:
        from ai.adapters.store import AdapterStore
        from ai.models.base_model import DEFAULT_BASE_MODEL

        from .rerun import rerun_steps

        base = sources.base_model or DEFAULT_BASE_MODEL
        steps = rerun_steps(record, contents, base, AdapterStore(sources.adapters))
        checks, not_made = run_checks(steps)
        result = replace(result, checks=result.checks + checks, not_made=not_made)
    return record, result, notes


def _adapter_files(
    record: ChainRecord, directory: Path | None, notes: list[str], problems: list[str]
) -> dict[str, bytes] | None:
    """The adapter's files as they lie there, unchecked; None, and a note why, where they do not."""
    from ai.adapters.store import read_adapter_files

    if directory is None:
        notes.append("the adapter's files: no adapter store was named (--adapters)")
        return None
    place = directory / f"0x{record.settled['adapterId'].hex()}"
    if not place.is_dir():
        notes.append(f"the adapter's files: they are not in {directory}")
        return None
    try:
        return read_adapter_files(place)
    except DecodeError as error:
        problems.append(str(error))
        return None
