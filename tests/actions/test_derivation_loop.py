"""From L2 blocks to L1 and back: derive(batch(blocks)) = blocks."""

from __future__ import annotations

import pytest
from actors import World
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.transaction import DepositTransaction
from genesis.dev_accounts import dev_account
from rollup.batcher.payload import BatcherConfig
from rollup.driver.driver import StepKind

ALICE = dev_account("account0")
BOB = dev_account("account1")
NEWCOMER = b"\xaa" * 20


def test_nothing_on_l1_gives_nothing():
    world = World()
    world.miner.mine(3)
    assert world.converge().number == 0


@pytest.mark.parametrize(
    "settings_of_batcher",
    [
        pytest.param(BatcherConfig(), id="calldata"),
        pytest.param(BatcherConfig(max_frame_data_bytes=150), id="calldata in many frames"),
        pytest.param(BatcherConfig(target_channel_bytes=400), id="many channels"),
        pytest.param(
            BatcherConfig(kind="blobs", max_frame_data_bytes=400, blobs_per_payload=2), id="blobs"
        ),
        pytest.param(BatcherConfig(batch_type="span", compression="brotli"), id="spans"),
        pytest.param(
            BatcherConfig(batch_type="span", target_channel_bytes=300, max_frame_data_bytes=90),
            id="many spans in many frames",
        ),
    ],
)
def test_verifier_derives_the_sequencers_blocks(settings_of_batcher):
    world = World(batcher_config=settings_of_batcher)
    for turn in range(3):
        world.round(transfers=[(ALICE, NEWCOMER, 1000 + turn), (BOB, NEWCOMER, 7)])
    assert world.converge().number == world.sequencer.unsafe.number == 18
    assert world.verifier.state.get_balance(NEWCOMER) == 3 * 1000 + 3 + 3 * 7


def test_sequencer_consolidates_and_executes_nothing_twice():
    world = World()
    world.round(transfers=[(ALICE, NEWCOMER, 1)])
    world.converge()
    assert StepKind.DERIVED not in world.sequencer.steps
    assert world.sequencer.steps.count(StepKind.CONSOLIDATED) == 6
    assert world.verifier.steps.count(StepKind.DERIVED) == 6


def test_a_derived_block_becomes_safe_in_the_write_that_stores_it(monkeypatch):
    world = World()
    world.round(transfers=[(ALICE, NEWCOMER, 1)])
    store, writes = world.verifier.kv, []
    write = store.write

    def counted(puts, deletes=(), *, sync):
        writes.append(sync)
        write(puts, deletes, sync=sync)

    world.verifier.l1.sync()
    while world.verifier.driver.step().kind is not StepKind.L1_ADVANCED:
        pass
    monkeypatch.setattr(store, "write", counted)
    derived = 0
    while (step := world.verifier.driver.step()).kind is not StepKind.WAITING:
        if step.kind is StepKind.DERIVED:
            derived += 1
            assert writes == [True]
            assert world.verifier.engine.heads.safe == step.block
        writes.clear()
    assert derived == 6


def test_each_epoch_opens_with_attributes_and_moves_with_l1():
    world = World()
    world.miner.mine(4)
    world.sequencer.build_to_l1_head()
    blocks = [
        world.sequencer.engine.block_by_number(n)
        for n in range(1, world.sequencer.unsafe.number + 1)
    ]
    assert all(isinstance(block.transactions[0], DepositTransaction) for block in blocks)
    origins = [world.sequencer.driver.unsafe_head.l1_origin.number]
    assert origins == [world.miner.head.number]
    world.batcher.submit()
    world.miner.mine()
    assert world.converge().hash == world.sequencer.unsafe.hash


def test_deposit_reaches_l2_once_and_by_the_same_block_everywhere():
    world = World()
    world.deposit(ALICE, to=NEWCOMER, mint=5 * 10**18)
    world.miner.mine()
    world.sequencer.build_to_l1_head()
    assert world.sequencer.state.get_balance(NEWCOMER) == 5 * 10**18
    world.batcher.submit()
    world.miner.mine()
    world.converge()
    assert world.verifier.state.get_balance(NEWCOMER) == 5 * 10**18


def test_deposit_that_fails_on_l2_still_mints():
    world = World()
    before = world.verifier.state.get_balance(BOB.address)
    world.deposit(BOB, to=NEWCOMER, mint=10**18, value=20_000 * 10**18)
    world.miner.mine()
    world.sequencer.build_to_l1_head()
    world.batcher.submit()
    world.miner.mine()
    world.converge()
    assert world.verifier.state.get_balance(NEWCOMER) == 0
    assert world.verifier.state.get_balance(BOB.address) == before + 10**18


def test_finality_follows_l1():
    world = World()
    for _ in range(3):
        world.round()
    world.converge()
    assert world.verifier.engine.heads.finalized.number == 0
    world.verifier.derive(finalized=world.miner.head.number - 1)
    assert world.verifier.engine.heads.finalized.number == 12
    world.verifier.derive(finalized=world.miner.head.number)
    assert world.verifier.engine.heads.finalized.number == 18


def test_second_verifier_comes_to_the_same_chain_later():
    world = World()
    for _ in range(4):
        world.round(transfers=[(ALICE, NEWCOMER, 3)])
    world.converge()
    late = world.new_verifier()
    assert late.derive().hash == world.verifier.safe.hash


def test_verifier_restarted_at_any_step_derives_the_same_chain():
    world = World(batcher_config=BatcherConfig(max_frame_data_bytes=200))
    for _ in range(3):
        world.round(transfers=[(ALICE, NEWCOMER, 3)])
    expected = world.verifier.derive().hash
    node = world.new_verifier()
    node.l1.sync()
    while node.safe.hash != expected:
        node.driver.step()
        node.driver.step()
        node.driver.step()
        consumed = node.driver.consumed_l1.number
        node = node.restarted()
        node.l1.sync()
        # What is not consumed as a whole is derived again, so step far enough to get on.
        while node.driver.consumed_l1.number <= consumed:
            if node.driver.step().kind is StepKind.WAITING:
                break
    assert node.derive().hash == expected


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(0, 3), st.booleans(), st.booleans()),
        min_size=1,
        max_size=5,
    ),
    st.integers(60, 1000),
    st.booleans(),
    st.booleans(),
)
def test_any_way_of_building_and_submitting_gives_the_same_chain(
    turns, frame_bytes, has_blobs, has_spans
):
    world = World(
        batcher_config=BatcherConfig(
            kind="blobs" if has_blobs and frame_bytes > 500 else "calldata",
            max_frame_data_bytes=frame_bytes,
            target_channel_bytes=4 * frame_bytes,
            batch_type="span" if has_spans else "singular",
            compression="brotli" if has_spans else "zlib",
        )
    )
    for blocks, transfers, submits, deposits in turns:
        for index in range(transfers):
            world.sequencer.send(ALICE, to=NEWCOMER, value=index + 1)
        if deposits:
            world.deposit(BOB, to=NEWCOMER, mint=10**9)
        world.sequencer.build(blocks)
        if submits:
            world.batcher.submit()
        world.miner.mine()
    world.sequencer.build()
    world.batcher.submit()
    world.miner.mine()
    assert world.converge().hash == world.sequencer.unsafe.hash
