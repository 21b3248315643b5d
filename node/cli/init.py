"""`stemma init`: a data directory that begins with a given genesis."""

from __future__ import annotations

from pathlib import Path

import typer

from ..config import ConfigurationError, load


def init(
    genesis: Path | None = typer.Option(None, "--genesis", help="genesis.json of the L2"),
    preset: str | None = typer.Option(None, "--preset", help="minimal, devnet or mainnet"),
    rollup_config: Path | None = typer.Option(
        None, "--rollup-config", help="rollup.json, or a chain's TOML of the superchain registry"
    ),
    datadir: Path | None = typer.Option(None, "--datadir", help="where chain data will lie"),
    timestamp: int = typer.Option(0, "--timestamp", help="preset: time of block 0, seconds"),
    chain_id: int | None = typer.Option(None, "--chain-id", help="preset: the L2's chain id"),
    fee_recipient: str | None = typer.Option(None, "--fee-recipient", help="preset: an address"),
    state: str | None = typer.Option(None, "--state", help="archive or pruned, for good"),
) -> None:
    """Begin a chain: write its genesis into a data directory, and keep the files beside it.

    `stemma node --datadir` then needs neither --genesis nor --rollup-config.
    """
    from chain.types import to_address

    from ..chain_files import begin_chain
    from ..specification_files import PresetChoices, find_specification

    if (genesis is None) == (preset is None):
        raise ConfigurationError("give either --genesis or --preset")
    recipient = None if fee_recipient is None else to_address(fee_recipient)
    specification = find_specification(
        str(genesis) if preset is None else preset,
        rollup_config,
        PresetChoices(timestamp, chain_id, recipient),
    )
    settings = load(flags={"state.mode": state})
    block = begin_chain(datadir or settings.datadir, specification, settings.state)
    typer.echo(f"chain {specification.chain_id}: block {block.number} 0x{block.hash.hex()}")
