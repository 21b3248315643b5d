"""`stemma dispute`: games about the L2 as L1 tells of them, for people who want to judge them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from chain.errors import DecodeError, StemmaError
from chain.types import to_address

from ..config import ConfigurationError
from .exit_codes import VERIFICATION_FAILED

if TYPE_CHECKING:
    from chain.block import Block
    from chain.types import Address
    from rollup.dispute.game import Game

    from ..disputes import DisputeReader, L1Moment
    from ..l1.json_rpc import JsonRpcClient

_T = TypeVar("_T")

app = typer.Typer(
    help="Dispute games on L1: list, show, play, export, verify.", no_args_is_help=True
)

_TRACE_TIMEOUT_S = 600.0
_L1_URL = typer.Option(..., "--l1-url", help="JSON-RPC of the L1")
_L2_URL = typer.Option(
    None, "--l2-url", help="JSON-RPC of a node of the L2, for rollup.json and steps"
)
_ROLLUP = typer.Option(None, "--rollup-config", help="rollup.json, instead of --l2-url")
_GAME = typer.Argument(..., help="index of the game at the factory, or its address")
_JSON = typer.Option(False, "--json", help="JSON instead of words")


class NoSuchGame(StemmaError):
    """The factory lists no such game."""


@app.command("list")
def list_games(
    l1_url: str = _L1_URL,
    l2_url: str | None = _L2_URL,
    rollup_config: Path | None = _ROLLUP,
    limit: int = typer.Option(20, "--limit", min=1, max=1000, help="the newest so many games"),
    as_json: bool = _JSON,
) -> None:
    """Games, newest first: what they claim, how they stand, clocks, bonds."""

    async def work(reader: DisputeReader) -> list[dict[str, Any]]:
        from ..dispute_view import row

        contracts = await reader.contracts_or_fail()
        at = await reader.now()
        return [
            row(listed, await reader.game(listed.address, at), at)
            for listed in await reader.games(contracts, at, limit)
        ]

    for item in _with_reader(work, l1_url, l2_url, rollup_config):
        typer.echo(json.dumps(item) if as_json else _line(item))


@app.command()
def show(
    game: str = _GAME,
    l1_url: str = _L1_URL,
    l2_url: str | None = _L2_URL,
    rollup_config: Path | None = _ROLLUP,
) -> None:
    """Who says what about which block, where they agree and where they split; with --l2-url also
    the one step that decides, as soon as the game has come down to one.
    """
    from rollup.dispute.explain import summary

    found, at, address = _read(game, l1_url, l2_url, rollup_config)
    from ..dispute_view import standing

    typer.echo(f"game 0x{address.hex()}: {standing(found, at)}")
    for text in summary(found):
        typer.echo(text)
    for text in _step_of(address, l2_url)["lines"]:
        typer.echo(text)


@app.command()
def play(
    game: str = _GAME,
    l1_url: str = _L1_URL,
    l2_url: str | None = _L2_URL,
    rollup_config: Path | None = _ROLLUP,
) -> None:
    """The course of a game, claim by claim, in words."""
    from rollup.dispute.explain import sentence

    found, _, _ = _read(game, l1_url, l2_url, rollup_config)
    for index in range(len(found.claims)):
        typer.echo(sentence(found, index))


@app.command()
def export(
    game: str = _GAME,
    l1_url: str = _L1_URL,
    l2_url: str | None = _L2_URL,
    rollup_config: Path | None = _ROLLUP,
    out: Path | None = typer.Option(None, "--out", help="file to write; else standard output"),
) -> None:
    """Write a game as a bundle that `verify` checks with no node; with --l2-url its steps too."""
    from rollup.dispute.bundle import to_json

    found, at, address = _read(game, l1_url, l2_url, rollup_config)
    about = {"game": "0x" + address.hex(), "l1_block": at.number}
    document = to_json(found, about) | {"steps": _step_of(address, l2_url)["steps"]}
    text = json.dumps(document, indent=1)
    if out is None:
        typer.echo(text)
    else:
        out.write_text(text + "\n", encoding="utf-8")


@app.command()
def verify(bundle: Path = typer.Argument(..., help="what `export` wrote")) -> None:
    """Play an exported game again by the rules and take its single steps again. Exit code 3 where
    something does not follow.
    """
    from rollup.dispute.bundle import check, from_json, steps_taken
    from rollup.dispute.evidence import check_step, evidence_from_json

    try:
        document = json.loads(bundle.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DecodeError(f"{bundle}: {error}") from error
    game = from_json(document)
    wrong, steps = check(game), evidence_from_json(document, game)
    for each in steps:
        if (problem := check_step(game, each)) is not None:
            wrong.append(f"the step against claim {each.claim}: {problem}")
    for text in wrong:
        typer.echo(f"NO: {text}")
    if wrong:
        raise typer.Exit(VERIFICATION_FAILED)
    typer.echo(f"yes: {len(game.claims)} claims follow the rules; verdict {game.status.name}")
    for each in steps:
        typer.echo(f"yes: a step of phase {each.phase} counters claim {each.claim}")
    for index in steps_taken(game):
        if index not in {each.claim for each in steps}:
            typer.echo(f"not checked: the single step that countered claim {index}")


def _step_of(game: bytes, l2_url: str | None) -> dict[str, Any]:
    """What a node of the L2 says of the game's steps; without one, or if it cannot say: nothing."""
    from ..l1.json_rpc import JsonRpcClient, L1CallFailed

    async def ask(url: str) -> dict[str, Any]:
        async with JsonRpcClient(url, _TRACE_TIMEOUT_S) as l2:
            told: dict[str, Any] = await l2.call("stemma_disputeStep", "0x" + game.hex())
            return told

    nothing: dict[str, Any] = {"lines": [], "steps": []}
    if l2_url is None:
        return nothing
    try:
        return asyncio.run(ask(l2_url))
    except L1CallFailed as error:
        typer.echo(f"no step: {error}", err=True)
        return nothing


def _line(item: dict[str, Any]) -> str:
    return (
        f"{item['index']:>5}  {item['game']}  L2 block {item['l2_block']}  {item['standing']}  "
        f"{item['claims']} claims  {item['bonds_wei']} wei in bonds"
    )


def _read(
    game: str, l1_url: str, l2_url: str | None, rollup_config: Path | None
) -> tuple[Game, L1Moment, bytes]:
    async def work(reader: DisputeReader) -> tuple[Game, L1Moment, bytes]:
        at = await reader.now()
        address = await reader.find(game, at)
        if address is None:
            raise NoSuchGame(f"game {game}: the factory lists no such game")
        return await reader.game(address, at), at, address

    return _with_reader(work, l1_url, l2_url, rollup_config)


def _with_reader(
    work: Callable[[DisputeReader], Awaitable[_T]],
    l1_url: str,
    l2_url: str | None,
    rollup_config: Path | None,
) -> _T:
    return asyncio.run(_run(work, l1_url, l2_url, rollup_config))


async def _run(
    work: Callable[[DisputeReader], Awaitable[_T]],
    l1_url: str,
    l2_url: str | None,
    rollup_config: Path | None,
) -> _T:
    from genesis.config import RollupConfig

    from ..disputes import DisputeReader
    from ..l1.json_rpc import JsonRpcClient

    if rollup_config is not None:
        value = json.loads(rollup_config.read_text())
    elif l2_url is not None:
        async with JsonRpcClient(l2_url) as l2:
            value = await l2.call("optimism_rollupConfig")
    else:
        raise ConfigurationError("give --l2-url or --rollup-config: the portal's address is there")
    portal = RollupConfig.from_json(value).deposit_contract_address
    async with JsonRpcClient(l1_url) as l1:
        return await work(DisputeReader(l1, portal))


@app.command("prove-inputs")
def prove_inputs(
    block: int = typer.Argument(..., min=1, help="number of an L2 block"),
    l1_url: str = _L1_URL,
    l2_url: str = typer.Option(..., "--l2-url", help="JSON-RPC of a node of the L2"),
    block_inputs: str = typer.Option(
        ..., "--block-inputs", help="address of BlockInputs on L1, as run.json has it"
    ),
    key_file: Path = typer.Option(..., "--key-file", help="file with the key that pays, mode 0600"),
    rollup_config: Path | None = _ROLLUP,
) -> None:
    """Have L1 compute what an L2 block is made of; exit code 3 where the node's block is not."""
    asyncio.run(
        _prove_inputs(block, l1_url, l2_url, to_address(block_inputs), key_file, rollup_config)
    )


async def _prove_inputs(
    number: int,
    l1_url: str,
    l2_url: str,
    block_inputs: Address,
    key_file: Path,
    rollup_config: Path | None,
) -> None:
    from genesis.config import RollupConfig
    from genesis.registry import chain_config_of
    from rollup.dispute.inputs import inputs_root_of

    from ..input_proving import InputProver
    from ..l1.json_rpc import JsonRpcClient
    from ..l1.transactions import L1Sender
    from .keys import read_key_file

    async with JsonRpcClient(l1_url) as l1, JsonRpcClient(l2_url) as l2:
        value = (
            await l2.call("optimism_rollupConfig")
            if rollup_config is None
            else json.loads(rollup_config.read_text())
        )
        config = RollupConfig.from_json(value)
        if not config.has_inbox_contract:
            raise ConfigurationError(
                "this chain's batches go to an address: L1 can prove the inputs of a chain with "
                "stemma_inbox alone"
            )
        sender = L1Sender(l1, read_key_file(key_file), config.l1_chain_id)
        prover = InputProver(config, l1, block_inputs, sender, typer.echo)
        parent, block = await _raw_block(l2, number - 1), await _raw_block(l2, number)
        on_l1 = await prover.prove(parent)
        chain = chain_config_of(config, config.genesis.system_config.gas_limit)
        refused = await l2.call("stemma_getRefusedTransactions", hex(number))
        raws = [bytes.fromhex(each.removeprefix("0x")) for each in refused]
        ours = inputs_root_of(chain, parent.header, block, raws)
        typer.echo(f"inputs root of L2 block {number} on L1:    0x{on_l1.hex()}")
        typer.echo(f"inputs root of the node's block {number}:  0x{ours.hex()}")
        if on_l1 != ours:
            typer.echo("the node's block is made of something else than L1 gives")
            raise typer.Exit(VERIFICATION_FAILED)


async def _raw_block(l2: JsonRpcClient, number: int) -> Block:
    from chain.block import decode_block

    raw = await l2.call("debug_getRawBlock", hex(number))
    return decode_block(bytes.fromhex(raw.removeprefix("0x")))
