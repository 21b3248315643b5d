"""One node's view of the network: sessions in, what to do out. Joins gossip, address book and sync.

The server tells of sessions, messages and time; it gets effects back and carries them out. Without
I/O, clock or chance of its own, so that tests and the simulator turn it by hand. Knows nothing of
sockets, nor of what blocks and transactions are worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, TypeAlias

from .address_book import (
    AddressBook,
    Connections,
    Limits,
    PeerRecord,
    is_loopback,
    read_record,
    sign_record,
)
from .errors import RemoteProtocolError
from .gossip import Ban, Gossip, Send, Validate, Verdict
from .handshake import Hello, Role
from .identity import Endpoint, Identity, NodeId
from .message import (
    GetBlocks,
    GetCells,
    GetHeaders,
    GetOutput,
    GetPeers,
    GetRanges,
    GetState,
    Goodbye,
    HeadStatus,
    Message,
    Peers,
    Ping,
    Pong,
    Request,
    Response,
    Status,
    Topic,
)
from .scoring import Budget, Offence, PeerScores, Service
from .sync import Requests, Serving

MESSAGES_PER_S: Final = 4000.0
MESSAGES_BURST: Final = 20_000.0
PEERS_A_REQUEST: Final = 16
ASK_FOR_PEERS_EVERY_S: Final = 30.0
ANNOUNCE_EVERY_S: Final = 3600.0
PING_EVERY_S: Final = 15.0
SILENT_S: Final = 45.0
"""A peer that says nothing for so long, pings included, is let go."""


@dataclass(frozen=True, slots=True)
class Serve:
    """A peer asks something that its budget allows; answer with `respond`."""

    peer: NodeId
    request: Request


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a request of ours; None: no answer came, or the peer has gone."""

    id: int
    peer: NodeId
    response: Response | None


@dataclass(frozen=True, slots=True)
class Close:
    """A session to end, with the reason for the peer."""

    peer: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class Dial:
    """A node to connect to."""

    endpoint: Endpoint


Effect: TypeAlias = Send | Validate | Serve | Answered | Close | Dial


@dataclass(slots=True)
class Peer:
    """An open session."""

    node_id: NodeId
    hello: Hello
    host: str
    is_inbound: bool
    since: float
    head_number: int
    heard_at: float
    serving: Serving = field(default_factory=Serving)
    messages: Budget = field(default_factory=lambda: Budget(MESSAGES_PER_S, MESSAGES_BURST))
    asked_for_peers: bool = False


class Overlay:
    """Sessions, gossip, addresses and requests of one node."""

    def __init__(
        self,
        identity: Identity,
        rng: Random,
        topics: tuple[Topic, ...],
        limits: Limits,
        *,
        book_secret: bytes,
        bootnodes: tuple[Endpoint, ...] = (),
        book: AddressBook | None = None,
    ) -> None:
        """`bootnodes` are dialled first, and again when nobody else is left; `book` is one of a
        run before, which has a secret of its own.
        """
        self._identity = identity
        self.scores = PeerScores()
        self.gossip = Gossip(self.scores, rng, topics)
        self.book = AddressBook(book_secret, rng) if book is None else book
        self.connections = Connections(limits)
        self.requests = Requests()
        self.peers: dict[NodeId, Peer] = {}
        self._bootnodes = bootnodes
        self._boot_at: dict[Endpoint, float] = {}
        self._dialling: dict[Endpoint, float] = {}
        self._effects: list[Effect] = []
        self._asked_at = self._pinged_at = 0.0
        self._own_place: PeerRecord | None = None
        self._own_record: bytes | None = None

    # -- sessions

    def refusal(self, node_id: NodeId, host: str, now: float, *, is_inbound: bool) -> str | None:
        """Why a session that has just opened has to end again; None if it may stay."""
        if node_id in self.peers:
            return "already connected"
        banned = self.scores.banned_until(node_id, now)
        if banned is not None:
            return f"banned for {banned - now:.0f} s more"
        return self.connections.refusal(host, is_inbound=is_inbound)

    def opened(
        self, node_id: NodeId, hello: Hello, host: str, now: float, *, is_inbound: bool
    ) -> None:
        """A session has opened and may stay."""
        self.peers[node_id] = Peer(
            node_id, hello, host, is_inbound, now, hello.head_number, heard_at=now
        )
        self.connections.opened(node_id, host, is_inbound=is_inbound)
        self.gossip.add_peer(node_id)
        if is_inbound and hello.listen_port:
            self.book.add(Endpoint(host, hello.listen_port, node_id), host, int(now), None)
        if self._own_record is not None:
            self._effects.append(Send(node_id, Peers((self._own_record,))))
        self._collect()

    def dial_ended(self, endpoint: Endpoint, node_id: NodeId | None, now: float) -> None:
        """A dial has come to a session with `node_id`, or to none."""
        self._dialling.pop(endpoint, None)
        if node_id is None:
            self.book.failed(endpoint, now)
        else:
            self.book.answered(replace(endpoint, node_id=node_id), int(now))

    def closed(self, node_id: NodeId) -> None:
        """A session has ended."""
        if self.peers.pop(node_id, None) is None:
            return
        self.connections.closed(node_id)
        self.gossip.remove_peer(node_id)
        for key in self.requests.dropped(node_id):
            self._effects.append(Answered(key, node_id, None))

    def failed(self, node_id: NodeId, now: float) -> None:
        """A peer broke the protocol; its session is over by that."""
        self.penalise(node_id, Offence.PROTOCOL, now)
        self.closed(node_id)

    def penalise(self, node_id: NodeId, offence: Offence, now: float) -> None:
        """Take points from a peer; one that is banned by it is let go."""
        if self.scores.penalise(node_id, offence, now):
            self._effects.append(Close(node_id, f"banned: {offence.value}"))

    def announce(self, host: str, port: int, role: Role, now: float) -> None:
        """Have others told where this node listens, now and every hour."""
        self._own_place = PeerRecord(self._identity.node_id, host, port, int(role), int(now))
        self._own_record = sign_record(self._own_place, self._identity.seed)
        for node_id in self.peers:
            self._effects.append(Send(node_id, Peers((self._own_record,))))

    def take_effects(self) -> list[Effect]:
        """What is to be done, in order; each once."""
        self._collect()
        effects, self._effects = self._effects, []
        return effects

    def _collect(self) -> None:
        for effect in self.gossip.take_effects():
            if isinstance(effect, Ban):
                self._effects.append(Close(_node_id(effect.peer), f"banned: {effect.reason}"))
            else:
                self._effects.append(effect)

    # -- messages

    def received(self, node_id: NodeId, message: Message, now: float) -> None:
        """A peer has sent a message."""
        peer = self.peers.get(node_id)
        if peer is None:
            return
        peer.heard_at = now
        if not peer.messages.spend(1, now):
            self.penalise(node_id, Offence.FLOOD, now)
            return
        handler = _HANDLERS.get(type(message))
        if handler is None:
            self.gossip.handle(node_id, message, now)
        else:
            handler(self, peer, message, now)

    def _on_goodbye(self, peer: Peer, message: Goodbye, now: float) -> None:
        self._effects.append(Close(peer.node_id, ""))

    def _on_ping(self, peer: Peer, message: Ping, now: float) -> None:
        self._effects.append(Send(peer.node_id, Pong(message.number)))

    def _on_pong(self, peer: Peer, message: Pong, now: float) -> None:
        """That it was heard is all there is to it."""

    def _on_head(self, peer: Peer, message: HeadStatus, now: float) -> None:
        peer.head_number = message.unsafe_number

    def _on_get_peers(self, peer: Peer, message: GetPeers, now: float) -> None:
        if not peer.serving.may_ask(now):
            self.penalise(peer.node_id, Offence.FLOOD, now)
            return
        records = self.book.share(message.count, now)
        self._effects.append(Send(peer.node_id, Peers(tuple(records))))

    def _on_peers(self, peer: Peer, message: Peers, now: float) -> None:
        # One record unasked for is the peer's own; a list has to be asked for.
        if len(message.records) > 1 and not peer.asked_for_peers:
            self.penalise(peer.node_id, Offence.FLOOD, now)
            return
        peer.asked_for_peers = peer.asked_for_peers and len(message.records) <= 1
        for data in message.records:
            try:
                record = read_record(data, now)
            except RemoteProtocolError:
                self.penalise(peer.node_id, Offence.INVALID_RECORD, now)
                return
            if record.node_id != self._identity.node_id:
                self.book.add(record.endpoint, peer.host, record.time_s, data)

    def _on_request(self, peer: Peer, message: Request, now: float) -> None:
        if peer.serving.may_ask(now):
            self._effects.append(Serve(peer.node_id, message))
        else:
            self._effects.append(Send(peer.node_id, Response(message.id, Status.BUSY, ())))
            self.penalise(peer.node_id, Offence.FLOOD, now)

    def _on_response(self, peer: Peer, message: Response, now: float) -> None:
        if self.requests.answered(peer.node_id, message):
            self._effects.append(Answered(message.id, peer.node_id, message))
        else:
            self.penalise(peer.node_id, Offence.FLOOD, now)

    # -- asking and answering

    def ask(self, node_id: NodeId, make: Callable[[int], Request], now: float) -> int | None:
        """Send a request; its id, or None while the peer owes enough. `make` gets the id."""
        if node_id not in self.peers:
            return None
        key = self.requests.begin(node_id, now)
        if key is not None:
            self._effects.append(Send(node_id, make(key)))
        return key

    def respond(
        self,
        node_id: NodeId,
        request: Request,
        status: Status,
        items: tuple[bytes, ...],
        now: float,
    ) -> None:
        """Answer what `Serve` has brought."""
        peer = self.peers.get(node_id)
        if peer is not None:
            peer.serving.served(sum(map(len, items)), now)
            self._effects.append(Send(node_id, Response(request.id, status, items)))

    def judge(self, node_id: NodeId, *, is_right: bool, now: float) -> None:
        """Say what an answer was worth."""
        if is_right:
            self.scores.reward(node_id, Service.RIGHT_ANSWER, now)
        else:
            self.penalise(node_id, Offence.WRONG_ANSWER, now)

    def validated(self, key: bytes, verdict: Verdict, now: float) -> None:
        """The verdict on a gossiped payload."""
        self.gossip.validated(key, verdict, now)

    # -- time

    def tick(self, now: float) -> None:
        """Once a second: heartbeat, overdue answers, silent peers, dials."""
        self.gossip.heartbeat(now)
        for key, peer in self.requests.overdue(now):
            self.penalise(_node_id(peer), Offence.TIMEOUT, now)
            self._effects.append(Answered(key, _node_id(peer), None))
        if now - self._pinged_at >= PING_EVERY_S:
            self._pinged_at = now
            self._effects += [Send(node_id, Ping(0)) for node_id in self.peers]
        for node_id, state in self.peers.items():
            if now - state.heard_at > SILENT_S:
                self._effects.append(Close(node_id, "silent"))
        if now - self._asked_at >= ASK_FOR_PEERS_EVERY_S and self.peers:
            self._asked_at = now
            for state in self.peers.values():
                state.asked_for_peers = True
                self._effects.append(Send(state.node_id, GetPeers(PEERS_A_REQUEST)))
        place = self._own_place
        if place is not None and now - place.time_s >= ANNOUNCE_EVERY_S:
            self.announce(place.host, place.port, Role(place.role), now)
        self._dial(now)

    def _dial(self, now: float) -> None:
        outbound = self.connections.groups(is_inbound=False)
        room = self.connections.limits.max_outbound - sum(outbound.values()) - len(self._dialling)
        if room <= 0:
            return
        connected = {self._identity.node_id, *self.peers}
        for endpoint in self._bootnodes:
            is_due = now - self._boot_at.get(endpoint, -60.0) >= (2.0 if not self.peers else 15.0)
            known = endpoint.node_id in connected if endpoint.node_id else self._reached(endpoint)
            if is_due and not known and endpoint not in self._dialling:
                self._boot_at[endpoint] = now
                self._begin_dial(endpoint, now)
                room -= 1
        if room <= 0:
            return
        most = self.connections.limits.max_outbound_per_group
        full = [
            group for group, count in outbound.items() if count >= most and not is_loopback(group)
        ]
        banned = {
            node_id
            for node_id in (entry.node_id for entry in self._dialling)
            if node_id is not None
        }
        endpoint_found = self.book.next_dial(now, connected | banned, full)
        if endpoint_found is not None:
            node_id = endpoint_found.node_id
            if node_id is None or self.scores.banned_until(node_id, now) is None:
                self._begin_dial(endpoint_found, now)

    def _reached(self, endpoint: Endpoint) -> bool:
        return any(
            peer.host == endpoint.host and peer.hello.listen_port == endpoint.port
            for peer in self.peers.values()
        )

    def _begin_dial(self, endpoint: Endpoint, now: float) -> None:
        self._dialling[endpoint] = now
        self._effects.append(Dial(endpoint))


def _node_id(peer: object) -> NodeId:
    assert isinstance(peer, bytes)  # noqa: S101 - the overlay names peers by node id alone
    return peer


_HANDLERS: Final[dict[type, Callable[..., None]]] = {
    Goodbye: Overlay._on_goodbye,
    Ping: Overlay._on_ping,
    Pong: Overlay._on_pong,
    HeadStatus: Overlay._on_head,
    GetPeers: Overlay._on_get_peers,
    Peers: Overlay._on_peers,
    GetHeaders: Overlay._on_request,
    GetBlocks: Overlay._on_request,
    GetCells: Overlay._on_request,
    GetState: Overlay._on_request,
    GetRanges: Overlay._on_request,
    GetOutput: Overlay._on_request,
    Response: Overlay._on_response,
}
