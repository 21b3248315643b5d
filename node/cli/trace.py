"""`stemma trace BLOCK TX STEP`: one step of an L2 block, as a dispute would prove it, in words."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import typer

from ..config import ConfigurationError

_PARTS = ("begin", "end")


def trace(
    block: int = typer.Argument(..., help="number of a safe L2 block"),
    transaction: str = typer.Argument(
        ..., metavar="TX", help="its transaction, the first is 0; or begin, or end"
    ),
    step: int = typer.Argument(..., help="the step, the first is 0"),
    l2_url: str = typer.Option(..., "--l2-url", help="JSON-RPC of a node that keeps the block"),
    as_json: bool = typer.Option(False, "--json", help="JSON instead of words"),
) -> None:
    """Say what one step of a block works on and what it changes, with the size of its witness."""
    if transaction not in _PARTS and not (transaction.isascii() and transaction.isdigit()):
        raise ConfigurationError(f"transaction {transaction!r}: a number from 0, begin or end")
    part: int | str = transaction if transaction in _PARTS else int(transaction)
    told = asyncio.run(_ask(l2_url, block, part, step))
    if as_json:
        typer.echo(json.dumps(told))
        return
    name = transaction if transaction in _PARTS else f"transaction {transaction}"
    where = f"step {step} of {told['stepsOfPart']} of {name}"
    typer.echo(f"{told['name']}, {where}; {told['index']} of {told['stepsOfBlock']} of the block")
    for line in told["lines"]:
        typer.echo(line)
    typer.echo(f"{'commitment':<12}{told['before']} before")
    typer.echo(f"{'':<12}{told['after']} after")


async def _ask(l2_url: str, block: int, part: int | str, step: int) -> dict[str, Any]:
    from ..l1.json_rpc import JsonRpcClient

    async with JsonRpcClient(l2_url) as l2:
        told: dict[str, Any] = await l2.call("stemma_traceStep", block, part, step)
        return told
