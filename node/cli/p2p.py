"""`stemma p2p`: this node's id, and the peers of a running node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from ..config import load

app = typer.Typer(help="Who a node is to others, and whom it talks to.", no_args_is_help=True)
_URL = typer.Option("http://127.0.0.1:9545", "--rpc", help="JSON-RPC of a running node")


@app.command("id")
def show_id(
    datadir: Path | None = typer.Option(None, "--datadir", help="where chain data lies"),
) -> None:
    """The node id of a data directory; its key is made if there is none."""
    from chain.crypto.ed25519 import public_key_of

    from ..network import read_or_make_node_key

    root = datadir or load().datadir
    root.mkdir(parents=True, exist_ok=True)
    typer.echo(public_key_of(read_or_make_node_key(root)).hex())


@app.command("peers")
def show_peers(
    url: str = _URL, as_json: bool = typer.Option(False, "--json", help="as JSON")
) -> None:
    """Open sessions of a running node, best score first."""
    answer = _ask(url, "opp2p_peers")
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    peers = sorted(answer["peers"].values(), key=lambda peer: -peer["score"])
    typer.echo(f"{answer['totalConnected']} peers")
    for peer in peers:
        typer.echo(
            f"{peer['nodeID'][:16]}  {peer['address']:<22} {peer['direction']:<8} "
            f"{peer['role']:<9} head {peer['head']:<9} score {peer['score']}"
        )


def _ask(url: str, method: str) -> Any:  # noqa: ANN401 - JSON
    import asyncio

    from ..l1.json_rpc import JsonRpcClient

    async def ask() -> Any:  # noqa: ANN401 - JSON
        async with JsonRpcClient(url) as client:
            return await client.call(method)

    return asyncio.run(ask())
