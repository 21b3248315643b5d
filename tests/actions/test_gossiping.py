"""Signed blocks and transactions from peers, cranked by hand: what moves the unsafe head."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from random import Random

import pytest
from actors import World
from p2p import identity

from chain import rlp
from chain.crypto.secp256k1 import address_of
from genesis.dev_accounts import dev_accounts
from node.actors import gossiping as room
from node.actors.gossiping import Gossiping, GossipingOptions
from node.chain_runtime import open_chain
from node.config import NodeConfig
from node.p2p.address_book import Limits
from node.p2p.gossip import Verdict
from node.p2p.handshake import Role
from node.p2p.message import GetBlocks, GetHeaders, Response, Status, Topic
from node.p2p.overlay import Overlay
from node.p2p.unsafe_block import sign_block

KEY = b"\x21" * 32
ALICE = dev_accounts()[0]


@dataclass
class Moment:
    """A clock that stands still until it is moved."""

    time: float

    def now(self) -> float:
        return self.time


class Wire:
    """The network between one node and peers that answer from a chain, by rules of their own."""

    def __init__(self, clock: Moment) -> None:
        self.overlay = Overlay(
            identity("me"), Random(0), tuple(Topic), Limits(), book_secret=b"s" * 16
        )
        self.clock = clock
        self.port = 1
        self.answer = {}
        self.asked: list[object] = []
        self.published: list[tuple[Topic, bytes]] = []

    def meet(self, name: str, hello, answer) -> bytes:
        node_id = identity(name).node_id
        self.overlay.opened(node_id, hello, "127.0.0.1", self.clock.time, is_inbound=False)
        self.answer[node_id] = answer
        return node_id

    async def ask(self, peer, make):
        request = make(7)
        self.asked.append((peer, request))
        return self.answer[peer](request)

    def broadcast(self, message) -> None:
        pass

    def publish(self, topic, payload) -> None:
        self.published.append((topic, payload))


@pytest.fixture
async def here(tmp_path):
    """A world whose sequencer has blocks ahead of L1, and a verifier's gossiping."""
    world = World()
    world.miner.mine(3)
    chain = open_chain(
        tmp_path,
        world.spec,
        "l2",
        NodeConfig(),
        accepted_types=frozenset({0, 1, 2, 4}),
        keys={},
    )
    readers = ThreadPoolExecutor(4)
    clock = Moment(float(world.sequencer.unsafe.header.timestamp))
    gossiping = Gossiping(
        chain,
        world.config,
        None,
        clock,
        readers,
        GossipingOptions(Role.VERIFIER, None, "isthmus", bytes(4)),
    )
    gossiping.signer = address_of(KEY)
    gossiping.server = Wire(clock)
    yield world, chain, gossiping, clock
    chain.close()
    readers.shutdown()


def honest(world):
    """Answers from the sequencer's chain."""

    def answer(request):
        engine = world.sequencer.engine
        read = (
            engine.header_by_number if isinstance(request, GetHeaders) else engine.block_by_number
        )
        items = [read(n) for n in range(request.start, request.start + request.count)]
        found = tuple(item.encode() for item in items if item is not None)
        return Response(request.id, Status.OK if found else Status.UNKNOWN, found)

    return answer


async def hear(gossiping, clock, block, *, key=KEY, chain_id=None) -> Verdict:
    clock.time = float(block.header.timestamp)
    payload = sign_block(block, chain_id or gossiping._rollup.l2_chain_id, key)
    verdict = await gossiping.validate(b"p", Topic.BLOCKS, payload)
    await gossiping.import_waiting()
    return verdict


async def test_each_signed_block_becomes_the_unsafe_head(here) -> None:
    world, chain, gossiping, clock = here
    for _ in range(3):
        world.sequencer.send(ALICE)
        block = world.sequencer.build()
        assert await hear(gossiping, clock, block) is Verdict.ACCEPT
        assert chain.engine.heads.unsafe.hash == block.hash
    assert chain.engine.heads.safe.number == 0


async def test_anybody_elses_block_is_rejected(here) -> None:
    world, chain, gossiping, clock = here
    block = world.sequencer.build()
    assert await hear(gossiping, clock, block, key=b"\x22" * 32) is Verdict.REJECT
    assert await hear(gossiping, clock, block, chain_id=5) is Verdict.REJECT
    assert await gossiping.validate(b"p", Topic.BLOCKS, b"junk") is Verdict.REJECT
    assert chain.engine.heads.unsafe.number == 0


async def test_without_a_known_signer_nothing_is_believed(here) -> None:
    world, _, gossiping, clock = here
    gossiping.signer = None
    assert await hear(gossiping, clock, world.sequencer.build()) is Verdict.IGNORE


@pytest.mark.parametrize("shift", [61, -6])
async def test_a_block_of_another_time_is_ignored(here, shift) -> None:
    world, chain, gossiping, clock = here
    block = world.sequencer.build()
    clock.time = block.header.timestamp + shift
    payload = sign_block(block, world.config.l2_chain_id, KEY)
    assert await gossiping.validate(b"p", Topic.BLOCKS, payload) is Verdict.IGNORE
    await gossiping.import_waiting()
    assert chain.engine.heads.unsafe.number == 0


async def test_what_lies_between_is_fetched(here) -> None:
    world, chain, gossiping, clock = here
    block = world.sequencer.build(12)
    gossiping.server.meet("peer", replace(gossiping.hello(), head_number=12), honest(world))
    await hear(gossiping, clock, block)
    assert chain.engine.heads.unsafe.hash == block.hash
    kinds = [type(request) for _, request in gossiping.server.asked]
    assert kinds == [GetHeaders, GetBlocks]


async def test_a_liar_about_its_head_loses_points_and_another_is_asked(here) -> None:
    world, chain, gossiping, clock = here
    block = world.sequencer.build(5)
    liar = gossiping.server.meet(
        "liar",
        replace(gossiping.hello(), head_number=10**9),
        lambda r: Response(r.id, Status.UNKNOWN, ()),
    )
    forger = gossiping.server.meet(
        "forger",
        replace(gossiping.hello(), head_number=5),
        lambda r: Response(r.id, Status.OK, (b"\xc0",) * r.count),
    )
    silent = gossiping.server.meet(
        "silent", replace(gossiping.hello(), head_number=5), lambda r: None
    )
    right = gossiping.server.meet("right", replace(gossiping.hello(), head_number=5), honest(world))
    await hear(gossiping, clock, block)
    assert chain.engine.heads.unsafe.hash == block.hash
    scores, now = gossiping.server.overlay.scores, clock.time
    assert scores.score(liar, now) <= -40
    assert scores.score(forger, now) <= -50
    assert scores.score(silent, now) == 0
    assert scores.score(right, now) > 0


async def test_a_longer_chain_of_the_sequencer_replaces_a_shorter_one(here) -> None:
    world, chain, gossiping, clock = here
    gossiping.server.meet("peer", replace(gossiping.hello(), head_number=20), honest(world))
    first = world.sequencer.build(3)
    await hear(gossiping, clock, first)
    assert chain.engine.heads.unsafe.hash == first.hash
    engine = world.sequencer.engine
    world.sequencer.engine.set_heads(unsafe=engine.heads.safe)
    world.sequencer.send(ALICE)
    second = world.sequencer.build(4)
    assert second.header.parent_hash != first.hash
    await hear(gossiping, clock, second)
    assert chain.engine.heads.unsafe.hash == second.hash


async def test_a_replayed_block_moves_nothing_back(here) -> None:
    world, chain, gossiping, clock = here
    gossiping.server.meet("peer", replace(gossiping.hello(), head_number=20), honest(world))
    old = world.sequencer.build(3)
    engine = world.sequencer.engine
    engine.set_heads(unsafe=engine.heads.safe)
    world.sequencer.send(ALICE)
    new = world.sequencer.build(3)
    await hear(gossiping, clock, new)
    await hear(gossiping, clock, old)
    assert chain.engine.heads.unsafe.hash == new.hash


async def test_transactions_of_peers_are_pooled_and_not_sent_in_circles(here) -> None:
    world, chain, gossiping, _ = here
    raws = [world.sequencer.send(ALICE).encode() for _ in range(3)]
    batch = rlp.encode(raws)
    assert await gossiping.validate(b"p", Topic.TRANSACTIONS, batch) is Verdict.ACCEPT
    assert await gossiping.validate(b"p", Topic.TRANSACTIONS, batch) is Verdict.IGNORE
    assert len(chain.pool) == 3
    await asyncio.sleep(0.1)
    assert gossiping.server.published == []


async def test_transactions_sent_here_go_out_in_one_batch(here) -> None:
    world, chain, gossiping, _ = here
    raws = [world.sequencer.send(ALICE).encode() for _ in range(5)]
    for raw in raws:
        chain.backend.submit_raw(raw)
    while not gossiping.server.published:
        await asyncio.sleep(0.01)
    assert gossiping.server.published == [(Topic.TRANSACTIONS, rlp.encode(raws))]


async def published(gossiping, count: int) -> list[tuple[Topic, bytes]]:
    while len(gossiping.server.published) < count:
        await asyncio.sleep(0.01)
    return gossiping.server.published


def told(gossiping) -> list[bytes]:
    """The transactions of the newest batch, which was told again."""
    *raws, mark = rlp.decode(gossiping.server.published[-1][1])
    assert isinstance(mark, list)
    return raws


async def test_what_waits_too_long_is_told_again_in_order(here, monkeypatch) -> None:
    world, chain, gossiping, clock = here
    raws = [world.sequencer.send(ALICE).encode() for _ in range(5)]
    for raw in raws:
        chain.backend.submit_raw(raw)
    await published(gossiping, 1)
    assert gossiping.resend(clock.time + 1) == 0
    monkeypatch.setattr(room, "RESENT_AT_ONCE", 3)
    assert gossiping.resend(clock.time + 10) == 3
    assert told(gossiping) == raws[:3]
    assert gossiping.resend(clock.time + 11) == 3  # what stands in front of those that are due
    assert told(gossiping) == raws[:3]
    monkeypatch.setattr(room, "RESENT_AT_ONCE", 1000)
    assert gossiping.resend(clock.time + 17) == 5
    assert told(gossiping) == raws  # by nonce, whenever each was told last
    payloads = [payload for _, payload in gossiping.server.published]
    assert len(set(payloads)) == len(payloads)  # no batch is one of before
    await hear(gossiping, clock, world.sequencer.build())  # all are in a block
    assert gossiping.resend(clock.time + 100) == 0
    assert not gossiping._own


async def test_a_batch_that_is_told_again_is_read_like_any_other(here) -> None:
    world, chain, gossiping, _ = here
    raws = [world.sequencer.send(ALICE).encode() for _ in range(3)]
    batch = rlp.encode([*raws, [b"\x07"]])
    assert await gossiping.validate(b"p", Topic.TRANSACTIONS, batch) is Verdict.ACCEPT
    assert len(chain.pool) == 3


async def test_what_is_told_again_is_passed_on_again_but_not_in_circles(here) -> None:
    world, _, gossiping, clock = here
    batch = rlp.encode([world.sequencer.send(ALICE).encode() for _ in range(3)])
    assert await gossiping.validate(b"p", Topic.TRANSACTIONS, batch) is Verdict.ACCEPT
    clock.time += 1
    assert await gossiping.validate(b"p", Topic.TRANSACTIONS, batch) is Verdict.IGNORE
    clock.time += room.RESEND_AFTER_S
    assert await gossiping.validate(b"p", Topic.TRANSACTIONS, batch) is Verdict.ACCEPT
    assert await gossiping.validate(b"p", Topic.TRANSACTIONS, batch) is Verdict.IGNORE


async def test_batches_are_judged_in_the_order_of_their_arrival(here) -> None:
    """An account's transactions after a gap are dropped: 64 of them may wait."""
    world, chain, gossiping, _ = here
    raws = [world.sequencer.send(ALICE).encode() for _ in range(400)]
    batches = [rlp.encode(raws[start : start + 100]) for start in range(0, 400, 100)]
    verdicts = await asyncio.gather(
        *(gossiping.validate(b"p", Topic.TRANSACTIONS, batch) for batch in batches)
    )
    assert verdicts == [Verdict.ACCEPT] * 4
    assert len(chain.pool) == 400


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc0",
        b"\x01",
        rlp.encode([b"junk"]),
        rlp.encode([b"\x02"] * 201),
        rlp.encode([[b"\x01"]]),
        rlp.encode([b"\x02", [b"\x01", b"\x02"]]),
        rlp.encode([b"\x02", [bytes(9)]]),
        rlp.encode([b"\x02", []]),
    ],
)
async def test_malformed_batches_are_rejected(here, payload) -> None:
    _, chain, gossiping, _ = here
    assert await gossiping.validate(b"p", Topic.TRANSACTIONS, payload) is Verdict.REJECT
    assert len(chain.pool) == 0


async def test_included_transactions_leave_the_pool_of_a_verifier(here) -> None:
    world, chain, gossiping, clock = here
    tx = world.sequencer.send(ALICE)
    chain.backend.submit_raw(tx.encode())
    await hear(gossiping, clock, world.sequencer.build())
    assert len(chain.pool) == 0


async def test_ranges_are_served_up_to_the_head(here) -> None:
    world, _, gossiping, clock = here
    gossiping.server.meet("peer", replace(gossiping.hello(), head_number=3), honest(world))
    block = world.sequencer.build(3)
    await hear(gossiping, clock, block)
    status, items = await gossiping.serve(GetBlocks(1, 2, 100))
    assert status is Status.OK
    assert items[-1] == block.encode()
    assert len(items) == 2
    assert (await gossiping.serve(GetBlocks(1, 99, 1)))[0] is Status.UNKNOWN
