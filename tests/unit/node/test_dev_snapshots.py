"""Snapshots of a development network, on real engines, with nothing that runs by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from actors import L1_BLOCK_TIME, World

from chain.storage import ChainStore, MemoryStore, Retention
from chain.txpool import USER_TYPES
from evm.engine import ExecutionEngine
from evm.errors import StateNotAvailable
from evm.intrinsic_gas import minimum_gas
from genesis.allocation import genesis_block
from genesis.dev_accounts import dev_accounts
from node.actors.clock import DevClock
from node.actors.group import ActorGroup
from node.chain_runtime import ChainRuntime
from node.dev_snapshots import NetworkSnapshots
from node.l1.dev_l1 import DevL1
from node.rpc.backend import Backend, QueryLimits
from node.rpc.dev_l2 import SnapshotsRefused
from node.rpc.errors import RpcError
from node.rpc.jsonrpc import Limits
from node.shared_pool import SharedPool
from node.writer import Writer
from rollup.driver.driver import Driver
from rollup.sequencer.pool_builder import PoolBuilder
from rollup.sequencer.sequencer import Sequencer

ALICE, BOB = dev_accounts()[0], dev_accounts()[1]


def shared_pool(spec) -> SharedPool:
    return SharedPool(
        chain_id=spec.config.chain_id,
        block_gas_limit=spec.gas_limit,
        minimum_gas=minimum_gas,
        accepted_types=USER_TYPES,
    )


class Network:
    """A world that is cranked, with the snapshots that `stemma dev` has."""

    def __init__(self, retention: Retention | None = None) -> None:
        self.world = World()
        self.node = self.world.sequencer
        self.wall = 1_000_000.0
        self.clock = DevClock(lambda: self.wall)
        self.log: list[str] = []
        engine = self.world.miner.engine
        self.l1 = DevL1(
            engine=engine,
            pool=shared_pool(self.world.miner.spec),
            writer=Writer("l1"),
            clock=self.clock,
            interval_s=0,
            announce=lambda: self.log.append("l1 announced"),
        )
        self.pool = shared_pool(self.world.spec)
        self._take_over(retention)
        limits = QueryLimits(log_blocks=100, log_results=50)
        backend = Backend(self.node.engine, self.pool, limits)
        self.l2 = ChainRuntime(
            self.node.store, self.node.engine, self.pool, Writer("l2"), backend, Limits()
        )
        self.group = ActorGroup(lambda: [self.idle()])
        self.snapshots = NetworkSnapshots(
            self.l1,
            self.l2,
            self.node.driver,
            actors=self.group,
            senders=list,
            poll_l1=self.poll,
        )

    def _take_over(self, retention: Retention | None) -> None:
        """Have the world's sequencer use a store and a pool as a node has them."""
        node, config = self.node, self.world.config
        node.store = ChainStore(MemoryStore(), retention=retention)
        node.engine = ExecutionEngine.open(node.store, node.spec.config, genesis_block(node.spec))
        node.driver = Driver(config, node.l1.provider, node.engine, node.store)
        node.pool = self.pool
        builder = PoolBuilder(node.engine, node.pool)
        node.sequencer = Sequencer(config, node.l1.provider, builder)

    async def idle(self) -> None:
        self.log.append("actor starts")
        try:
            await asyncio.Event().wait()
        finally:
            self.log.append("actor ends")

    async def poll(self) -> None:
        self.log.append("l1 polled")
        self.world.miner.rewind(0)  # it counts nonces: they went back
        self.node.l1.sync(finalized=max(0, self.world.miner.head.number - 2))

    def grow(self, rounds: int = 4) -> None:
        """L2 blocks, batches, L1 blocks, and finality two L1 blocks behind."""
        for _ in range(rounds):
            self.world.round(blocks=L1_BLOCK_TIME // 2)
            self.node.derive(finalized=self.world.miner.head.number - 2)
            self.world.batcher.observe()

    def seen(self) -> object:
        return (
            self.world.miner.head.hash,
            self.node.engine.heads,
            self.node.driver.safe_head_log.entries,
            [waiting.hash for waiting in self.pool.everything()],
            [waiting.hash for waiting in self.l1.pool.everything()],
            self.clock.now(),
            self.clock.next_timestamp,
        )


@pytest.fixture
async def network(request: pytest.FixtureRequest) -> AsyncIterator[Network]:
    made = Network(getattr(request, "param", None))
    yield made
    await made.group.stop()
    made.l1.writer.close()
    made.l2.writer.close()


async def test_revert_brings_back_heads_pools_and_clock_of_both_layers(network: Network) -> None:
    network.grow()
    network.node.send(ALICE, value=3)
    network.node.send(ALICE, value=4)
    network.clock.offset_s, network.clock.next_timestamp = 50, 2_000_000
    before = network.seen()
    assert network.node.engine.heads.finalized.number > 0
    number = await network.snapshots.take()
    network.node.send(BOB)
    network.clock.offset_s, network.clock.next_timestamp = 9_000, None
    finalized = network.node.engine.heads.finalized
    network.grow()
    network.wall += 7
    assert network.node.engine.heads.finalized.number > finalized.number
    assert len(network.pool) == 0
    assert await network.snapshots.revert(number)
    assert network.seen() == before


async def test_chain_goes_on_from_a_snapshot_and_verifiers_agree(network: Network) -> None:
    network.grow()
    number = await network.snapshots.take()
    height = network.node.unsafe.number
    network.node.send(ALICE)
    network.grow()
    dropped = network.node.unsafe.number
    assert await network.snapshots.revert(number)
    network.node.send(BOB)
    assert network.node.unsafe.number == height
    network.grow()
    assert network.node.unsafe.number == dropped
    assert network.world.converge().number > height
    assert network.node.state.get_nonce(BOB.address) == 1
    assert network.node.state.get_nonce(ALICE.address) == 0


async def test_unsafe_blocks_of_the_snapshot_stay_when_derivation_starts_anew(
    network: Network,
) -> None:
    network.grow(2)
    head = network.node.build(3)
    number = await network.snapshots.take()
    network.grow(2)
    assert await network.snapshots.revert(number)
    network.node.derive()
    assert network.node.unsafe.hash == head.hash


@pytest.mark.parametrize("network", [None, Retention(20, follows_finality=True)], indirect=True)
async def test_same_blocks_may_come_again_after_each_revert(network: Network) -> None:
    network.grow(3)
    heads = []
    for _ in range(3):
        number = await network.snapshots.take()
        heads.append(network.node.build(4).hash)
        assert await network.snapshots.revert(number)
    assert len(set(heads)) == 1
    network.node.send(ALICE)
    network.grow(8)
    assert network.world.converge().number > 40
    assert network.node.state.get_nonce(ALICE.address) == 1


async def test_revert_uses_up_the_snapshot_and_later_ones_and_numbers_rise(
    network: Network,
) -> None:
    first, second, third = [await network.snapshots.take() for _ in range(3)]
    assert await network.snapshots.revert(second)
    assert not await network.snapshots.revert(second)
    assert not await network.snapshots.revert(third)
    assert await network.snapshots.take() > third
    assert await network.snapshots.revert(first)
    assert not await network.snapshots.revert(99)


async def test_actors_are_down_while_the_chains_go_back(network: Network) -> None:
    network.group.start()
    await asyncio.sleep(0)
    number = await network.snapshots.take()
    assert await network.snapshots.revert(number)
    await asyncio.sleep(0)
    assert network.log[:2] == ["actor starts", "actor ends"]
    assert network.log[2:] == ["l1 announced", "l1 polled", "actor starts"]


@pytest.mark.parametrize("network", [Retention(2, follows_finality=True)], indirect=True)
async def test_snapshot_of_a_dropped_state_is_refused_and_nothing_moves(network: Network) -> None:
    network.grow(1)
    number = await network.snapshots.take()
    network.grow(6)
    before = network.seen()
    with pytest.raises(StateNotAvailable):
        await network.snapshots.revert(number)
    assert network.seen() == before
    network.grow(1)


async def test_failure_of_an_actor_is_that_of_the_group_even_after_a_stop() -> None:
    fails = asyncio.Event()

    async def loop() -> None:
        await fails.wait()
        raise ValueError("broken")

    async def nothing() -> None:
        return None

    group = ActorGroup(lambda: [loop(), loop()])
    failure = group.start()
    await group.without(nothing)
    fails.set()
    with pytest.raises(ValueError, match="broken"):
        await failure
    await group.stop()


async def test_stopped_group_stays_stopped() -> None:
    started: list[int] = []

    async def loop() -> None:
        started.append(1)

    group = ActorGroup(lambda: [loop()])
    await group.stop()
    await group.without(lambda: asyncio.sleep(0))
    assert not started


def test_snapshots_are_refused_with_the_reason_where_the_l1_is_not_embedded() -> None:
    for ask in (SnapshotsRefused().snapshot, lambda: SnapshotsRefused().revert(1)):
        with pytest.raises(RpcError, match="L1 is not embedded"):
            ask()
