"""`stemma da`: put and get payloads, sample a blob, verify a certificate, see what a node keeps."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from ..config import ConfigurationError
from . import da_l1
from .exit_codes import VERIFICATION_FAILED
from .keys import read_key_file

if TYPE_CHECKING:
    import aiohttp

    from genesis.config import RollupConfig

T = TypeVar("T")
app = typer.Typer(help="Data availability: put, get, sample, verify.", no_args_is_help=True)
da_l1.add_to(app)

_URL = typer.Option("http://127.0.0.1:9650", "--url", help="a DA node, or for status a light node")
_ROLLUP = typer.Option(..., "--rollup-config", help="rollup.json with stemma_da")
_PEERS = typer.Option(..., "--peer", help="URL of a DA node; give it once for each")
_TIMEOUT = typer.Option(20.0, "--timeout", help="seconds for an answer")


@app.command()
def put(
    file: Path = typer.Argument(..., help="payload of at most 130,044 bytes, or - for stdin"),
    url: str = _URL,
    timeout_s: float = _TIMEOUT,
) -> None:
    """Disperse a payload; print its alt-DA commitment."""
    from ..da.peer import HttpPeer

    payload = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    commitment = _with_session(lambda s: HttpPeer(url, s, timeout_s).put(payload))
    typer.echo(f"0x{commitment.hex()}")


@app.command()
def get(
    commitment: str = typer.Argument(..., help="what put printed"),
    url: str = _URL,
    output: Path | None = typer.Option(None, "--output", "-o", help="file; else stdout"),
    timeout_s: float = _TIMEOUT,
) -> None:
    """Get a payload back."""
    from ..da.peer import HttpPeer

    given = _bytes(commitment)
    payload = _with_session(lambda s: HttpPeer(url, s, timeout_s).get(given))
    if output is None:
        sys.stdout.buffer.write(payload)
    else:
        output.write_bytes(payload)


@app.command()
def status(url: str = _URL, timeout_s: float = _TIMEOUT) -> None:
    """What a DA node keeps, or what a light node has found of each batch, as JSON."""
    from ..da.peer import HttpPeer

    typer.echo(json.dumps(_with_session(lambda s: HttpPeer(url, s, timeout_s).status()), indent=2))


@app.command()
def evidence(
    url: str = _URL,
    as_json: bool = typer.Option(False, "--json", help="as JSON, receipts included"),
    timeout_s: float = _TIMEOUT,
) -> None:
    """Faults that a DA or light node has found of others, with what those had signed."""
    from ..da.evidence import receipt_holds
    from ..da.peer import HttpPeer

    faults = _with_session(lambda s: HttpPeer(url, s, timeout_s).faults())
    if as_json:
        typer.echo(json.dumps(faults, indent=2))
        return
    typer.echo(f"{len(faults)} faults")
    for fault in faults:
        cells = ",".join(map(str, fault["faulty_cells"]))
        word = "no receipt here"
        if fault["receipt"] is not None:
            holds = "signed" if receipt_holds(fault) else "receipt does not hold"
            word = f"{holds}, until {fault['receipt']['stored_until']}"
        typer.echo(
            f"{fault['identity'][:18]}  blob {fault['commitment'][:18]}  {fault['fault']}: "
            f"cells {cells}; {word}"
        )


@app.command()
def sample(
    commitment: str = typer.Argument(..., help="KZG commitment, certificate or what put printed"),
    rollup_config: Path = _ROLLUP,
    peer: list[str] = _PEERS,
    samples: int = typer.Option(8, "--samples", help="cells where all have to be there"),
    tolerated: int = typer.Option(0, "--tolerated", help="failures to tolerate"),
    attempts: int = typer.Option(3, "--attempts", help="how often each cell is asked for"),
    timeout_s: float = typer.Option(5.0, "--timeout", help="seconds a peer has for an answer"),
) -> None:
    """Ask for random cells of a blob; exit code 3 where it is withheld."""
    from rollup.da.sampler import SamplingPlan, Verdict

    from ..da.access import committee_of
    from ..da.dispersal import Peers
    from ..da.peer import HttpPeer
    from ..da.sampling import begin
    from ..da.sampling import sample as ask

    try:
        plan = SamplingPlan(samples, tolerated, attempts)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    config = _rollup(rollup_config)
    sampling = begin(_kzg_commitment(_bytes(commitment)), plan)

    async def run(session: aiohttp.ClientSession) -> dict[str, str]:
        carriers = [HttpPeer(url, session, timeout_s) for url in peer]
        return await ask(sampling, Peers(committee_of(config), carriers))

    failures = _with_session(run)
    miss = float(1 - sampling.confidence)
    held = f"{sampling.held_count} of {len(sampling.indices)} cells"
    for name, why in failures.items():
        typer.echo(f"{name}: {why}", err=True)
    if sampling.verdict is Verdict.AVAILABLE:
        typer.echo(f"available: {held}, chance of a miss {miss:.3g}")
        return
    typer.echo(f"withheld: {held}, failed {', '.join(map(str, sampling.failed_indices))}")
    raise typer.Exit(VERIFICATION_FAILED)


@app.command()
def verify(
    certificate: str = typer.Argument(..., help="certificate, or what put printed"),
    rollup_config: Path = _ROLLUP,
    l1_url: str | None = typer.Option(None, "--l1-url", help="ask the contract on L1 too"),
) -> None:
    """Check a certificate by ourselves, and on L1 where one is named; exit code 3 on a no."""
    from rollup.da.certificate import CertificateStatus, certificate_status

    from ..da.access import committee_of

    config = _rollup(rollup_config)
    committee = committee_of(config)
    data = _certificate(_bytes(certificate))
    found, reason = certificate_status(committee, config.l1_chain_id, data)
    typer.echo(f"ours: {found.name}{': ' + reason if reason else ''}")
    answers = [found]
    if l1_url is not None:
        answers.append(CertificateStatus(asyncio.run(_on_l1(l1_url, committee.verifier, data))))
        typer.echo(f"L1:   {answers[-1].name}")
    if any(answer is not CertificateStatus.SUCCESS for answer in answers):
        raise typer.Exit(VERIFICATION_FAILED)


@app.command()
def keygen(
    directory: Path = typer.Argument(..., help="where the two key files go"),
    stake: int = typer.Option(1, "--stake", help="stake, for the line in rollup.json"),
    custody_groups: int = typer.Option(64, "--custody-groups", help="groups it keeps"),
) -> None:
    """Make an operator's keys; print its entry for stemma_da in rollup.json."""
    from chain.crypto import ed25519
    from chain.crypto.secp256k1 import address_of

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = {}
    for name in ("identity", "signer"):
        path = directory / f"{name}.key"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise ConfigurationError(f"{path} is there already; it is not written over") from error
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_bytes(32).hex() + "\n")
        keys[name] = read_key_file(path)
    entry = {
        "signer": f"0x{address_of(keys['signer']).hex()}",
        "identity": f"0x{ed25519.public_key_of(keys['identity']).hex()}",
        "stake": stake,
        "custody_groups": custody_groups,
    }
    typer.echo(json.dumps(entry, indent=2))


def _with_session(use: Callable[[aiohttp.ClientSession], Awaitable[T]]) -> T:
    async def run() -> T:
        import aiohttp

        async with aiohttp.ClientSession() as session:
            return await use(session)

    return asyncio.run(run())


def _rollup(path: Path) -> RollupConfig:
    from ..specification_files import read_rollup_config

    return read_rollup_config(path)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise ConfigurationError(f"{text[:40]}: expected hex") from error


def _certificate(given: bytes) -> bytes:
    """A certificate as it is, or out of an alt-DA commitment of our layer."""
    from rollup.da.certificate import DA_LAYER
    from rollup.wire.alt_da import GENERIC_COMMITMENT

    head = bytes((GENERIC_COMMITMENT, DA_LAYER))
    return given[2:] if given[:2] == head else given


def _kzg_commitment(given: bytes) -> bytes:
    from rollup.da.certificate import Certificate
    from rollup.da.commitment import COMMITMENT_BYTES

    if len(given) == COMMITMENT_BYTES:
        return given
    return Certificate.decode(_certificate(given)).commitment


async def _on_l1(url: str, verifier: bytes, data: bytes) -> int:
    from chain import abi

    from ..l1.json_rpc import JsonRpcClient

    call: dict[str, Any] = {
        "to": f"0x{verifier.hex()}",
        "data": f"0x{(abi.selector('checkDACert(bytes)') + abi.encode(['bytes'], [data])).hex()}",
    }
    async with JsonRpcClient(url) as client:
        answer = str(await client.call("eth_call", call, "latest"))
    if len(answer) != 66:
        raise ConfigurationError(f"0x{verifier.hex()}: no DACertVerifier there: {answer[:80]}")
    return int(answer, 16)
