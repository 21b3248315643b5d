"""JSON-RPC of a node that joins by a snapshot: how far it is, and for all else, to try again.

There is no chain yet, so nothing here asks a backend. The node's own server takes the port over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from chain.crypto.keccak import keccak256

from ..snapshot.standing import Standing
from . import parameters
from .errors import RESOURCE_UNAVAILABLE, RpcError
from .hexadecimal import data, quantity
from .jsonrpc import Parameter, rpc
from .net import client_version
from .server import Health

NAME: Final = "JoiningBySnapshot"
RETRY_AFTER_S: Final = 5


class JoiningNamespace:
    """eth_syncing, eth_chainId, net_, web3_ and stemma_snapshot, of a node without a chain."""

    def __init__(self, chain_id: int, standing: Standing, peers: Callable[[], int]) -> None:
        """Read what who joins writes; `peers` counts sessions."""
        self._chain_id = chain_id
        self._standing = standing
        self._peers = peers

    @rpc("eth_syncing")
    def syncing(self) -> dict[str, str]:
        """The fields of geth's snap sync that there are; `highestBlock` is the block to begin at.

        Nothing is executed meanwhile, so `currentBlock` stays at genesis.
        """
        standing, genesis = self._standing, quantity(self._standing.genesis)
        shown = {"startingBlock": genesis, "currentBlock": genesis, "highestBlock": genesis}
        if standing.root is not None:
            shown["highestBlock"] = quantity(standing.root.number)
        if standing.progress is not None:
            progress = standing.progress
            shown |= {
                "syncedAccounts": quantity(progress.accounts),
                "syncedStorage": quantity(progress.slots),
                "syncedBytecodes": quantity(progress.codes),
            }
        return shown

    @rpc("stemma_snapshot")
    def snapshot(self) -> dict[str, Any]:
        """What is fetched, from how many peers, and what it waits for, if it does."""
        standing, progress = self._standing, self._standing.progress
        return {
            "joining": True,
            "phase": standing.phase.name.lower(),
            "number": None if standing.root is None else standing.root.number,
            "outputRoot": None if standing.root is None else f"0x{standing.root.root.hex()}",
            "share": 0.0 if progress is None else round(progress.share, 4),
            "stateBytes": 0 if progress is None else progress.size_bytes,
            "blocks": standing.blocks,
            "peers": self._peers(),
            "waitsFor": standing.waits_for or None,
        }

    @rpc("eth_chainId")
    def chain_id(self) -> str:
        """EIP-695."""
        return quantity(self._chain_id)

    @rpc("net_version")
    def version(self) -> str:
        """The chain id in decimal."""
        return str(self._chain_id)

    @rpc("net_listening")
    def listening(self) -> bool:
        """True: it listens for nodes, or it could not join."""
        return True

    @rpc("net_peerCount")
    def peer_count(self) -> str:
        """How many nodes this one talks to."""
        return quantity(self._peers())

    @rpc("web3_clientVersion")
    def client_version(self) -> str:
        """Name and version."""
        return client_version()

    @rpc("web3_sha3", Parameter("data", parameters.hex_bytes))
    def sha3(self, payload: bytes) -> str:
        """Keccak-256."""
        return data(keccak256(payload))


def come_again(standing: Standing) -> RpcError:
    """The answer to all other methods: -32002, by name, with when to try again."""
    return RpcError(
        RESOURCE_UNAVAILABLE,
        f"this node has no chain yet, it joins by a snapshot ({standing}): try again when "
        "eth_syncing is false",
        {"error": NAME, "retryAfterS": RETRY_AFTER_S},
    )


def not_ready(standing: Standing) -> Health:
    """What /readyz says meanwhile."""
    return Health((("snapshot", False, str(standing)),))
