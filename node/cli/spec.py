"""`stemma spec`: what a chain is specified to be: its forks, its differences, its hash."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .exit_codes import VERIFICATION_FAILED

if TYPE_CHECKING:
    from genesis.specification import ForkRow, Specification

app = typer.Typer(help="Show, compare and name the specification of a chain.", no_args_is_help=True)

_SPEC = typer.Argument(
    help="a preset, a directory, a genesis.json, a rollup.json or a registry's TOML"
)
_ROLLUP = typer.Option(None, "--rollup-config", help="a rollup config to read with a genesis")
_TIME = typer.Option(0, "--timestamp", help="preset: time of block 0, seconds")
_CHAIN_ID = typer.Option(None, "--chain-id", help="preset: the L2's chain id")
_RECIPIENT = typer.Option(None, "--fee-recipient", help="preset: an address")
_MOST_DIFFERENCES = 200


@app.command()
def show(
    spec: str = _SPEC,
    rollup_config: Path | None = _ROLLUP,
    timestamp: int = _TIME,
    chain_id: int | None = _CHAIN_ID,
    fee_recipient: str | None = _RECIPIENT,
) -> None:
    """Print the parameters of a chain and when each fork activates."""
    found = _find(spec, rollup_config, timestamp, chain_id, fee_recipient)
    from genesis.specification import fork_table

    for name, value in _facts(found):
        typer.echo(f"{name:<20}{value}")
    typer.echo("")
    typer.echo(f"{'fork':<20}{'time':>12}  {'UTC':<20}{'first block':>12}")
    for row in fork_table(found):
        typer.echo(_row(row, found.genesis_time))


@app.command()
def diff(left: str = _SPEC, right: str = _SPEC) -> None:
    """Print what differs between two specifications; exit code 3 if anything does."""
    from genesis.specification import differences

    from ..specification_files import find_specification

    found = differences(find_specification(left), find_specification(right))
    for item in found[:_MOST_DIFFERENCES]:
        typer.echo(f"{item.path}\n  - {item.left}\n  + {item.right}")
    if len(found) > _MOST_DIFFERENCES:
        typer.echo(f"and {len(found) - _MOST_DIFFERENCES} more")
    if found:
        raise typer.Exit(VERIFICATION_FAILED)
    typer.echo("no difference")


@app.command(name="hash")
def hash_(
    spec: str = _SPEC,
    rollup_config: Path | None = _ROLLUP,
    timestamp: int = _TIME,
    chain_id: int | None = _CHAIN_ID,
    fee_recipient: str | None = _RECIPIENT,
) -> None:
    """Print the hash of the genesis block and that of the whole specification."""
    found = _find(spec, rollup_config, timestamp, chain_id, fee_recipient)
    for name, value in _hashes(found):
        typer.echo(f"{name:<20}{value}")


def _find(
    name: str,
    rollup: Path | None,
    timestamp: int,
    chain_id: int | None,
    fee_recipient: str | None,
) -> Specification:
    from chain.types import to_address

    from ..specification_files import PresetChoices, find_specification

    recipient = None if fee_recipient is None else to_address(fee_recipient)
    return find_specification(name, rollup, PresetChoices(timestamp, chain_id, recipient))


def _hashes(found: Specification) -> list[tuple[str, str]]:
    block = found.check_agreement()
    rows = [("specification", f"0x{found.canonical_hash().hex()}")]
    if block is not None:
        rows.insert(0, ("genesis block", f"0x{block.hash.hex()}"))
    return rows


def _facts(found: Specification) -> list[tuple[str, str]]:
    rows = [("chain id", str(found.chain_id))]
    if found.genesis is not None:
        config = found.genesis.config
        rows += [
            ("rules", config.rules),
            ("accounts", f"{len(found.genesis.alloc):,}"),
            ("gas limit", f"{found.genesis.gas_limit:,}"),
            ("EIP-1559", f"denominator {config.eip1559_denominator}, "
             f"elasticity {config.eip1559_elasticity}"),
        ]  # fmt: skip
        if config.terminal_total_difficulty != 0:
            end = config.terminal_total_difficulty
            rows.append(("proof of work", "for ever" if end is None else f"to difficulty {end:,}"))
    if found.rollup is not None:
        rollup = found.rollup
        rows += [
            ("L1 chain id", str(rollup.l1_chain_id)),
            ("L1 anchor", str(rollup.genesis.l1)),
            ("L2 begins at", str(rollup.genesis.l2)),
            ("block time", f"{rollup.block_time} s"),
            ("sequencing window", f"{rollup.seq_window_size} L1 blocks"),
            ("batch inbox", f"0x{rollup.batch_inbox_address.hex()}"),
            ("portal", f"0x{rollup.deposit_contract_address.hex()}"),
            ("system config", f"0x{rollup.l1_system_config_address.hex()}"),
        ]
    return rows + _hashes(found)


def _row(row: ForkRow, genesis_time: int) -> str:
    if row.time is None:
        return f"{row.fork:<20}{'by number':>12}  {'':<20}{row.first_block:>12,}"
    if row.time <= genesis_time:
        return f"{row.fork:<20}{row.time:>12}  {'from the first block':<20}"
    moment = datetime.datetime.fromtimestamp(row.time, datetime.UTC)
    block = "" if row.first_block is None else f"{row.first_block:>12,}"
    return f"{row.fork:<20}{row.time:>12}  {moment:%Y-%m-%d %H:%M:%S} {block}"
