"""Batches that get lost, come late or never: what the batcher sends again, what L1 fills in."""

from __future__ import annotations

import pytest
from actors import BatcherActor, World

from chain.transaction import DepositTransaction
from genesis.dev_accounts import dev_account
from rollup.batcher.payload import BatcherConfig
from rollup.driver.driver import StepKind

ALICE = dev_account("account0")
NEWCOMER = b"\xaa" * 20
SMALL_FRAMES = BatcherConfig(max_frame_data_bytes=80)
SPANS = BatcherConfig(batch_type="span", compression="brotli")


def test_batcher_that_starts_again_before_its_last_span_is_read_doubles_nothing():
    world = World(batcher_config=SPANS)
    world.sequencer.send(ALICE, to=NEWCOMER, value=7)
    world.sequencer.build(4)
    world.batcher.submit()
    world.miner.mine()
    # It starts again at a safe head that does not know of the span yet, and sends a longer one.
    world.batcher = BatcherActor(world.sequencer, world.miner, SPANS)
    world.sequencer.build(2)
    world.batcher.submit()
    world.miner.mine()
    assert world.converge().hash == world.sequencer.unsafe.hash
    assert world.verifier.state.get_balance(NEWCOMER) == 7


def test_lost_payload_is_sent_again_with_its_whole_channel():
    world = World(batcher_config=SMALL_FRAMES)
    world.sequencer.build(4)
    payloads = world.batcher.payloads()
    assert len(payloads) >= 3
    world.batcher.send(payloads[0])
    world.miner.mine()
    world.batcher.observe()
    world.batcher.batcher.payload_failed(payloads[1].id)
    again = world.batcher.payloads()
    assert [p.frames for p in again] == [p.frames for p in payloads]
    assert {p.id for p in again}.isdisjoint({p.id for p in payloads})
    for payload in again:
        world.batcher.send(payload)
    world.miner.mine()
    assert world.converge().hash == world.sequencer.unsafe.hash


def test_channel_that_derivation_dropped_is_sent_again():
    world = World(batcher_config=SMALL_FRAMES)
    world.sequencer.build(4)
    payloads = world.batcher.payloads()
    # The last two change places on L1: the channel never completes.
    *head, before_last, last = payloads
    for payload in (*head, last, before_last):
        world.batcher.send(payload)
    world.miner.mine()
    assert world.sequencer.derive().number == 0
    world.batcher.observe()
    assert world.batcher.submit() == len(payloads)
    world.miner.mine()
    assert world.converge().hash == world.sequencer.unsafe.hash


def test_confirmed_and_safe_blocks_are_forgotten():
    world = World()
    for _ in range(5):
        world.round(blocks=3)
        world.sequencer.derive()
        world.batcher.observe()
    assert world.batcher.submit() == 0
    assert world.batcher.batcher.blocks_in_no_channel == 0


@pytest.mark.parametrize("form", [BatcherConfig(), SPANS], ids=["singular", "spans"])
def test_restarted_batcher_leaves_no_gap_and_doubles_nothing(form):
    world = World(batcher_config=form)
    for _ in range(2):
        world.round(blocks=3, transfers=[(ALICE, NEWCOMER, 1)])
    world.sequencer.build(3)
    world.sequencer.derive()
    assert world.sequencer.safe.number == 6
    world.batcher = BatcherActor(world.sequencer, world.miner, form)
    payloads = world.batcher.payloads()
    assert len(payloads) == 1
    for payload in payloads:
        world.batcher.send(payload)
    world.miner.mine()
    world.verifier.derive()
    assert world.converge().number == 9
    assert world.verifier.state.get_balance(NEWCOMER) == 2


def test_window_without_batches_gives_empty_blocks_on_both_sides():
    world = World(window=5)
    world.sequencer.send(ALICE, to=NEWCOMER)
    world.sequencer.build(4)
    world.miner.mine(8)
    safe = world.verifier.derive()
    assert safe.number > 4
    for number in range(1, safe.number + 1):
        block = world.verifier.engine.block_by_number(number)
        assert all(isinstance(tx, DepositTransaction) for tx in block.transactions)
    assert world.sequencer.derive().hash == safe.hash
    assert world.sequencer.unsafe.hash == safe.hash
    assert [tx.value for tx in world.sequencer.returned] == [1]


def test_batch_in_the_last_block_of_its_window_counts():
    world = World(window=5)
    world.sequencer.send(ALICE, to=NEWCOMER)
    world.sequencer.build(4)
    payloads = world.batcher.payloads()
    world.miner.mine(5 - 1 - world.miner.head.number)
    for payload in payloads:
        world.batcher.send(payload)
    assert world.miner.mine().number == 5
    assert world.converge().hash == world.sequencer.unsafe.hash


def test_batch_one_block_after_its_window_comes_too_late():
    world = World(window=5)
    world.sequencer.send(ALICE, to=NEWCOMER)
    world.sequencer.build(4)
    payloads = world.batcher.payloads()
    world.miner.mine(5 - world.miner.head.number)
    for payload in payloads:
        world.batcher.send(payload)
    assert world.miner.mine().number == 6
    world.converge()
    assert world.verifier.state.get_balance(NEWCOMER) == 0
    assert world.sequencer.state.get_balance(NEWCOMER) == 0


def test_chain_recovers_after_its_window_was_lost():
    world = World(window=6)
    world.sequencer.build(3)
    world.miner.mine(15)
    world.converge()
    # The sequencer catches up with empty blocks, which verifiers force as well, then goes on.
    for _ in range(12):
        world.sequencer.build_to_l1_head()
        world.batcher.feed()
        world.batcher.submit()
        world.miner.mine()
        world.sequencer.derive()
        world.batcher.feed()
        world.batcher.observe()
    world.sequencer.send(ALICE, to=NEWCOMER, value=9)
    world.sequencer.build_to_l1_head()
    world.batcher.submit()
    world.miner.mine()
    world.converge()
    assert world.verifier.state.get_balance(NEWCOMER) == 9


def test_deposit_is_forced_in_although_no_batch_ever_comes():
    world = World(window=5)
    world.deposit(ALICE, to=NEWCOMER, mint=10**18)
    world.miner.mine(9)
    world.verifier.derive()
    assert world.verifier.state.get_balance(NEWCOMER) == 10**18
    assert StepKind.DERIVED in world.verifier.steps
