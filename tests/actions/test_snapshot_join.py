"""A verifier that joins by a snapshot: whole among liars, after kills, and on the same chain."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from actors import L2Node, World
from p2p_answers import Answers, Moment

from chain.heads import BlockId
from chain.storage import ChainStore, MemoryStore, Retention
from evm.engine import ExecutionEngine
from genesis.allocation import genesis_block
from genesis.dev_accounts import dev_accounts
from node.actors.answering import answer
from node.p2p import state_ranges
from node.p2p.message import GetBlocks, GetOutput, GetRanges, GetState, Status
from node.snapshot import joining as room
from node.snapshot.joining import Joining, NoPeerHasState
from node.snapshot.note import NOTE
from node.snapshot.standing import Phase, Standing
from node.snapshot.trusted_root import TrustedRoot
from rollup.wire.output_root import output_of_header

ALICE = dev_accounts()[0]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(room, "PAUSE_S", 0)
    monkeypatch.setattr(room, "_ASKED_PER_S", 1e6)
    monkeypatch.setattr(room, "KEPT_ANCESTORS", 20)
    monkeypatch.setattr(room, "BLOCKS_A_REQUEST", 8)


@pytest.fixture(scope="module")
def world():
    """A chain of more blocks than a new node keeps below, all of them safe on the sequencer."""
    made = World(block_time=6, window=40)
    made.miner.mine(2)
    for turn in range(90):
        for _ in range(2):
            made.sequencer.send(ALICE, to=bytes((turn + 1,)) * 20)
            if turn == 3:  # init code: stores 1 to 9, leaves a byte of code
                made.sequencer.send(ALICE, to=None, data=code_with_slots())
            made.sequencer.build()
        made.batcher.submit()
        made.batcher.observe()
        made.miner.mine()
        made.sequencer.derive()
    made.miner.mine()
    made.sequencer.derive()
    return made


def code_with_slots() -> bytes:
    stores = b"".join(bytes((0x60, value, 0x60, value, 0x55)) for value in range(1, 10))
    return stores + bytes.fromhex("60015f5360015ff3")


def root_at(world, number: int) -> TrustedRoot:
    header = world.sequencer.engine.header_by_number(number)
    return TrustedRoot(number, output_of_header(header).root)


def honest(world):
    return lambda request: answer(world.sequencer.engine, request)


def joining(world, network, store, number, *, root=None, patience_s=30.0) -> Joining:
    return Joining(
        network,
        store,
        world.config,
        genesis_block(world.spec)[0],
        network.clock,
        root or root_at(world, number),
        patience_s=patience_s,
    )


def network_of(*answers) -> tuple[Answers, list[bytes]]:
    network = Answers(Moment())
    return network, [network.meet(f"peer {i}", each) for i, each in enumerate(answers)]


def pivot_of(world) -> int:
    return world.sequencer.engine.heads.safe.number - 20


@pytest.mark.parametrize("retention", [None, Retention(4)])
async def test_a_joined_verifier_derives_on_to_the_same_head(world, retention) -> None:
    network, _ = network_of(honest(world))
    kv, number = MemoryStore(), pivot_of(world)
    store = ChainStore(kv, retention=retention)
    joined = await joining(world, network, store, number).run()
    head = world.sequencer.engine.heads.safe
    assert joined.block == BlockId(number, world.sequencer.store.canonical_hash(number))
    assert joined.progress.codes >= 1
    assert joined.progress.slots >= 9
    assert number - joined.blocks > 1  # not all of the chain had to come
    verifier = Joined(world, store)
    assert verifier.derive().hash == head.hash
    assert verifier.unsafe.header.state_root == world.sequencer.safe.header.state_root
    for at in range(number + 1, head.number + 1):
        assert verifier.engine.header_by_number(at) == world.sequencer.engine.header_by_number(at)


class Joined(L2Node):
    """A verifier over a store that has been joined."""

    def __init__(self, world, store) -> None:
        super().__init__(world.config, world.spec, world.miner)
        self.store = store
        self.engine = ExecutionEngine.open(store, world.spec.config, genesis_block(world.spec))
        self.driver = type(self.driver)(world.config, self.l1.provider, self.engine, store)


async def test_it_can_be_joined_from_one_that_was_joined_itself(world) -> None:
    network, _ = network_of(honest(world))
    first, number = ChainStore(MemoryStore()), pivot_of(world)
    await joining(world, network, first, number).run()
    verifier = Joined(world, first)
    verifier.derive()
    network, _ = network_of(lambda request: answer(verifier.engine, request))
    second = ChainStore(MemoryStore())
    joined = await joining(world, network, second, number + 10, patience_s=5).run()
    assert joined.block.number == number + 10
    assert Joined(world, second).derive().hash == world.sequencer.engine.heads.safe.hash


async def test_without_any_peer_it_waits_and_goes_on_when_one_comes(world) -> None:
    network, number = Answers(Moment()), pivot_of(world)
    running = asyncio.ensure_future(
        joining(world, network, ChainStore(MemoryStore()), number, patience_s=3).run()
    )
    for _ in range(20):
        network.clock.time += 10
        await asyncio.sleep(0)
    assert not running.done()
    network.meet("peer", honest(world))
    assert (await running).block.number == number


async def test_peers_that_are_behind_busy_or_silent_have_not_said_that_it_is_gone(world) -> None:
    network, number = Answers(Moment()), pivot_of(world)
    network.meet("behind", lambda _: pytest.fail("asked for what it has not"), head_number=3)
    network.meet("busy", lambda _: Status.BUSY)
    network.meet("silent", lambda _: None)
    standing = Standing(0)
    begun = joining(world, network, ChainStore(MemoryStore()), number, patience_s=3)
    begun._peers.standing = standing
    running = asyncio.ensure_future(begun.run())
    for _ in range(20):
        network.clock.time += 10
        await asyncio.sleep(0)
    assert not running.done()
    assert standing.waits_for.startswith(f"3 peers, 1 of them below block {number}; ")
    assert ": busy" in standing.waits_for
    assert ": no answer" in standing.waits_for
    network.meet("peer", honest(world))
    assert (await running).block.number == number
    assert standing.waits_for == ""


async def test_a_peer_that_has_left_does_not_end_the_patience_of_who_is_alone(world) -> None:
    network, number = Answers(Moment()), pivot_of(world)
    gone = network.meet("pruned", lambda _: [])
    running = asyncio.ensure_future(
        joining(world, network, ChainStore(MemoryStore()), number, patience_s=50).run()
    )
    while not network.asked:
        await asyncio.sleep(0)
    network.overlay.closed(gone)
    for _ in range(20):
        network.clock.time += 10
        await asyncio.sleep(0)
    assert not running.done()
    network.meet("peer", honest(world))
    assert (await running).block.number == number


async def test_who_asks_hears_how_far_it_is(world, monkeypatch) -> None:
    monkeypatch.setattr(state_ranges, "RANGE_LEAVES", 5)
    standing, seen = Standing(0), []

    def watched(request):
        progress = standing.progress
        seen.append((standing.phase, 0.0 if progress is None else progress.share, standing.blocks))
        return answer(world.sequencer.engine, request)

    network, _ = network_of(watched)
    number = pivot_of(world)
    joined = await Joining(
        network, ChainStore(MemoryStore()), world.config, genesis_block(world.spec)[0],
        network.clock, root_at(world, number), patience_s=3, standing=standing,
    ).run()  # fmt: skip
    phases = [phase for phase, _, _ in seen]
    assert list(dict.fromkeys(phases)) == [Phase.OUTPUT, Phase.STATE, Phase.BLOCKS]
    shares = [share for _, share, _ in seen]
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)
    assert (standing.blocks, standing.progress) == (joined.blocks, joined.progress)


def lying(world, kind, spoil):
    """Right, but for one kind of request."""

    def give(request):
        items = list(answer(world.sequencer.engine, request))
        return spoil(items) if isinstance(request, kind) and items else items

    return give


LIES = {
    "another output": (GetOutput, lambda items: [items[0][:-1] + b"\0", items[1]]),
    "another header": (GetOutput, lambda items: [items[0], items[1][:-1] + b"\0"]),
    "half an output": (GetOutput, lambda items: items[:1]),
    "a state cut short": (GetRanges, lambda items: [items[0][:-9]]),
    "other codes": (GetState, lambda items: [b"\x60"] * len(items)),
    "blocks out of order": (GetBlocks, lambda items: items[::-1] if len(items) > 1 else [b"\xc0"]),
    "a block less": (GetBlocks, lambda items: items[:-1] or items),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_liar_is_found_at_once_and_loses_points(world, lie) -> None:
    network, (liar,) = network_of(lying(world, *LIES[lie]))
    with pytest.raises(NoPeerHasState, match="wrong|unknown"):
        await joining(
            world, network, ChainStore(MemoryStore()), pivot_of(world), patience_s=3
        ).run()
    assert network.score(liar) < -30


@pytest.mark.parametrize("lie", LIES)
async def test_with_an_honest_peer_beside_it_a_liar_changes_nothing(world, lie) -> None:
    network, (liar, right) = network_of(lying(world, *LIES[lie]), honest(world))
    store = ChainStore(MemoryStore())
    await joining(world, network, store, pivot_of(world)).run()
    assert Joined(world, store).derive().hash == world.sequencer.engine.heads.safe.hash
    assert network.score(right) > network.score(liar)


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("seed", range(3))
async def test_it_goes_on_where_it_was_killed(world, seed, monkeypatch) -> None:
    monkeypatch.setattr(state_ranges, "RANGE_LEAVES", 5)
    rng, kv, kills = Random(seed), MemoryStore(), 0
    retention = Retention(4)
    while True:
        left = rng.randint(4, 14)

        def dies(request):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return answer(world.sequencer.engine, request)

        network, _ = network_of(dies)
        store = ChainStore(kv, retention=retention)
        try:
            await joining(world, network, store, pivot_of(world)).run()
            break
        except Killed:
            kills += 1
    assert kills > 2
    whole = MemoryStore()
    network, _ = network_of(honest(world))
    await joining(world, network, ChainStore(whole, retention=retention), pivot_of(world)).run()
    note = next(key for key, _ in kv.scan(b"m") if key.endswith(NOTE.encode()))
    assert dict(kv.scan()).keys() == dict(whole.scan()).keys()
    assert {k: v for k, v in kv.scan() if k != note} == {k: v for k, v in whole.scan() if k != note}


async def test_a_peer_that_has_not_the_state_is_no_liar(world) -> None:
    network, (peer,) = network_of(
        lambda r: [] if isinstance(r, GetRanges) else answer(world.sequencer.engine, r)
    )
    with pytest.raises(NoPeerHasState, match="unknown"):
        await joining(
            world, network, ChainStore(MemoryStore()), pivot_of(world), patience_s=3
        ).run()
    assert network.score(peer) > -1
    assert sum(isinstance(request, GetRanges) for _, request in network.asked) == 1


async def test_busy_silent_and_short_peers_are_waited_for_or_left_out(world) -> None:
    calls = 0

    def busy(request):
        nonlocal calls
        calls += 1
        return Status.BUSY if calls % 2 else answer(world.sequencer.engine, request)

    network, _ = network_of(busy, lambda request: None)
    network.meet("short", lambda request: pytest.fail("asked for what it has not"), head_number=3)
    store = ChainStore(MemoryStore())
    await joining(world, network, store, pivot_of(world)).run()
    assert store.heads().safe.number == pivot_of(world)


async def test_nobody_is_asked_more_often_than_a_node_answers(world, monkeypatch) -> None:
    monkeypatch.setattr(room, "_ASKED_PER_S", 15.0)
    monkeypatch.setattr(room, "_ASKED_BURST", 3.0)
    monkeypatch.setattr(room, "BLOCKS_A_REQUEST", 4)
    network, _ = network_of(honest(world))
    network.clock.step = 0.01
    began = network.clock.time
    await joining(world, network, ChainStore(MemoryStore()), pivot_of(world)).run()
    took_s = network.clock.time - began
    assert len(network.asked) <= 3 + 15.0 * took_s + 1


async def test_large_blocks_are_asked_for_fewer_at_a_time(world, monkeypatch) -> None:
    monkeypatch.setattr(room, "ANSWER_BYTES", 4000)
    cut = lambda items: items[:5] if len(items) > 5 else items  # noqa: E731
    network, _ = network_of(lying(world, GetBlocks, cut))
    store = ChainStore(MemoryStore())
    await joining(world, network, store, pivot_of(world)).run()
    assert Joined(world, store).derive().hash == world.sequencer.engine.heads.safe.hash


async def test_an_output_root_of_another_chain_is_answered_by_nobody(world) -> None:
    network, _ = network_of(honest(world))
    number = pivot_of(world)
    root = TrustedRoot(number, root_at(world, number - 1).root)
    with pytest.raises(NoPeerHasState, match="wrong: output of"):
        await joining(
            world, network, ChainStore(MemoryStore()), number, root=root, patience_s=2
        ).run()


async def test_asking_goes_on_while_an_answer_is_checked(world) -> None:
    """Checking has a thread of its own, so that pings are answered meanwhile."""
    network, _ = network_of(honest(world))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await joining(world, network, ChainStore(MemoryStore()), pivot_of(world)).run()
    counting.cancel()
    assert turns > 10
