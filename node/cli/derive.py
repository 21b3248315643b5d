"""`stemma derive --explain L1_BLOCK`: what became of the batcher's bytes, and by which rule."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rollup.derivation.journal import Note


def derive(
    explain: int = typer.Option(..., "--explain", help="number of an L1 block"),
    l1_url: str = typer.Option(..., "--l1-url", help="JSON-RPC of the L1"),
    l2_url: str = typer.Option(..., "--l2-url", help="JSON-RPC of a node of the L2"),
    rollup_config: Path | None = typer.Option(
        None, "--rollup-config", help="rollup.json; else the L2 node is asked for it"
    ),
    beacon_url: str | None = typer.Option(None, "--l1-beacon-url", help="beacon API, for blobs"),
    l1_trust_rpc: bool = typer.Option(
        False, "--l1-trust-rpc", help="do not check that L1 blocks are complete"
    ),
    da_peer: list[str] = typer.Option(
        [], "--da-peer", help="URL of a DA node or server, where data are not on L1; one for each"
    ),
    as_json: bool = typer.Option(False, "--json", help="one JSON object a line"),
) -> None:
    """Derive over one L1 block again and say what was taken, kept or dropped, and by which rule."""
    notes = asyncio.run(
        _notes(explain, l1_url, l2_url, rollup_config, beacon_url, da_peer, trusts_rpc=l1_trust_rpc)
    )
    for note in notes:
        typer.echo(json.dumps(_as_json(note)) if as_json else _as_text(note))
    if not notes and not as_json:
        typer.echo(f"L1 block {explain}: nothing for this rollup")


async def _notes(
    number: int,
    l1_url: str,
    l2_url: str,
    rollup_config: Path | None,
    beacon_url: str | None,
    da_peers: list[str],
    *,
    trusts_rpc: bool,
) -> tuple[Note, ...]:
    from genesis.config import RollupConfig

    from ..config import DaSection
    from ..da.access import data_access
    from ..explaining import explain_l1_block
    from ..l1.json_rpc import JsonRpcClient

    async with JsonRpcClient(l1_url) as l1, JsonRpcClient(l2_url) as l2:
        if rollup_config is None:
            value = await l2.call("optimism_rollupConfig")
        else:
            value = json.loads(rollup_config.read_text())
        config = RollupConfig.from_json(value)
        access = data_access(config, DaSection(peers=tuple(da_peers), processes=1))
        if access is not None:
            access.open()
            if not da_peers:
                typer.echo(
                    "data of this chain are not on L1 and nobody is named who has them: where they "
                    "are needed, give --da-peer",
                    err=True,
                )
        try:
            return await explain_l1_block(
                config,
                l1,
                l2,
                number,
                lambda text: typer.echo(text, err=True),
                beacon_url=beacon_url,
                trusts_rpc=trusts_rpc,
                data=None if access is None else access.blob,
            )
        finally:
            if access is not None:
                await access.close()


def _as_text(note: Note) -> str:
    rule = note.rule
    detail = f" ({note.detail})" if note.detail else ""
    return (
        f"{_place(note)}: {rule.outcome.value}: {rule.says}{detail}  [{rule.name}; {rule.source}]"
    )


def _place(note: Note) -> str:
    """Where the bytes are, or what the note is about, from the outermost to the innermost."""
    subject, parts = note.subject, []
    if subject.data is not None:
        source = subject.data.source
        blob = "" if source.blob is None else f" blob {source.blob}"
        parts.append(
            f"transaction {source.index}{blob} bytes {subject.data.start}..{subject.data.end}"
        )
    if subject.channel_id is not None:
        parts.append(f"channel 0x{subject.channel_id.hex()}")
    if subject.frame_number is not None:
        parts.append(f"frame {subject.frame_number}")
    if subject.stream is not None:
        parts.append(f"decompressed bytes {subject.stream[0]}..{subject.stream[1]}")
    if subject.timestamp is not None:
        parts.append(f"L2 time {subject.timestamp}")
    if subject.l2_number is not None:
        parts.append(f"L2 block {subject.l2_number}")
    return ", ".join(parts)


def _as_json(note: Note) -> dict[str, Any]:
    subject = note.subject
    fields: dict[str, Any] = {"l1Block": note.l1.number}
    if subject.data is not None:
        source = subject.data.source
        fields["transactionIndex"] = source.index
        fields["transactionHash"] = "0x" + source.transaction_hash.hex()
        if source.blob is not None:
            fields["blob"] = source.blob
        fields["bytes"] = [subject.data.start, subject.data.end]
    if subject.channel_id is not None:
        fields["channel"] = "0x" + subject.channel_id.hex()
    rest = {
        "frame": subject.frame_number,
        "decompressedBytes": subject.stream,
        "timestamp": subject.timestamp,
        "l2Block": subject.l2_number,
    }
    return {
        **fields,
        **{name: found for name, found in rest.items() if found is not None},
        "rule": note.rule.name,
        "outcome": note.rule.outcome.value,
        "says": note.rule.says,
        "source": note.rule.source,
        "detail": note.detail,
    }
