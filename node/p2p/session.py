"""One encrypted connection as a machine without I/O: bytes in, events out, bytes back.

    initiator   sends e ............ reads e,ee,s,es + hello → sends s,se + hello → OPEN
    responder   reads e → sends ........................... reads s,se + hello → OPEN

Everything that moves the state is in TRANSITIONS. A peer's fault closes the session: the event says
why, and nothing is read after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from .errors import HandshakeMismatch, LocalProtocolError, RemoteProtocolError
from .framing import MessageReader, RecordReader, cut_message, frame_record
from .handshake import Hello, decode_hello, encode_hello, require_match
from .identity import Identity, NodeId
from .message import LIMITS, Message, decode_message, encode_message
from .noise import MAX_MESSAGE_BYTES, KeyPair, NoiseHandshake, Transport

PROLOGUE: Final = b"stemma-p2p"
MAX_HANDSHAKE_RECORD_BYTES: Final = 1024
"""Three keys, a hello and tags need less than 700."""


class State(Enum):
    """Where a session stands."""

    AWAITS_FIRST = "awaits first"
    AWAITS_SECOND = "awaits second"
    AWAITS_THIRD = "awaits third"
    OPEN = "open"
    CLOSED = "closed"


class Step(Enum):
    """What moves a session on."""

    READ = "read"
    FAIL = "fail"


TRANSITIONS: Final[dict[State, dict[Step, State]]] = {
    State.AWAITS_FIRST: {Step.READ: State.AWAITS_THIRD, Step.FAIL: State.CLOSED},
    State.AWAITS_SECOND: {Step.READ: State.OPEN, Step.FAIL: State.CLOSED},
    State.AWAITS_THIRD: {Step.READ: State.OPEN, Step.FAIL: State.CLOSED},
    State.OPEN: {Step.READ: State.OPEN, Step.FAIL: State.CLOSED},
    State.CLOSED: {},
}


@dataclass(frozen=True, slots=True)
class Opened:
    """The handshake is done: who the peer is."""

    node_id: NodeId
    hello: Hello


@dataclass(frozen=True, slots=True)
class Received:
    """A message of the peer's; `size` is what it took on the wire, without the encryption."""

    message: Message
    size: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer broke the protocol, or is not one of ours; the session is closed."""

    error: RemoteProtocolError


Event: TypeAlias = Opened | Received | Failed


class Session:
    """One side of a connection."""

    def __init__(
        self,
        *,
        is_initiator: bool,
        identity: Identity,
        hello: Hello,
        ephemeral: KeyPair,
        expected_id: NodeId | None = None,
    ) -> None:
        """`ephemeral` is a fresh random key; `expected_id` is who was dialled, if that is known."""
        self.is_initiator = is_initiator
        self._identity = identity
        self._hello = hello
        self._expected_id = expected_id
        self._noise = NoiseHandshake(
            is_initiator=is_initiator,
            static=identity.static,
            ephemeral=ephemeral,
            prologue=PROLOGUE,
        )
        self._transport: Transport | None = None
        self._records = RecordReader(MAX_HANDSHAKE_RECORD_BYTES)
        self._messages = MessageReader(LIMITS)
        self._outgoing: list[bytes] = []
        self.state = State.AWAITS_FIRST
        if is_initiator:
            self._outgoing.append(frame_record(self._noise.write()))
            self.state = State.AWAITS_SECOND

    @property
    def buffered(self) -> int:
        """Bytes held for records and messages that have not arrived in full."""
        return self._records.buffered + self._messages.buffered

    def data_to_send(self) -> bytes:
        """What has to go out now; empty when there is nothing."""
        data, self._outgoing = b"".join(self._outgoing), []
        return data

    def send(self, message: Message) -> bytes:
        """The bytes of a message. Raises LocalProtocolError unless open, EncodeError."""
        if self.state is not State.OPEN or self._transport is None:
            raise LocalProtocolError(f"session: cannot send a message while it {self.state.value}")
        cipher = self._transport.sending
        kind, body = encode_message(message)
        return b"".join(frame_record(cipher.encrypt(part)) for part in cut_message(kind, body))

    def receive(self, data: bytes) -> Iterator[Event]:
        """Events of what has arrived, one at a time; the rest is kept for the next call.

        Raises LocalProtocolError on a closed session.
        """
        if self.state is State.CLOSED:
            raise LocalProtocolError("session: it is closed")
        self._records.feed(data)
        try:
            while (record := self._records.next_record()) is not None:
                yield from self._read(record)
        except RemoteProtocolError as error:
            self._move(Step.FAIL)
            yield Failed(error)

    def _move(self, step: Step) -> None:
        self.state = TRANSITIONS[self.state][step]

    def _read(self, record: bytes) -> Iterator[Event]:
        if self.state is State.OPEN:
            yield from self._read_messages(record)
        elif self.state is State.AWAITS_FIRST:
            if self._noise.read(record):
                raise RemoteProtocolError("handshake: the first message has a payload")
            hello = encode_hello(self._hello, self._identity)
            self._outgoing.append(frame_record(self._noise.write(hello)))
            self._move(Step.READ)
        else:
            yield self._read_hello(record)

    def _read_hello(self, record: bytes) -> Opened:
        payload = self._noise.read(record)
        if self.state is State.AWAITS_SECOND:
            # Written before the peer's hello is judged, so that it can name a mismatch as well.
            hello = encode_hello(self._hello, self._identity)
            self._outgoing.append(frame_record(self._noise.write(hello)))
        transport = self._noise.split()
        node_id, theirs = decode_hello(payload, transport.remote_static)
        if node_id == self._identity.node_id:
            raise HandshakeMismatch("this is ourselves")
        if self._expected_id not in (None, node_id):
            raise HandshakeMismatch(
                f"node id differs: dialled {(self._expected_id or b'').hex()}, "
                f"answered {node_id.hex()}"
            )
        require_match(self._hello, theirs)
        self._transport = transport
        self._records.limit = MAX_MESSAGE_BYTES
        self._move(Step.READ)
        return Opened(node_id, theirs)

    def _read_messages(self, record: bytes) -> Iterator[Event]:
        assert self._transport is not None  # noqa: S101 - open sessions have one
        self._messages.feed(self._transport.receiving.decrypt(record))
        while (found := self._messages.next_message()) is not None:
            kind, body = found
            yield Received(decode_message(kind, body), len(body))
