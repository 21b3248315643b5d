"""A network of Gossip machines in one place: messages take time from a seeded generator."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from random import Random

from node.p2p.gossip import HEARTBEAT_S, Ban, Gossip, Send, Validate, Verdict
from node.p2p.message import Topic
from node.p2p.scoring import PeerScores


class GossipNetwork:
    """Nodes by number; `judge` says what a payload is worth to a node."""

    def __init__(
        self,
        count: int,
        degree: int,
        seed: int = 0,
        judge: Callable[[int, bytes], Verdict] = lambda node, payload: Verdict.ACCEPT,
        topics: tuple[Topic, ...] = tuple(Topic),
        loss: float = 0.0,
    ) -> None:
        self.rng = Random(seed)
        self.judge = judge
        self.loss = loss
        self.now = 0.0
        self.scores = [PeerScores() for _ in range(count)]
        self.nodes = [
            Gossip(self.scores[n], Random(self.rng.random()), topics) for n in range(count)
        ]
        self.links: set[frozenset[int]] = set()
        self.received: list[dict[bytes, float]] = [{} for _ in range(count)]
        self.bans: list[tuple[int, int, str]] = []
        self.sent = 0
        self._queue: list[tuple[float, int, int, int, object]] = []
        self._order = itertools.count()
        for node in range(count):
            for other in self.rng.sample(range(count), min(degree, count)):
                if other != node:
                    self.connect(node, other)

    def connect(self, a: int, b: int) -> None:
        link = frozenset((a, b))
        if link in self.links:
            return
        self.links.add(link)
        self.nodes[a].add_peer(b)
        self.nodes[b].add_peer(a)
        self.carry(a)
        self.carry(b)

    def carry(self, node: int) -> None:
        """Do what a node wants done."""
        for effect in self.nodes[node].take_effects():
            if isinstance(effect, Send):
                self.sent += 1
                if self.rng.random() >= self.loss:
                    self.post(node, effect.peer, effect.message)
            elif isinstance(effect, Validate):
                verdict = self.judge(node, effect.payload)
                if verdict is Verdict.ACCEPT:
                    self.received[node].setdefault(effect.payload, self.now)
                self.nodes[node].validated(effect.id, verdict, self.now)
                self.carry(node)
            elif isinstance(effect, Ban):
                self.bans.append((node, effect.peer, effect.reason))
                self.disconnect(node, effect.peer)

    def disconnect(self, a: int, b: int) -> None:
        self.links.discard(frozenset((a, b)))
        self.nodes[a].remove_peer(b)
        self.nodes[b].remove_peer(a)

    def post(self, sender: int, receiver: int, message: object) -> None:
        at = self.now + self.rng.uniform(0.01, 0.2)
        heapq.heappush(self._queue, (at, next(self._order), sender, receiver, message))

    def publish(self, node: int, payload: bytes, topic: Topic = Topic.BLOCKS) -> None:
        self.received[node].setdefault(payload, self.now)
        self.nodes[node].publish(topic, payload, self.now)
        self.carry(node)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        beat = self.now + HEARTBEAT_S
        while self.now < end:
            if self._queue and self._queue[0][0] <= min(beat, end):
                self.now, _, sender, receiver, message = heapq.heappop(self._queue)
                if frozenset((sender, receiver)) in self.links:
                    self.nodes[receiver].handle(sender, message, self.now)
                    self.carry(receiver)
            elif beat <= end:
                self.now = beat
                beat += HEARTBEAT_S
                for number, node in enumerate(self.nodes):
                    node.heartbeat(self.now)
                    self.carry(number)
            else:
                self.now = end

    def reached(self, payload: bytes) -> int:
        return sum(payload in received for received in self.received)
