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
from .keys import read_key_file

if TYPE_CHECKING:
    from ..application import RollupNode


def node(
    role: list[str] = typer.Option([], "--role", help="sequencer, batcher or verifier"),
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
    state: str | None = typer.Option(None, "--state", help="archive or pruned"),
    retained_blocks: int | None = typer.Option(
        None, "--retained-blocks", help="pruned: blocks below the head that keep their state"
    ),
    config: Path | None = typer.Option(None, "--config", help="a stemma.toml"),
    proposer_key: Path | None = typer.Option(None, "--proposer-key", help="file with the key"),
    sequencer_stopped: bool = typer.Option(
        False, "--sequencer-stopped", help="wait for admin_startSequencer"
    ),
    engine_port: int | None = typer.Option(None, "--engine-port", help="role execution: its port"),
    engine_url: str | None = typer.Option(
        None, "--engine-url", help="role verifier: execution client to drive instead of our own"
    ),
    jwt_secret: Path | None = typer.Option(None, "--jwt-secret", help="file shared with it"),
    log_level: str | None = typer.Option(None, "--log-level", help="info, or rpc=debug,info"),
    log_format: str | None = typer.Option(None, "--log-format", help="console, logfmt or json"),
) -> None:
    """Run a node. A verifier needs nothing but an L1, rollup.json and genesis.json."""
    settings = node_config.load(
        config,
        os.environ,
        {
            "node.roles": tuple(role) or None,
            "node.datadir": _text(datadir),
            "l1.url": l1_url,
            "l1.beacon_url": beacon_url,
            "l1.trust_rpc": l1_trust_rpc or None,
            "rollup.rollup_config": _text(rollup_config),
            "rollup.genesis": _text(genesis),
            "rpc.host": host,
            "rpc.port": port,
            "batcher.key_file": _text(batcher_key),
            "state.mode": state,
            "state.retained_blocks": retained_blocks,
            "log.level": log_level,
            "log.format": log_format,
        },
            "proposer.key_file": _text(proposer_key),
            "sequencer.stopped": sequencer_stopped or None,
            "engine.port": engine_port,
            "engine.url": engine_url,
            "engine.jwt_secret": _text(jwt_secret),
    )
    settings = _with_initialised_chain(settings)
    for name, value in (
        ("l1.url", settings.l1.url),
        ("rollup.rollup_config", settings.rollup.rollup_config),
        ("rollup.genesis", settings.rollup.genesis),
    ):
        if not value:
            raise ConfigurationError(f"{name} is not set; a node needs it")
    node_logging.configure(settings.log.level, settings.log.format)
    asyncio.run(_run(settings))


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


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


async def _run(settings: node_config.NodeConfig) -> None:
    from ..application import NodeParts, run_node
    from ..l1.json_rpc import JsonRpcClient
    from ..provisioning import check_l1, load_founded, refuse_public_development_key
    from ..run_file import remove_run_file, write_run_file

    founded = load_founded(Path(settings.rollup.rollup_config), Path(settings.rollup.genesis))
    async with JsonRpcClient(settings.l1.url) as client:
        await check_l1(client, founded.config)
    keys: dict[str, bytes | None] = {}
    for role, key_file in (
        ("batcher", settings.batcher.key_file),
        ("proposer", settings.proposer.key_file),
    ):
        keys[role] = key = read_key_file(Path(key_file)) if key_file else None
        if key is not None:
            refuse_public_development_key(
                key, founded.config.l1_chain_id, settings.rpc.host, role=role
            )
    parts = NodeParts(
        rollup=founded.config,
        genesis=founded.genesis,
        l1_url=settings.l1.url,
        datadir=settings.datadir,
        batcher_key=keys["batcher"],
        proposer_key=keys["proposer"],
    )

    def ready(running: RollupNode) -> None:
        write_run_file(
            settings.datadir,
            {
                "l2": {"rpc": running.server.url, "ws": running.server.websocket_url},
                "roles": list(settings.node.roles),
                "pid": os.getpid(),
            },
        )
        typer.echo(f"Listening on {running.server.url.removeprefix('http://')}")

    try:
        await run_node(settings, parts, ready)
    finally:
        remove_run_file(settings.datadir)
