"""A network of peers that answer by rules of their own, without sessions: for who asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from p2p import HELLO, identity

from node.p2p.address_book import Limits
from node.p2p.message import Response, Status, Topic
from node.p2p.overlay import Overlay


@dataclass
class Moment:
    """A clock that goes on by as much as it is looked at."""

    time: float = 1_700_000_000.0
    step: float = 0.1

    def now(self) -> float:
        self.time += self.step
        return self.time


class Answers:
    """What one node reaches: peers, each a function from a request to items, or None."""

    def __init__(self, clock) -> None:
        self.overlay = Overlay(
            identity("me"), Random(0), tuple(Topic), Limits(), book_secret=b"s" * 16
        )
        self.clock = clock
        self.asked: list[tuple[bytes, object]] = []
        self.published: list[tuple[Topic, bytes]] = []
        self._answer = {}

    def meet(self, name: str, answer, *, node_id: bytes | None = None, **hello) -> bytes:
        node_id = node_id or identity(name).node_id
        given = replace(HELLO, **{"head_number": 10**6, **hello})
        self.overlay.opened(node_id, given, "127.0.0.1", self.clock.time, is_inbound=False)
        self._answer[node_id] = answer
        return node_id

    def now(self) -> float:
        return self.clock.now()

    def publish(self, topic, payload) -> None:
        self.published.append((topic, payload))

    def score(self, node_id: bytes) -> float:
        return self.overlay.scores.score(node_id, self.clock.time)

    async def ask(self, peer, make):
        request = make(7)
        self.asked.append((peer, request))
        items = self._answer[peer](request)
        if hasattr(items, "__await__"):
            items = await items
        if items is None:
            return None
        if isinstance(items, Status):
            return Response(7, items, ())
        return Response(7, Status.OK if items else Status.UNKNOWN, tuple(items))
