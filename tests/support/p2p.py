"""Keys, hellos and pairs of sessions for tests of node/p2p; everything follows from a seed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from node.p2p.handshake import Hello, Role
from node.p2p.identity import Identity
from node.p2p.noise import KeyPair
from node.p2p.session import Event, Session

HELLO = Hello(
    chain_id=7,
    genesis_hash=b"\x01" * 32,
    fork="isthmus",
    fork_id=b"\x02" * 4,
    role=Role.VERIFIER,
    head_number=5,
    head_hash=b"\x03" * 32,
    listen_port=9546,
    agent="test",
)


def key(*name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()


def identity(*name: object) -> Identity:
    return Identity(key("node", *name), KeyPair.of(key("static", *name)))


def session(name: str, *, is_initiator: bool, run: int = 0, expected=None, **changes) -> Session:
    return Session(
        is_initiator=is_initiator,
        identity=identity(name),
        hello=replace(HELLO, **changes),
        ephemeral=KeyPair.of(key("ephemeral", name, run)),
        expected_id=expected,
    )


def shake(first: Session, second: Session) -> tuple[list[Event], list[Event]]:
    """Carry bytes both ways until nobody has any; what each side heard."""
    heard: tuple[list[Event], list[Event]] = ([], [])
    moving = True
    while moving:
        moving = False
        for sender, receiver, events in ((first, second, heard[1]), (second, first, heard[0])):
            data = sender.data_to_send()
            if data and receiver.state.value != "closed":
                events += receiver.receive(data)
                moving = True
    return heard


def open_pair(run: int = 0) -> tuple[Session, Session]:
    pair = session("a", is_initiator=True, run=run), session("b", is_initiator=False, run=run)
    shake(*pair)
    return pair
