"""`stemma node`: chosen roles over an L1, with keys of your own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .. import config as node_config
from .. import logging as node_logging
from ..config import ConfigurationError
from ..run_file import remove_run_file, write_run_file
from .keys import read_key_file

if TYPE_CHECKING:
    from ..da.server import DaServer
    from ..rpc.server import RpcServer

JWT_FILE = "jwt.hex"


_SETTINGS = {
    "role": "node.roles",
    "datadir": "node.datadir",
    "l1_url": "l1.url",
    "beacon_url": "l1.beacon_url",
    "l1_trust_rpc": "l1.trust_rpc",
    "rollup_config": "rollup.rollup_config",
    "genesis": "rollup.genesis",
    "host": "rpc.host",
    "port": "rpc.port",
    "batcher_key": "batcher.key_file",
    "proposer_key": "proposer.key_file",
    "challenger_key": "challenger.key_file",
    "sequencer_stopped": "sequencer.stopped",
    "p2p_listen": "p2p.listen",
    "p2p_peers": "p2p.bootnodes",
    "p2p_signer_key": "p2p.signer_key_file",
    "engine_port": "engine.port",
    "engine_url": "engine.url",
    "jwt_secret": "engine.jwt_secret",
    "data_type": "batcher.data_type",
    "da_peer": "da.peers",
    "da_url": "da.url",
    "da_port": "da.port",
    "da_identity": "da.identity_file",
    "da_signer": "da.signer_file",
    "state": "state.mode",
    "retained_blocks": "state.retained_blocks",
    "sync": "sync.mode",
    "sync_root": "sync.root",
    "log_level": "log.level",
    "log_format": "log.format",
}
"""The setting that each flag of `stemma node` gives."""


def node(
    role: list[str] = typer.Option(
        [],
        "--role",
        help="sequencer, batcher, proposer, challenger, verifier; or execution, da, light alone",
    ),
    l1_url: str | None = typer.Option(None, "--l1-url", help="JSON-RPC of the L1"),
    beacon_url: str | None = typer.Option(None, "--l1-beacon-url", help="beacon API, for blobs"),
    l1_trust_rpc: bool = typer.Option(
        False, "--l1-trust-rpc", help="do not check that L1 blocks are complete"
    ),
    rollup_config: Path | None = typer.Option(None, "--rollup-config", help="rollup.json"),
    genesis: Path | None = typer.Option(None, "--genesis", help="genesis.json of the L2"),
    datadir: Path | None = typer.Option(None, "--datadir", help="where chain data lies"),
    host: str | None = typer.Option(None, "--host", help="address to listen on"),
    port: int | None = typer.Option(None, "--port", help="JSON-RPC port; 0: any free port"),
    batcher_key: Path | None = typer.Option(None, "--batcher-key", help="file with the key"),
    proposer_key: Path | None = typer.Option(None, "--proposer-key", help="file with the key"),
    challenger_key: Path | None = typer.Option(None, "--challenger-key", help="file with the key"),
    sequencer_stopped: bool = typer.Option(
        False, "--sequencer-stopped", help="wait for admin_startSequencer"
    ),
    p2p_listen: str | None = typer.Option(
        None, "--p2p-listen", help="HOST:PORT for other nodes; empty: no network"
    ),
    p2p_peers: list[str] = typer.Option(
        [], "--p2p-peers", help="nodes to begin with: [NODEID@]HOST:PORT"
    ),
    p2p_signer_key: Path | None = typer.Option(
        None, "--p2p-signer-key", help="role sequencer: file with the key that signs blocks"
    ),
    engine_port: int | None = typer.Option(None, "--engine-port", help="role execution: its port"),
    engine_url: str | None = typer.Option(
        None, "--engine-url", help="execution client to drive instead of our own"
    ),
    jwt_secret: Path | None = typer.Option(None, "--jwt-secret", help="file shared with it"),
    state: str | None = typer.Option(None, "--state", help="archive or pruned"),
    retained_blocks: int | None = typer.Option(
        None, "--retained-blocks", help="pruned: blocks below the head that keep their state"
    ),
    sync: str | None = typer.Option(
        None, "--sync", help="derive, or snapshot: begin with a state from peers"
    ),
    sync_root: str | None = typer.Option(
        None, "--sync-root", help="snapshot: anchor or proposed (on L1), or NUMBER:0xROOT"
    ),
    da_peer: list[str] = typer.Option(
        [], "--da-peer", help="URL of a DA node of the committee; once for each"
    ),
    da_url: str | None = typer.Option(None, "--da-url", help="DA node that disperses batches"),
    da_port: int | None = typer.Option(None, "--da-port", help="roles da and light: their port"),
    da_identity: Path | None = typer.Option(None, "--da-identity", help="file, Ed25519 seed"),
    da_signer: Path | None = typer.Option(None, "--da-signer", help="file, key that signs for L1"),
    data_type: str | None = typer.Option(
        None, "--batcher-data-type", help="calldata, blobs, auto or da"
    ),
    config: Path | None = typer.Option(None, "--config", help="a stemma.toml"),
    log_level: str | None = typer.Option(None, "--log-level", help="info, or rpc=debug,info"),
    log_format: str | None = typer.Option(None, "--log-format", help="console, logfmt or json"),
) -> None:
    """Run a node. A verifier needs nothing but an L1, rollup.json and genesis.json."""
    flags = locals()
    settings = node_config.load(
        config, os.environ, {setting: _given(flags[name]) for name, setting in _SETTINGS.items()}
    )
    settings = _with_initialised_chain(settings)
    _check_needs(settings)
    node_logging.configure(settings.log.level, settings.log.format)
    try:
        asyncio.run(_run_roles(settings))
    finally:
        remove_run_file(settings.datadir)


def _given(flag: object) -> object:
    """A flag as a setting; None where it was not given."""
    if isinstance(flag, list):
        return tuple(flag) or None
    if isinstance(flag, Path):
        return str(flag)
    return None if flag is False else flag


def _check_needs(settings: node_config.NodeConfig) -> None:
    """Raise ConfigurationError where the roles need what is not set."""
    is_execution = "execution" in settings.node.roles
    for name, value, is_needed in (
        ("l1.url", settings.l1.url, not is_execution),
        ("rollup.rollup_config", settings.rollup.rollup_config, not is_execution),
        (
            "rollup.genesis",
            settings.rollup.genesis,
            not (settings.engine.url or _is_without_chain(settings)),
        ),
    ):
        if is_needed and not value:
            raise ConfigurationError(f"{name} is not set; a node needs it")


def _is_without_chain(settings: node_config.NodeConfig) -> bool:
    return bool({"da", "light"} & set(settings.node.roles))


async def _run_roles(settings: node_config.NodeConfig) -> None:
    if _is_without_chain(settings):
        await _run_without_chain(settings)
    elif "execution" in settings.node.roles or settings.engine.url:
        await _run_half(settings)
    else:
        await _run(settings)


def _with_initialised_chain(settings: node_config.NodeConfig) -> node_config.NodeConfig:
    """Take the files that `stemma init` has left in the data directory where none are named."""
    from ..specification_files import GENESIS_FILE, ROLLUP_FILE

    found = {
        "rollup.genesis": (settings.rollup.genesis, settings.datadir / GENESIS_FILE),
        "rollup.rollup_config": (settings.rollup.rollup_config, settings.datadir / ROLLUP_FILE),
    }
    return node_config.with_settings(
        settings,
        {name: str(file) for name, (given, file) in found.items() if not given and file.exists()},
    )


async def _run(settings: node_config.NodeConfig) -> None:
    from ..application import NodeParts, run_node
    from ..l1.json_rpc import JsonRpcClient
    from ..provisioning import check_l1, load_founded

    founded = load_founded(Path(settings.rollup.rollup_config), Path(settings.rollup.genesis))
    async with JsonRpcClient(settings.l1.url) as client:
        await check_l1(client, founded.config)
    chain_id = founded.config.l1_chain_id
    parts = NodeParts(
        rollup=founded.config,
        genesis=founded.genesis,
        l1_url=settings.l1.url,
        datadir=settings.datadir,
        batcher_key=_role_key(settings, chain_id, "batcher", settings.batcher.key_file),
        proposer_key=_role_key(settings, chain_id, "proposer", settings.proposer.key_file),
        challenger_key=_role_key(settings, chain_id, "challenger", settings.challenger.key_file),
        signer_key=_role_key(settings, chain_id, "sequencer", settings.p2p.signer_key_file),
    )

    await run_node(
        settings, parts, lambda running: _announce(settings, running.server, p2p=running.endpoint)
    )


def _role_key(
    settings: node_config.NodeConfig, l1_chain_id: int, role: str, key_file: str
) -> bytes | None:
    """The key of a role, where it has a file. Raises DevKeysRefused."""
    from ..provisioning import refuse_public_development_key

    if not key_file:
        return None
    key = read_key_file(Path(key_file))
    refuse_public_development_key(key, l1_chain_id, settings.rpc.host, role=role)
    return key


async def _run_half(settings: node_config.NodeConfig) -> None:
    """Execution without consensus, or consensus over another's execution."""
    from ..engine_api.jwt import read_or_make_secret, read_secret
    from ..l1.json_rpc import JsonRpcClient
    from ..provisioning import check_l1
    from ..specification_files import read_rollup_config, read_specification
    from ..split_node import ConsensusKeys, ExecutionNode, run_consensus, run_execution

    named = settings.engine.jwt_secret
    rollup = settings.rollup.rollup_config
    if settings.engine.url:
        if not named:
            raise ConfigurationError("engine.jwt_secret is not set; the execution client has it")
        config = read_rollup_config(Path(rollup))
        async with JsonRpcClient(settings.l1.url) as client:
            await check_l1(client, config)
        keys = ConsensusKeys(
            read_secret(Path(named)),
            _role_key(settings, config.l1_chain_id, "batcher", settings.batcher.key_file),
        )
        if keys.batcher is None and "batcher" in settings.node.roles:
            raise ConfigurationError("role batcher needs a key: set batcher.key_file")
        await run_consensus(
            settings, config, keys, lambda running: _announce(settings, running.server)
        )
        return

    def ready(running: ExecutionNode) -> None:
        _announce(settings, running.server, engine=running.engine_server.url)

    specification = read_specification(
        Path(settings.rollup.genesis), Path(rollup) if rollup else None
    )
    specification.check_agreement()
    assert specification.genesis is not None  # noqa: S101 - it was read
    path = Path(named) if named else settings.datadir / JWT_FILE
    secret = read_secret(path) if named else read_or_make_secret(path)
    await run_execution(settings, specification.genesis, secret, ready)


async def _run_without_chain(settings: node_config.NodeConfig) -> None:
    """Role da or light."""
    from ..da.keeper import OperatorKeys
    from ..da_node import run_da, run_light
    from ..specification_files import read_rollup_config

    rollup = read_rollup_config(Path(settings.rollup.rollup_config))

    def ready(server: DaServer, p2p: str | None) -> None:
        places = {"da": server.url, "roles": list(settings.node.roles), "pid": os.getpid()}
        if p2p is not None:
            places["p2p"] = p2p
            typer.echo(f"Node {p2p}")
        write_run_file(settings.datadir, places)
        typer.echo(f"Listening on {server.url.removeprefix('http://')}")

    if "light" in settings.node.roles:
        await run_light(settings, rollup, ready)
        return
    files = settings.da.identity_file, settings.da.signer_file
    if not all(files):
        raise ConfigurationError("role da needs keys: set da.identity_file and da.signer_file")
    keys = OperatorKeys(*(read_key_file(Path(file)) for file in files))
    await run_da(settings, rollup, keys, ready)


def _announce(
    settings: node_config.NodeConfig,
    server: RpcServer,
    *,
    engine: str | None = None,
    p2p: str | None = None,
) -> None:
    """Write down and say where the node answers."""
    places = {"rpc": server.url, "ws": server.websocket_url}
    if p2p is not None:
        places["p2p"] = p2p
        typer.echo(f"Node {p2p}")
    if engine is not None:
        places["engine"] = engine
    write_run_file(
        settings.datadir,
        {"l2": places, "roles": list(settings.node.roles), "pid": os.getpid()},
    )
    typer.echo(f"Listening on {server.url.removeprefix('http://')}")
    if engine is not None:
        typer.echo(f"Engine API on {engine.removeprefix('http://')}")
