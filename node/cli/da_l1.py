"""`stemma da` on L1: contracts for data elsewhere, challenges of withheld data, and a DA server."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from chain.types import ZERO_ADDRESS, Address, Hash32, to_address

from ..config import ConfigurationError, DaSection
from ..run_file import write_run_file
from .keys import read_key_file

if TYPE_CHECKING:
    from genesis.alt_da import AltDaConfig
    from genesis.config import RollupConfig
    from genesis.da_committee import DaCommittee

    from ..da.server import DaServer
    from ..l1.transactions import L1Confirmation

_L1_URL = typer.Option(..., "--l1-url", help="JSON-RPC of the L1")
_KEY = typer.Option(..., "--key-file", help="file with the key that pays, mode 0600")
_ROLLUP = typer.Option(..., "--rollup-config", help="rollup.json")
_COMMITMENT = typer.Argument(..., help="the Keccak-256 of the data, as `derive --explain` shows it")
_L1_BLOCK = typer.Option(..., "--l1-block", help="L1 block in which the commitment stands")
_STANDINGS = ("not challenged", "open", "resolved", "expired")


def add_to(app: typer.Typer) -> None:
    """Add these commands to `stemma da`."""
    app.command()(serve)
    app.command("deploy-verifier")(deploy_verifier)
    app.command("deploy-challenge")(deploy_challenge)
    app.command()(challenge)
    app.command()(resolve)


def serve(
    datadir: Path = typer.Option(..., "--datadir", help="where the data are kept"),
    host: str = typer.Option("127.0.0.1", "--host", help="address to listen on"),
    port: int = typer.Option(9650, "--port", help="port; 0: any free one"),
    capacity_mb: int = typer.Option(10_000, "--capacity-mb", min=1, help="megabytes at most"),
) -> None:
    """Keep data by their Keccak-256 for a chain with alt_da: put and get over HTTP."""
    from ..da_node import run_hash_server

    datadir.mkdir(parents=True, exist_ok=True)

    def ready(server: DaServer, _: str | None) -> None:
        write_run_file(datadir, {"da": server.url, "pid": os.getpid()})
        typer.echo(f"Listening on {server.url.removeprefix('http://')}")

    section = DaSection(host=host, port=port, capacity_mb=capacity_mb)
    asyncio.run(run_hash_server(datadir, section, ready))


def deploy_verifier(
    l1_url: str = _L1_URL,
    key_file: Path = _KEY,
    rollup_config: Path = typer.Option(
        ..., "--rollup-config", help="rollup.json whose stemma_da names the operators"
    ),
) -> None:
    """Create the DACertVerifier of a committee on L1; print stemma_da with its address.

    The file need not name a `verifier` yet; one that it names is replaced in what is printed.
    """
    from rollup.da.security import check_committee
    from rollup.settlement.data_availability import cert_verifier_creation

    committee, l1_chain_id = _committee_to_be(rollup_config)
    check_committee(committee)  # no DA node would start with another: not worth the gas
    confirmed = _send(
        l1_url, key_file, None, cert_verifier_creation(committee), l1_chain_id=l1_chain_id
    )
    value = {**committee.to_json(), "verifier": _created(confirmed)}
    typer.echo(json.dumps({"stemma_da": value}, indent=2))


def _committee_to_be(path: Path) -> tuple[DaCommittee, int]:
    """The committee of a rollup.json that may lack its contract's address, and the L1's chain id.

    Raises ConfigurationError where the file has no stemma_da.
    """
    from genesis.config import RollupConfig

    from ..da.access import committee_of
    from ..specification_files import read_json

    value = read_json(path)
    if isinstance(value, dict) and isinstance(value.get("stemma_da"), dict):
        none_yet = f"0x{ZERO_ADDRESS.hex()}"
        value = {**value, "stemma_da": {"verifier": none_yet, **value["stemma_da"]}}
    config = RollupConfig.from_json(value)
    return committee_of(config), config.l1_chain_id


def deploy_challenge(
    l1_url: str = _L1_URL,
    key_file: Path = _KEY,
    owner: str | None = typer.Option(None, "--owner", help="who may change the bond; else the key"),
    challenge_window: int = typer.Option(
        ..., "--challenge-window", min=1, help="L1 blocks in which a commitment can be challenged"
    ),
    resolve_window: int = typer.Option(
        ..., "--resolve-window", min=1, help="L1 blocks in which the data then have to come"
    ),
    bond_wei: int = typer.Option(10**17, "--bond-wei", min=0, help="what a challenge costs"),
    refund_percent: int = typer.Option(
        0, "--refund-percent", min=0, max=100, help="share of its cost for who shows the data"
    ),
) -> None:
    """Create a DataAvailabilityChallenge on L1; print the alt_da of rollup.json."""
    from genesis.alt_da import AltDaConfig
    from rollup.settlement.data_availability import challenge_contract_creation

    code = challenge_contract_creation(
        to_address(owner) if owner else address_of(read_key_file(key_file)),
        challenge_window=challenge_window,
        resolve_window=resolve_window,
        bond_wei=bond_wei,
        refund_percent=refund_percent,
    )
    created = _created(_send(l1_url, key_file, None, code))
    value = AltDaConfig(to_address(created), challenge_window, resolve_window).to_json()
    typer.echo(json.dumps({"alt_da": value}, indent=2))


def challenge(
    commitment: str = _COMMITMENT,
    l1_block: int = _L1_BLOCK,
    l1_url: str = _L1_URL,
    rollup_config: Path = _ROLLUP,
    key_file: Path = _KEY,
) -> None:
    """Challenge data that are withheld: they have to come to L1 in time, or they do not count."""
    from chain import abi
    from rollup.settlement.data_availability import challenge_call

    config, data_hash = _alt_da(rollup_config), _hash(commitment)
    bond = int.from_bytes(_ask(l1_url, config, abi.selector("bondSize()")), "big")
    call = challenge_call(l1_block, data_hash)
    confirmed = _send(l1_url, key_file, config.challenge_contract, call, value_wei=bond)
    last = confirmed.block.number + config.resolve_window
    typer.echo(
        f"challenged in L1 block {confirmed.block.number} with a bond of {bond} wei: the data have "
        f"to be on L1 by block {last}"
    )


def resolve(
    commitment: str = _COMMITMENT,
    l1_block: int = _L1_BLOCK,
    l1_url: str = _L1_URL,
    rollup_config: Path = _ROLLUP,
    key_file: Path = _KEY,
    file: Path | None = typer.Option(None, "--file", help="the data; else --da-url has them"),
    da_url: str | None = typer.Option(None, "--da-url", help="DA server that has the data"),
) -> None:
    """Show the data of a challenged commitment on L1."""
    from rollup.settlement.data_availability import challenge_status_call, resolve_call

    config, data_hash = _alt_da(rollup_config), _hash(commitment)
    data = _data(data_hash, file, da_url)
    if keccak256(data) != data_hash:
        raise ConfigurationError(
            f"the data have the Keccak-256 0x{keccak256(data).hex()}, not 0x{data_hash.hex()}"
        )
    answer = _ask(l1_url, config, challenge_status_call(l1_block, data_hash))
    standing = _STANDINGS[int.from_bytes(answer, "big")]
    if standing != "open":
        raise ConfigurationError(
            f"0x{data_hash.hex()} of L1 block {l1_block} is {standing}: nothing to resolve"
        )
    call = resolve_call(l1_block, data_hash, data)
    confirmed = _send(l1_url, key_file, config.challenge_contract, call)
    typer.echo(f"resolved in L1 block {confirmed.block.number}: {len(data)} bytes are on L1")


def _data(data_hash: Hash32, file: Path | None, da_url: str | None) -> bytes:
    if (file is None) == (da_url is None):
        raise ConfigurationError("give either --file or --da-url")
    if file is not None:
        return file.read_bytes()

    async def fetch() -> bytes:
        from ..da.hashes import HashAccess

        access = HashAccess(DaSection(url=da_url or ""))
        access.open()
        try:
            return await access.blob(data_hash)
        finally:
            await access.close()

    return asyncio.run(fetch())


def _send(
    l1_url: str,
    key_file: Path,
    to: Address | None,
    data: bytes,
    *,
    value_wei: int = 0,
    l1_chain_id: int | None = None,
) -> L1Confirmation:
    """Send a transaction and wait. Raises ConfigurationError on another L1 than is named."""
    from ..l1.json_rpc import JsonRpcClient
    from ..l1.transactions import L1Request, L1Sender

    async def run() -> L1Confirmation:
        async with JsonRpcClient(l1_url) as client:
            chain_id = int(await client.call("eth_chainId"), 16)
            if l1_chain_id not in (None, chain_id):
                raise ConfigurationError(
                    f"{l1_url} is L1 {chain_id}, rollup.json is for L1 {l1_chain_id}: give the URL "
                    "of that one"
                )
            sender = L1Sender(client, read_key_file(key_file), chain_id)
            return await sender.send_and_wait(L1Request(to, data, value_wei))

    return asyncio.run(run())


def _ask(l1_url: str, config: AltDaConfig, data: bytes) -> bytes:
    from ..l1.json_rpc import JsonRpcClient

    async def run() -> str:
        call: dict[str, Any] = {
            "to": f"0x{config.challenge_contract.hex()}",
            "data": f"0x{data.hex()}",
        }
        async with JsonRpcClient(l1_url) as client:
            return str(await client.call("eth_call", call, "latest"))

    answer = bytes.fromhex(asyncio.run(run()).removeprefix("0x"))
    if len(answer) != 32:
        raise ConfigurationError(
            f"0x{config.challenge_contract.hex()}: no DataAvailabilityChallenge there"
        )
    return answer


def _created(confirmed: L1Confirmation) -> str:
    assert confirmed.contract_address is not None  # noqa: S101 - a creation has one
    return confirmed.contract_address


def _alt_da(path: Path) -> AltDaConfig:
    config = _rollup(path).alt_da
    if config is None:
        raise ConfigurationError(f"{path} has no alt_da: nothing of this chain can be challenged")
    return config


def _hash(text: str) -> Hash32:
    digits = text.removeprefix("0x").removeprefix(
        "00" if len(text.removeprefix("0x")) == 66 else ""
    )
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise ConfigurationError(f"{text[:80]}: expected a Keccak-256, with 00 before it or not")
    return Hash32(value)


def _rollup(path: Path) -> RollupConfig:
    from ..specification_files import read_rollup_config

    return read_rollup_config(path)
