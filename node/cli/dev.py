"""`stemma dev`: an L1 and all roles of a rollup in one process, with known keys."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from genesis.presets import l2_preset

from .. import config as node_config
from .. import logging as node_logging

if TYPE_CHECKING:
    from rollup.dispute.faults import Fault

    from ..application import DevNet

_DEV_DIRECTORY = "dev"
_DEV_ROLES = ("sequencer", "batcher", "proposer", "challenger", "verifier")
_DISPUTE_POLL_S = 1.0


def dev(
    no_ai: bool = typer.Option(False, "--no-ai", help="leave out the worker and its gateway"),
    datadir: Path | None = typer.Option(None, "--datadir", help="where all data lies"),
    l1_url: str | None = typer.Option(None, "--l1-url", help="use this L1, not an embedded one"),
    port: int | None = typer.Option(None, "--port", help="L2 JSON-RPC port; 0: any free port"),
    l1_port: int | None = typer.Option(None, "--l1-port", help="L1 JSON-RPC port; 0: any"),
    block_time: int | None = typer.Option(None, "--block-time", help="seconds per L2 block"),
    l1_block_time: float | None = typer.Option(
        None, "--l1-block-time", help="seconds per embedded L1 block"
    ),
    host: str | None = typer.Option(None, "--host", help="address to listen on (loopback only)"),
    blobs: bool = typer.Option(False, "--blobs", help="post batches as blobs, not calldata"),
    inbox: str | None = typer.Option(
        None, "--inbox", help="address, or contract: L1 can prove what L2 blocks are made of"
    ),
    p2p_listen: str | None = typer.Option(
        None, "--p2p-listen", help="HOST:PORT for other nodes; empty: no network"
    ),
    gateway_port: int = typer.Option(8000, "--gateway-port", help="AI gateway port; 0: any"),
    state: str | None = typer.Option(None, "--state", help="archive or pruned"),
    retained_blocks: int | None = typer.Option(
        None, "--retained-blocks", help="pruned: blocks below the head that keep their state"
    ),
    fault: str | None = typer.Option(
        None, "--fault", help="KIND@BLOCK: the proposer lies, for example wrong-output-root@20"
    ),
    config: Path | None = typer.Option(None, "--config", help="a stemma.toml"),
    log_level: str | None = typer.Option(None, "--log-level", help="info, or rpc=debug,info"),
    log_format: str | None = typer.Option(None, "--log-format", help="console, logfmt or json"),
) -> None:
    """Run a whole development network on this machine. Its keys are public."""
    settings = node_config.load(
        config,
        os.environ,
        {
            "node.datadir": str(datadir) if datadir is not None else None,
            "node.roles": _DEV_ROLES,
            "l1.url": l1_url,
            "l1.port": l1_port,
            "l1.block_time_s": l1_block_time,
            "p2p.listen": p2p_listen,
            "rpc.port": port,
            "rpc.host": host,
            "rpc.cors": ("*",),
            "rollup.block_time_s": block_time,
            "rollup.inbox": inbox,
            "batcher.data_type": "blobs" if blobs else None,
            "proposer.interval_s": l2_preset("devnet").settlement.proposal_interval_s,
            "proposer.allow_non_finalized": True,
            "proposer.poll_s": _DISPUTE_POLL_S,
            "challenger.poll_s": _DISPUTE_POLL_S,
            "state.mode": state,
            "state.retained_blocks": retained_blocks,
            "log.level": log_level,
            "log.format": log_format,
        },
    )
    if datadir is None and not settings.node.datadir:
        flags = {"node.datadir": str(settings.datadir / _DEV_DIRECTORY)}
        settings = node_config.with_settings(settings, flags)
    node_logging.configure(settings.log.level, settings.log.format)
    planted = None if fault is None else _fault(fault)
    asyncio.run(_run(settings, with_ai=not no_ai, gateway_port=gateway_port, fault=planted))


def _fault(text: str) -> Fault:
    from rollup.dispute.faults import parse_fault

    return parse_fault(text)


async def _run(
    settings: node_config.NodeConfig, *, with_ai: bool, gateway_port: int, fault: Fault | None
) -> None:
    from ..application import run_dev
    from ..run_file import remove_run_file, write_run_file
    from ..worker_process import WorkerProcess, ai_is_installed

    worker: WorkerProcess | None = None

    async def ready(net: DevNet) -> None:
        nonlocal worker
        from .banner import banner

        if with_ai and not ai_is_installed():
            typer.echo("AI is not installed: pip install 'stemma-node[ai]', or --no-ai", err=True)
        elif with_ai:
            worker = WorkerProcess(settings.datadir, gateway_port)
        gateway = None if worker is None else worker.gateway_url
        run = net.run_file(settings.datadir, gateway)
        write_run_file(settings.datadir, run)
        if worker is not None:
            await worker.start()
        text = banner(
            run,
            datadir=str(settings.datadir),
            l1_block_s=settings.l1.block_time_s,
            l2_block_s=net.rollup.block_time,
        )
        typer.echo(text)

    async def before_stop() -> None:
        if worker is not None:
            await worker.stop()

    try:
        await run_dev(settings, ready, before_stop, fault)
    finally:
        remove_run_file(settings.datadir)
