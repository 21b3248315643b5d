"""The gossip mesh: what is published once reaches everyone, and nobody pays much for liars.

    publish, accepted      → full message to the peers of the topic's mesh
    heartbeat              → mesh kept between D_LOW and D_HIGH; late ids to D_LAZY others (IHAVE)
    IHAVE of unknown ids   → IWANT; a promise that is not kept costs points
    message                → budget, seen-cache, then `Validate`; forwarded after `validated`

A machine without I/O, clock or chance of its own: time and a random generator come from outside,
what is to be done comes out of `take_effects`. Caches are bounded by count, bytes and time. Source
of the rules: libp2p gossipsub v1.1. Knows nothing of what a payload means.
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Final, TypeAlias

from .message import (
    ID_BYTES,
    MAX_IDS,
    TOPIC_LIMITS,
    Graft,
    IHave,
    IWant,
    Message,
    Prune,
    Publish,
    Subscribe,
    Topic,
)
from .scoring import GRAYLIST_BELOW, Budget, Offence, PeerKey, PeerScores, Service

D: Final = 6
D_LOW: Final = 4
D_HIGH: Final = 12
D_LAZY: Final = 6
D_BEST: Final = 4
"""Mesh peers that a cut keeps for their score; the others stay by chance."""

HEARTBEAT_S: Final = 1.0
SEEN_S: Final = 120.0
MAX_SEEN: Final = 65_536
MAX_CACHED_BYTES: Final = 32 * 1024 * 1024
GOSSIPED_HEARTBEATS: Final = 3
BACKOFF_S: Final = 60
PROMISE_S: Final = 3.0
MAX_PROMISES: Final = 4096
MAX_IWANT_IDS: Final = 512
"""A peer and heartbeat, both ways."""

MAX_PENDING_PER_PEER: Final = 64
"""Messages of one peer and topic that wait for their verdict: transactions that wait keep no block
out.
"""

MessageId: TypeAlias = bytes


class Verdict(Enum):
    """What a payload is worth: forwarded, dropped, or dropped and punished."""

    ACCEPT = "accept"
    IGNORE = "ignore"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class TopicRules:
    """What a peer may send of a topic, and what good and bad messages are worth."""

    messages_per_s: float
    burst_messages: float
    bytes_per_s: float
    burst_bytes: float
    offence: Offence
    service: Service


_MIB: Final = 1024.0 * 1024.0
RULES: Final[dict[Topic, TopicRules]] = {
    Topic.BLOCKS: TopicRules(
        20, 60, 12 * _MIB, 40 * _MIB, Offence.INVALID_BLOCK, Service.FIRST_BLOCK
    ),
    Topic.TRANSACTIONS: TopicRules(
        200, 1000, 4 * _MIB, 16 * _MIB, Offence.INVALID_TRANSACTION, Service.FIRST_TRANSACTIONS
    ),
    Topic.CELLS: TopicRules(
        2000, 8000, 6 * _MIB, 24 * _MIB, Offence.INVALID_CELL, Service.FIRST_CELL
    ),
    Topic.ATTESTATIONS: TopicRules(
        200, 1000, 1 * _MIB, 4 * _MIB, Offence.INVALID_ATTESTATION, Service.FIRST_ATTESTATION
    ),
}


@dataclass(frozen=True, slots=True)
class Send:
    """A message for a peer."""

    peer: PeerKey
    message: Message


@dataclass(frozen=True, slots=True)
class Validate:
    """A payload that nobody here has judged; `validated` is to be called with its id."""

    peer: PeerKey
    topic: Topic
    payload: bytes
    id: MessageId


@dataclass(frozen=True, slots=True)
class Ban:
    """A peer whose score has fallen too low."""

    peer: PeerKey
    reason: str


Effect: TypeAlias = Send | Validate | Ban


def message_id(topic: Topic, payload: bytes) -> MessageId:
    """20 bytes of SHA-256 over topic and payload."""
    return hashlib.sha256(bytes([topic]) + payload).digest()[:ID_BYTES]


@dataclass(slots=True)
class _Peer:
    """What is known of a connected peer."""

    topics: frozenset[Topic] = frozenset()
    pending: Counter[Topic] = field(default_factory=Counter)
    wanted: int = 0
    served: int = 0
    messages: dict[Topic, Budget] = field(default_factory=dict)
    size: dict[Topic, Budget] = field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    """An id that was met, who sent it and who first, and the payload while its verdict is out."""

    at: float
    senders: set[PeerKey]
    first: PeerKey | None = None
    pending: Publish | None = None


class Gossip:
    """One node's part of the mesh."""

    def __init__(self, scores: PeerScores, rng: Random, topics: Iterable[Topic]) -> None:
        """`topics` are what this node wants to hear; it may publish to others as well."""
        self._scores = scores
        self._rng = rng
        self.topics = frozenset(topics)
        self._peers: dict[PeerKey, _Peer] = {}
        self.mesh: dict[Topic, set[PeerKey]] = {topic: set() for topic in sorted(self.topics)}
        self._backoff: dict[tuple[PeerKey, Topic], float] = {}
        self._seen: OrderedDict[MessageId, _Seen] = OrderedDict()
        self._cache: OrderedDict[MessageId, Publish] = OrderedDict()
        self._cached_bytes = 0
        self._windows: deque[list[tuple[Topic, MessageId]]] = deque(
            [[]], maxlen=GOSSIPED_HEARTBEATS
        )
        self._promises: OrderedDict[MessageId, tuple[PeerKey, float]] = OrderedDict()
        self._effects: list[Effect] = []
        self.duplicates = 0
        self.dropped = 0
        """Messages that nobody here had time to judge."""

    # -- peers

    def add_peer(self, peer: PeerKey) -> None:
        """A session has opened."""
        self._peers[peer] = _Peer()
        self._effects.append(Send(peer, Subscribe(tuple(sorted(self.topics)))))

    def remove_peer(self, peer: PeerKey) -> None:
        """A session has ended."""
        self._peers.pop(peer, None)
        for members in self.mesh.values():
            members.discard(peer)

    def take_effects(self) -> list[Effect]:
        """What is to be done, in order; each once."""
        effects, self._effects = self._effects, []
        return effects

    @property
    def held(self) -> dict[str, int]:
        """How much is remembered: for tests of bounds and for metrics."""
        return {
            "seen": len(self._seen),
            "cached": len(self._cache),
            "cached_bytes": self._cached_bytes,
            "promises": len(self._promises),
            "backoffs": len(self._backoff),
        }

    def _penalise(self, peer: PeerKey, offence: Offence, now: float, times: float = 1) -> None:
        if self._scores.penalise(peer, offence, now, times):
            self._effects.append(Ban(peer, offence.value))

    # -- messages in

    def handle(self, peer: PeerKey, message: Message, now: float) -> None:
        """Take a gossip message; others are not for us."""
        state = self._peers.get(peer)
        if state is None:
            return
        if isinstance(message, Subscribe):
            state.topics = frozenset(Topic(topic) for topic in message.topics)
            for topic, members in self.mesh.items():
                if topic not in state.topics:
                    members.discard(peer)
        elif self._scores.score(peer, now) < GRAYLIST_BELOW:
            self._penalise(peer, Offence.GRAYLISTED, now)
        elif isinstance(message, Publish):
            self._on_publish(peer, state, message, now)
        elif isinstance(message, IHave):
            self._on_ihave(peer, state, message, now)
        elif isinstance(message, IWant):
            self._on_iwant(peer, state, message, now)
        elif isinstance(message, Graft | Prune):
            self._on_mesh(peer, message, now)

    def _on_mesh(self, peer: PeerKey, message: Graft | Prune, now: float) -> None:
        topic = Topic(message.topic)
        if isinstance(message, Graft):
            self._on_graft(peer, topic, now)
            return
        self.mesh.get(topic, set()).discard(peer)
        self._backoff[peer, topic] = now + min(message.backoff_s, 10 * BACKOFF_S)

    def _on_publish(self, peer: PeerKey, state: _Peer, message: Publish, now: float) -> None:
        topic = message.topic
        if topic not in self.topics or not self._within_budget(state, message, now):
            self._penalise(peer, Offence.FLOOD, now)
            return
        key = message_id(topic, message.payload)
        self._promises.pop(key, None)
        seen = self._seen.get(key)
        if seen is not None:
            self.duplicates += 1
            if peer in seen.senders:
                self._penalise(peer, Offence.REPEATED, now)
            seen.senders.add(peer)
            return
        if state.pending[topic] >= MAX_PENDING_PER_PEER:
            self.dropped += 1  # within its budget: we are slow, and it is not to blame
            return
        state.pending[topic] += 1
        self._remember(key, _Seen(now, {peer}, peer, message))
        self._effects.append(Validate(peer, topic, message.payload, key))

    def _within_budget(self, state: _Peer, message: Publish, now: float) -> bool:
        topic = message.topic
        if topic not in state.messages:
            rules = RULES[topic]
            state.messages[topic] = Budget(rules.messages_per_s, rules.burst_messages)
            state.size[topic] = Budget(rules.bytes_per_s, rules.burst_bytes)
        size = len(message.payload)
        return (
            size <= TOPIC_LIMITS[topic]
            and state.messages[topic].spend(1, now)
            and state.size[topic].spend(size, now)
        )

    def _remember(self, key: MessageId, seen: _Seen) -> None:
        self._seen[key] = seen
        while len(self._seen) > MAX_SEEN:
            _, oldest = self._seen.popitem(last=False)
            self._settle(oldest)

    def _settle(self, seen: _Seen) -> Publish | None:
        """Give its place back to whoever brought a message first; the message if it waited."""
        message, seen.pending = seen.pending, None
        state = None if seen.first is None else self._peers.get(seen.first)
        if message is not None and state is not None and state.pending[message.topic] > 0:
            state.pending[message.topic] -= 1
        return message

    def validated(self, key: MessageId, verdict: Verdict, now: float) -> None:
        """The verdict on a message that `Validate` has brought."""
        seen = self._seen.get(key)
        message = None if seen is None else self._settle(seen)
        if seen is None or message is None:
            return
        if verdict is Verdict.REJECT:
            for sender in seen.senders:
                self._penalise(sender, RULES[message.topic].offence, now)
        if verdict is Verdict.ACCEPT:
            if seen.first is not None:
                self._scores.reward(seen.first, RULES[message.topic].service, now)
            self._keep(key, message)
            self._forward(message, seen.senders, self._mesh_of(message.topic, now))

    def _on_graft(self, peer: PeerKey, topic: Topic, now: float) -> None:
        members = self.mesh.get(topic)
        early = self._backoff.get((peer, topic), 0.0) > now
        if early:
            self._penalise(peer, Offence.IMPATIENT_GRAFT, now)
        is_bad = self._scores.score(peer, now) < 0
        if members is None or early or is_bad or (len(members) >= D_HIGH and peer not in members):
            self._prune(peer, topic, now)
            return
        members.add(peer)

    def _prune(self, peer: PeerKey, topic: Topic, now: float) -> None:
        self._backoff[peer, topic] = now + BACKOFF_S
        self._effects.append(Send(peer, Prune(topic, BACKOFF_S)))

    def _on_ihave(self, peer: PeerKey, state: _Peer, message: IHave, now: float) -> None:
        if message.topic not in self.topics or self._scores.score(peer, now) < 0:
            return
        wanted = [key for key in message.ids if key not in self._seen and key not in self._promises]
        wanted = wanted[: max(0, MAX_IWANT_IDS - state.wanted)]
        if not wanted or len(self._promises) + len(wanted) > MAX_PROMISES:
            return
        state.wanted += len(wanted)
        for key in wanted:
            self._promises[key] = (peer, now + PROMISE_S)
        self._effects.append(Send(peer, IWant(tuple(wanted))))

    def _on_iwant(self, peer: PeerKey, state: _Peer, message: IWant, now: float) -> None:
        for key in message.ids:
            if state.served >= MAX_IWANT_IDS:
                self._penalise(peer, Offence.FLOOD, now)
                return
            state.served += 1
            found = self._cache.get(key)
            if found is not None:
                self._effects.append(Send(peer, found))

    # -- messages out

    def publish(self, topic: Topic, payload: bytes, now: float) -> MessageId | None:
        """Send something of our own; its id, or None if it has been out before."""
        key = message_id(topic, payload)
        if key in self._seen:
            return None
        message = Publish(topic, payload)
        self._remember(key, _Seen(now, set()))
        self._keep(key, message)
        # Our own goes to more than the mesh: a mesh of liars would keep it from everyone.
        listeners = [p for p in self._listeners(topic) if self._scores.score(p, now) >= 0]
        self._forward(message, (), self._some(listeners, D_HIGH))
        return key

    def _forward(self, message: Publish, except_for: Iterable[PeerKey], to: list[PeerKey]) -> None:
        left_out = set(except_for)
        for peer in to:
            if peer not in left_out:
                self._effects.append(Send(peer, message))

    def _mesh_of(self, topic: Topic, now: float) -> list[PeerKey]:
        members = self.mesh.get(topic)
        if members:
            return [peer for peer in self._peers if peer in members]
        good = [p for p in self._listeners(topic) if self._scores.score(p, now) >= 0]
        return self._some(good, D)

    def _listeners(self, topic: Topic) -> list[PeerKey]:
        return [peer for peer, state in self._peers.items() if topic in state.topics]

    def _some(self, peers: list[PeerKey], count: int) -> list[PeerKey]:
        return peers if len(peers) <= count else self._rng.sample(peers, count)

    def _keep(self, key: MessageId, message: Publish) -> None:
        """Hold a message for those that will ask for it, and its id for the next heartbeats."""
        self._cache[key] = message
        self._cached_bytes += len(message.payload)
        if len(self._windows[-1]) < MAX_IDS:
            self._windows[-1].append((message.topic, key))
        while self._cached_bytes > MAX_CACHED_BYTES:
            _, dropped = self._cache.popitem(last=False)
            self._cached_bytes -= len(dropped.payload)

    # -- heartbeat

    def heartbeat(self, now: float) -> None:
        """Mend the meshes, tell others what there was, forget what is old. Once a second."""
        for topic in self.mesh:
            self._mend(topic, now)
            self._tell_others(topic, now)
        self._windows.append([])
        for state in self._peers.values():
            state.wanted = state.served = 0
        self._break_promises(now)
        self._forget(now)

    def _mend(self, topic: Topic, now: float) -> None:
        members = self.mesh[topic]
        for peer in [p for p in members if self._scores.score(p, now) < 0]:
            members.discard(peer)
            self._prune(peer, topic, now)
        if len(members) < D_LOW:
            free = [
                peer
                for peer in self._listeners(topic)
                if peer not in members
                and self._backoff.get((peer, topic), 0.0) <= now
                and self._scores.score(peer, now) >= 0
            ]
            for peer in self._some(free, D - len(members)):
                members.add(peer)
                self._effects.append(Send(peer, Graft(topic)))
        elif len(members) > D_HIGH:
            ranked = [peer for peer in self._peers if peer in members]
            self._rng.shuffle(ranked)
            ranked.sort(key=lambda peer: -self._scores.score(peer, now))
            kept = ranked[:D_BEST] + self._some(ranked[D_BEST:], D - D_BEST)
            for peer in ranked:
                if peer not in kept:
                    members.discard(peer)
                    self._prune(peer, topic, now)

    def _tell_others(self, topic: Topic, now: float) -> None:
        ids = [key for window in self._windows for t, key in window if t is topic][-MAX_IDS:]
        if not ids:
            return
        members = self.mesh[topic]
        others = [
            peer
            for peer in self._listeners(topic)
            if peer not in members and self._scores.score(peer, now) >= 0
        ]
        for peer in self._some(others, D_LAZY):
            self._effects.append(Send(peer, IHave(topic, tuple(ids))))

    def _break_promises(self, now: float) -> None:
        while self._promises:
            key, (peer, due) = next(iter(self._promises.items()))
            if due > now:
                return
            del self._promises[key]
            self._penalise(peer, Offence.BROKEN_PROMISE, now)

    def _forget(self, now: float) -> None:
        while self._seen:
            key, seen = next(iter(self._seen.items()))
            if now - seen.at < SEEN_S:
                break
            del self._seen[key]
            self._settle(seen)
            dropped = self._cache.pop(key, None)
            if dropped is not None:
                self._cached_bytes -= len(dropped.payload)
        for entry in [entry for entry, until in self._backoff.items() if until <= now]:
            del self._backoff[entry]
