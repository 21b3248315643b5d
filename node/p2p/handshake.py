"""What two nodes tell each other before anything else, and whether they belong together.

The hello travels inside the Noise handshake, encrypted: the responder's in its first message, the
initiator's in its last. So both sides can name a mismatch, even when one of them has seen it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final, cast

import msgpack

from chain.crypto import ed25519

from .errors import HandshakeMismatch, RemoteProtocolError
from .identity import NODE_ID_BYTES, Identity, NodeId, require_certificate
from .message import HASH_BYTES, MAX_UINT64, unpack_array

PROTOCOL_VERSION: Final = 1
MAX_HELLO_BYTES: Final = 512
FORK_ID_BYTES: Final = 4
MAX_NAME: Final = 64


class Role(IntFlag):
    """What a node does for others."""

    VERIFIER = 1
    SEQUENCER = 2
    DATA = 4
    LIGHT = 8


@dataclass(frozen=True, slots=True)
class Hello:
    """Chain, rules and head of a node.

    `fork` names the newest fork of the schedule for people to read, `fork_id` is the checksum of
    the whole schedule, after EIP-2124. `listen_port` 0: does not listen.
    """

    chain_id: int
    genesis_hash: bytes
    fork: str
    fork_id: bytes
    role: Role
    head_number: int
    head_hash: bytes
    listen_port: int = 0
    agent: str = ""
    version: int = PROTOCOL_VERSION


def encode_hello(hello: Hello, identity: Identity) -> bytes:
    """The hello with node id and certificate."""
    return cast(
        "bytes",
        msgpack.packb(
            [
                hello.version,
                identity.node_id,
                identity.certificate(),
                hello.chain_id,
                hello.genesis_hash,
                hello.fork,
                hello.fork_id,
                int(hello.role),
                hello.head_number,
                hello.head_hash,
                hello.listen_port,
                hello.agent,
            ]
        ),
    )


def decode_hello(payload: bytes, remote_static: bytes) -> tuple[NodeId, Hello]:
    """Read a hello and check that its node id vouches for the session.

    Raises RemoteProtocolError.
    """
    if len(payload) > MAX_HELLO_BYTES:
        raise RemoteProtocolError(f"hello: {len(payload)} bytes, {MAX_HELLO_BYTES} at most")
    values = unpack_array("hello", payload)
    if len(values) != len(_SHAPE):
        raise RemoteProtocolError(f"hello: {len(values)} fields, expected {len(_SHAPE)}")
    for (name, kind, low, high), value in zip(_SHAPE, values, strict=True):
        measure = len(value) if isinstance(value, (bytes, str)) else value
        if type(value) is not kind or not low <= measure <= high:
            raise RemoteProtocolError(f"hello: {name} is {str(value)[:60]!r}")
    version, node_id, certificate, chain_id, genesis, fork, fork_id, role, *rest = values
    require_certificate(node_id, remote_static, certificate)
    number, head_hash, port, agent = rest
    hello = Hello(
        chain_id, genesis, fork, fork_id, Role(role), number, head_hash, port, agent, version
    )
    return node_id, hello


_SHAPE: Final[tuple[tuple[str, type, int, int], ...]] = (
    ("version", int, 1, 2**16),
    ("node id", bytes, NODE_ID_BYTES, NODE_ID_BYTES),
    ("certificate", bytes, ed25519.SIGNATURE_BYTES, ed25519.SIGNATURE_BYTES),
    ("chain id", int, 1, MAX_UINT64),
    ("genesis hash", bytes, HASH_BYTES, HASH_BYTES),
    ("fork", str, 0, MAX_NAME),
    ("fork id", bytes, FORK_ID_BYTES, FORK_ID_BYTES),
    ("role", int, 1, sum(Role)),
    ("head number", int, 0, MAX_UINT64),
    ("head hash", bytes, HASH_BYTES, HASH_BYTES),
    ("listen port", int, 0, 65535),
    ("agent", str, 0, MAX_NAME),
)


def require_match(ours: Hello, theirs: Hello) -> None:
    """Raises HandshakeMismatch with the first thing that differs, both sides in the message."""
    for name, mine, other in (
        ("protocol version", ours.version, theirs.version),
        ("chain id", ours.chain_id, theirs.chain_id),
        ("genesis hash", "0x" + ours.genesis_hash.hex(), "0x" + theirs.genesis_hash.hex()),
        (
            "fork schedule",
            f"0x{ours.fork_id.hex()} ({ours.fork})",
            f"0x{theirs.fork_id.hex()} ({theirs.fork})",
        ),
    ):
        if mine != other:
            raise HandshakeMismatch(f"{name} differs: ours {mine}, theirs {other}")
