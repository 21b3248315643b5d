"""Who a node is: an Ed25519 key, whose public half is the node id.

A session is encrypted between X25519 keys; a node signs its own with its node key, so that nobody
else can answer for it. Source of the scheme: libp2p specs, noise/README.md, "Static Key
Authentication". Knows nothing of files or connections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.crypto import ed25519
from chain.errors import DecodeError

from .errors import RemoteProtocolError
from .noise import KeyPair

NODE_ID_BYTES: Final = ed25519.PUBLIC_KEY_BYTES
_DOMAIN: Final = b"stemma-p2p-noise-static-key:"

NodeId = bytes
"""An Ed25519 public key, 32 bytes."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A node key (the seed) with the session key that it vouches for."""

    seed: bytes
    static: KeyPair

    @property
    def node_id(self) -> NodeId:
        """The public key of the seed."""
        return ed25519.public_key_of(self.seed)

    def certificate(self) -> bytes:
        """The signature that binds the session key to the node id; 64 bytes."""
        return ed25519.sign(_DOMAIN + self.static.public, self.seed)


def require_certificate(node_id: bytes, remote_static: bytes, certificate: bytes) -> None:
    """Raises RemoteProtocolError unless the node id vouches for the session's static key."""
    if not ed25519.verify(_DOMAIN + remote_static, certificate, node_id):
        raise RemoteProtocolError(
            f"identity: node {node_id.hex()[:16]} has not signed session key "
            f"0x{remote_static.hex()[:16]}"
        )


def parse_node_id(text: str) -> NodeId:
    """Read 64 hex digits. Raises DecodeError."""
    try:
        node_id = bytes.fromhex(text)
    except ValueError:
        node_id = b""
    if len(node_id) != NODE_ID_BYTES:
        raise DecodeError(f"node id: expected {2 * NODE_ID_BYTES} hex digits, got {text[:80]!r}")
    return node_id


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a node listens and who it has to be: `NODEID@HOST:PORT`, or `HOST:PORT` for anyone."""

    host: str
    port: int
    node_id: NodeId | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = f"{host}:{self.port}"
        return place if self.node_id is None else f"{self.node_id.hex()}@{place}"


def parse_endpoint(text: str) -> Endpoint:
    """Read `[NODEID@]HOST:PORT`. Raises DecodeError."""
    before, at, place = text.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise DecodeError(f"endpoint: expected [NODEID@]HOST:PORT, got {text[:120]!r}")
    return Endpoint(host.strip("[]"), int(port), parse_node_id(before) if at else None)
