"""Ten thousand nodes in one process, by the product's own gossip and sampling rules.

    python scripts/simulate_network.py [--light N] [--data N] [--liars SHARE] [--seed N]

A seeded discrete-event simulation: nodes are `node.p2p.gossip.Gossip` machines, latencies come from
regions, every link has a bandwidth, and time jumps from event to event. Light nodes draw cells and
data nodes keep them by the rules of `rollup.da`. Liars forward nothing, answer no IWANT and promise
ids that they do not have. Prints a few lines.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from node.p2p.gossip import Ban, Gossip, Send, Validate, Verdict  # noqa: E402
from node.p2p.message import IHave, IWant, Message, Publish, Topic  # noqa: E402
from node.p2p.scoring import PeerScores  # noqa: E402
from rollup.da.custody import NODE_ID_BYTES, custody_cells  # noqa: E402
from rollup.da.sampler import COMMITMENT_BYTES, ENTROPY_BYTES, draw_indices  # noqa: E402

HEARTBEAT_S = 1.0
REGIONS_MS = (
    (12, 45, 90, 110),
    (45, 15, 75, 140),
    (90, 75, 20, 95),
    (110, 140, 95, 25),
)
"""Mean one-way delay between regions, in the order of what public pings between continents show."""

CELLS = 128
BLOCK_BYTES = 60_000
OVERHEAD_BYTES = 40
DIALLED = 10


@dataclass(slots=True)
class Node:
    """A node with its link to the world."""

    gossip: Gossip
    region: int
    bytes_per_s: float
    is_liar: bool = False
    is_data: bool = False
    free_at: float = 0.0
    sent_bytes: int = 0
    heard: dict[bytes, float] = field(default_factory=dict)


@dataclass
class Outcome:
    """What a run came to."""

    reached: list[float]
    delays_s: list[float]
    kib_per_node: float
    busiest_kib: float
    events: int
    bans: int
    honest_bans: int


class Network:
    """Nodes, links and a queue of events."""

    def __init__(self, light: int, data: int, liars: float, seed: int) -> None:
        self.rng = Random(seed)
        self.now = 0.0
        self.queue: list[tuple[float, int, int, int, Message | None]] = []
        self.order = itertools.count()
        self.links: set[tuple[int, int]] = set()
        self.events = self.bans = self.honest_bans = 0
        self.nodes = [self._node(n, n < data, liars) for n in range(light + data)]
        for number in range(len(self.nodes)):
            for other in self.rng.sample(range(len(self.nodes)), DIALLED):
                self.connect(number, other)
        for number in range(len(self.nodes)):
            self.push(self.rng.random() * HEARTBEAT_S, number, number, None)

    def _node(self, number: int, is_data: bool, liars: float) -> Node:
        rng = Random(self.rng.getrandbits(64))
        gossip = Gossip(PeerScores(), rng, (Topic.BLOCKS,))
        megabit = 125_000.0
        return Node(
            gossip,
            region=rng.randrange(len(REGIONS_MS)),
            bytes_per_s=megabit * (1000 if is_data else rng.choice((10, 20, 50, 100))),
            is_liar=number > 0 and rng.random() < liars,
            is_data=is_data,
        )

    def connect(self, a: int, b: int) -> None:
        """Open a link, once."""
        if a == b or (min(a, b), max(a, b)) in self.links:
            return
        self.links.add((min(a, b), max(a, b)))
        for one, other in ((a, b), (b, a)):
            self.nodes[one].gossip.add_peer(other)
            self.carry(one)

    def push(self, at: float, sender: int, receiver: int, message: Message | None) -> None:
        """Put an event in the queue; no message: a heartbeat."""
        heapq.heappush(self.queue, (at, next(self.order), sender, receiver, message))

    def send(self, sender: int, receiver: int, message: Message) -> None:
        """Put a message on its way, after those that the sender's link carries already."""
        node = self.nodes[sender]
        if node.is_liar and isinstance(message, Publish):
            return
        size = OVERHEAD_BYTES + size_of(message)
        node.sent_bytes += size
        start = max(self.now, node.free_at)
        node.free_at = start + size / node.bytes_per_s
        delay_ms = REGIONS_MS[node.region][self.nodes[receiver].region]
        jitter = self.rng.lognormvariate(0, 0.25)
        self.push(node.free_at + delay_ms * jitter / 1000, sender, receiver, message)

    def carry(self, number: int) -> None:
        """Do what a node wants done."""
        node = self.nodes[number]
        for effect in node.gossip.take_effects():
            if isinstance(effect, Send):
                self.send(number, int(str(effect.peer)), effect.message)
            elif isinstance(effect, Validate):
                node.heard.setdefault(effect.id, self.now)
                node.gossip.validated(effect.id, Verdict.ACCEPT, self.now)
                self.carry(number)
            elif isinstance(effect, Ban):
                self.ban(number, int(str(effect.peer)))

    def ban(self, by: int, who: int) -> None:
        """Take a link away."""
        self.bans += 1
        self.honest_bans += not self.nodes[who].is_liar
        self.links.discard((min(by, who), max(by, who)))
        self.nodes[by].gossip.remove_peer(who)
        self.nodes[who].gossip.remove_peer(by)

    def run(self, until: float) -> None:
        """Let time pass."""
        while self.queue and self.queue[0][0] <= until:
            self.now, _, sender, receiver, message = heapq.heappop(self.queue)
            self.events += 1
            if message is None:
                self.beat(receiver)
            elif (min(sender, receiver), max(sender, receiver)) in self.links:
                self.nodes[receiver].gossip.handle(sender, message, self.now)
                self.carry(receiver)
        self.now = until

    def beat(self, number: int) -> None:
        """A node's heartbeat; a liar promises what it does not have."""
        node = self.nodes[number]
        node.gossip.heartbeat(self.now)
        self.carry(number)
        if node.is_liar:
            for a in list(node.gossip.mesh[Topic.BLOCKS])[:2]:
                self.send(number, int(str(a)), IHave(Topic.BLOCKS, (self.rng.randbytes(20),)))
        self.push(self.now + HEARTBEAT_S, number, number, None)


def size_of(message: Message) -> int:
    if isinstance(message, Publish):
        return len(message.payload)
    if isinstance(message, IHave | IWant):
        return 22 * len(message.ids)
    return 10


def simulate(light: int, data: int, liars: float, blocks: int, seed: int) -> Outcome:
    net = Network(light, data, liars, seed)
    net.run(5.0)
    for node in net.nodes:
        node.sent_bytes = 0
    honest = [node for node in net.nodes if not node.is_liar]
    sent: list[tuple[bytes, float]] = []
    for number in range(blocks):
        payload = number.to_bytes(4, "big") + bytes(BLOCK_BYTES - 4)
        key = net.nodes[0].gossip.publish(Topic.BLOCKS, payload, net.now)
        assert key is not None
        net.nodes[0].heard[key] = net.now
        sent.append((key, net.now))
        net.carry(0)
        net.run(net.now + 2.0)
    net.run(net.now + 4.0)
    delays = [node.heard[key] - at for key, at in sent for node in honest if key in node.heard]
    return Outcome(
        reached=[sum(key in node.heard for node in honest) / len(honest) for key, _ in sent],
        delays_s=sorted(delays),
        kib_per_node=statistics.mean(node.sent_bytes for node in net.nodes) / 1024 / blocks,
        busiest_kib=max(node.sent_bytes for node in net.nodes) / 1024 / blocks,
        events=net.events,
        bans=net.bans,
        honest_bans=net.honest_bans,
    )


def drawn(rng: Random, commitment: bytes, samples: int) -> tuple[int, ...]:
    """What one light node asks for: its own entropy, drawn once the commitment is seen."""
    return draw_indices(commitment, rng.randbytes(ENTROPY_BYTES), samples)


def missed_share(nodes: int, withheld: int, samples: int, seed: int) -> float:
    """The share of light nodes whose draws meet no withheld cell."""
    rng = Random(seed)
    commitment = rng.randbytes(COMMITMENT_BYTES)
    hidden = set(rng.sample(range(CELLS), withheld))
    return sum(hidden.isdisjoint(drawn(rng, commitment, samples)) for _ in range(nodes)) / nodes


def data_load(
    nodes: int, data: int, samples: int, groups: int, seed: int
) -> tuple[float, int, int]:
    """Cells that a data node serves for one blob: mean and busiest; and cells that nobody keeps."""
    rng = Random(seed)
    commitment = rng.randbytes(COMMITMENT_BYTES)
    holders: list[list[int]] = [[] for _ in range(CELLS)]
    for node in range(data):
        for cell in custody_cells(rng.randbytes(NODE_ID_BYTES), groups):
            holders[cell].append(node)
    load = [0] * data
    for _ in range(nodes):
        for cell in drawn(rng, commitment, samples):
            if holders[cell]:
                load[rng.choice(holders[cell])] += 1
    return statistics.mean(load), max(load), sum(not kept for kept in holders)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--light", type=int, default=10_000)
    parser.add_argument("--data", type=int, default=200)
    parser.add_argument("--liars", type=float, default=0.2, help="share of nodes that lie")
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--withheld", type=int, default=65)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--custody", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"{given.light:,} light, {given.data} data nodes, seed {given.seed}")
    for liars in (0.0, given.liars):
        started = time.monotonic()
        out = simulate(given.light, given.data, liars, given.blocks, given.seed)
        delays = out.delays_s
        print(
            f"liars {liars:.0%}: reached {min(out.reached):.3%}, "
            f"median {delays[len(delays) // 2]:.2f} s, "
            f"99 % {delays[len(delays) * 99 // 100]:.2f} s, last {delays[-1]:.2f} s; "
            f"{out.kib_per_node:.0f} KiB sent a node and block, "
            f"busiest {out.busiest_kib:,.0f}; bans {out.bans}, of honest {out.honest_bans}; "
            f"{out.events:,} events in {time.monotonic() - started:.0f} s"
        )
    missed = missed_share(given.light, given.withheld, given.samples, given.seed)
    mean, most, lost = data_load(given.light, given.data, given.samples, given.custody, given.seed)
    print(
        f"{given.withheld} of {CELLS} cells withheld, {given.samples} samples: "
        f"{missed:.3%} of the light nodes meet none of them"
    )
    print(
        f"a data node with {given.custody} cells serves {mean:.0f} cells a blob, busiest {most}; "
        f"cells that nobody keeps: {lost}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
