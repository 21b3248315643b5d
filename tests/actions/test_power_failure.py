"""The machine stops between any two writes; the node that starts again derives the same chain."""

from __future__ import annotations

from actors import BATCHER, L2Node, World
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.storage.memory import MemoryStore
from genesis.dev_accounts import dev_account
from rollup.batcher.payload import BatcherConfig
from rollup.wire.frame import encode_frames

ALICE = dev_account("account0")
NEWCOMER = b"\xaa" * 20


class PowerFailure(Exception):
    """The machine stopped."""


class FailingStore(MemoryStore):
    """Takes a number of batches, then fails until it is given more."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def write(self, puts, deletes=(), *, sync):
        if self.left == 0:
            raise PowerFailure
        self.left -= 1
        super().write(puts, deletes, sync=sync)


def world_with_an_unsafe_chain_that_l1_overrules():
    """A few safe blocks; then the sequencer's own blocks lose against forced empty ones."""
    world = World(window=5, batcher_config=BatcherConfig(max_frame_data_bytes=100))
    for _ in range(2):
        world.round(blocks=3, transfers=[(ALICE, NEWCOMER, 5)])
    world.sequencer.build(4)
    frames = [frame for payload in world.batcher.payloads() for frame in payload.frames]
    world.miner.send_as(
        BATCHER, to=world.config.batch_inbox_address, data=encode_frames(frames[:-1])
    )
    world.miner.mine(8)
    return world


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 60), st.lists(st.integers(0, 15), max_size=6))
def test_derivation_survives_a_stop_before_any_write(first, later):
    world = world_with_an_unsafe_chain_that_l1_overrules()
    expected = world.verifier.derive(finalized=4)
    store = FailingStore(first)
    for more in (*later, 10**9):
        try:
            node = L2Node(world.config, world.spec, world.miner, kv=store)
            heads = node.engine.heads
            assert heads.finalized.number <= heads.safe.number <= heads.unsafe.number
            assert node.derive(finalized=4).hash == expected.hash
        except PowerFailure:
            store.left = more
    store.left = 10**9
    last = L2Node(world.config, world.spec, world.miner, kv=store)
    assert last.derive(finalized=4).hash == expected.hash
    assert last.engine.heads == world.verifier.engine.heads


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 25), st.integers(0, 25))
def test_sequencer_that_stops_while_it_follows_l1_comes_to_the_same_chain(first, second):
    world = world_with_an_unsafe_chain_that_l1_overrules()
    expected = world.verifier.derive()
    node = world.sequencer
    for batches in (first, second):
        store = FailingStore(batches)
        store.__dict__.update({k: v for k, v in node.kv.__dict__.items() if k != "left"})
        node = L2Node(world.config, world.spec, world.miner, kv=store)
        try:
            node.derive()
        except PowerFailure:
            continue
    node = L2Node(world.config, world.spec, world.miner, kv=node.kv)
    node.kv.left = 10**9
    assert node.derive().hash == expected.hash
    assert node.engine.heads.unsafe.hash == expected.hash
