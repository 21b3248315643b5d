"""The sequencer's choice of L1 origins: confirmation depth, drift, recovery."""

from __future__ import annotations

import pytest
from actors import World

from chain.errors import Recovery
from chain.transaction import DepositTransaction
from genesis.config import FJORD_MAX_SEQUENCER_DRIFT_S
from genesis.dev_accounts import dev_account
from rollup.derivation.l2_block import l2_block_ref
from rollup.sequencer.origin_selector import L1OriginLagging
from rollup.sequencer.sequencer import BlockNotDue

ALICE = dev_account("account0")
NEWCOMER = b"\xaa" * 20


def origin_of_head(world):
    return world.sequencer.sequencer.head.l1_origin.number


def test_block_is_not_built_before_its_time():
    world = World()
    due = world.sequencer.sequencer.next_timestamp
    with pytest.raises(BlockNotDue, match=f"is due at {due}") as caught:
        world.sequencer.sequencer.build(due - 1)
    assert caught.value.recovery is Recovery.RETRY
    assert world.sequencer.sequencer.build(due).header.timestamp == due


def test_origin_moves_on_when_l2_reaches_its_time():
    world = World()
    world.sequencer.build(5)
    assert origin_of_head(world) == 0
    world.sequencer.build()
    assert origin_of_head(world) == 1


def test_origin_keeps_the_confirmation_depth():
    world = World(confirmation_depth=3)
    world.miner.mine(5)
    world.sequencer.build_to_l1_head()
    assert origin_of_head(world) == world.miner.head.number - 3


def test_past_the_drift_limit_blocks_are_empty_until_l1_goes_on():
    world = World(block_time=60)
    world.miner.mine(1, seconds=2 * FJORD_MAX_SEQUENCER_DRIFT_S)
    limit = FJORD_MAX_SEQUENCER_DRIFT_S // 60
    world.sequencer.build(limit)
    world.sequencer.send(ALICE, to=NEWCOMER, value=8)
    for _ in range(5):
        block = world.sequencer.build()
        assert len(block.transactions) >= 1
    # L1 block 1 came 12 s after genesis, so the limit counts from there.
    numbers = [
        n
        for n in range(1, world.sequencer.unsafe.number + 1)
        if any(
            not isinstance(tx, DepositTransaction)
            for tx in world.sequencer.engine.block_by_number(n).transactions
        )
    ]
    assert numbers == []
    assert len(world.sequencer.pool) == 1
    while origin_of_head(world) < 2:
        world.sequencer.build()
    assert world.sequencer.state.get_balance(NEWCOMER) == 8
    world.batcher.submit()
    world.miner.mine()
    assert world.converge().hash == world.sequencer.unsafe.hash


def test_past_the_drift_limit_without_a_new_l1_block_the_sequencer_waits():
    world = World(block_time=60)
    world.sequencer.build(FJORD_MAX_SEQUENCER_DRIFT_S // 60)
    with pytest.raises(L1OriginLagging, match="past the drift limit") as caught:
        world.sequencer.build()
    assert caught.value.recovery is Recovery.RETRY
    world.miner.mine()
    world.sequencer.build()
    assert origin_of_head(world) == 2


def test_transaction_that_can_never_run_leaves_the_pool():
    world = World()
    foreign_balance = dev_account("account5")
    tx = world.sequencer.send(foreign_balance, to=NEWCOMER, value=9_000 * 10**18)
    drain = world.sequencer.send(dev_account("account6"), to=NEWCOMER)
    world.sequencer.build()
    assert len(world.sequencer.pool) == 0
    assert world.sequencer.state.get_balance(NEWCOMER) == tx.value + drain.value


def test_user_transactions_follow_the_deposits():
    world = World()
    world.deposit(ALICE, to=NEWCOMER, mint=10**18)
    world.miner.mine()
    world.sequencer.send(ALICE, to=NEWCOMER)
    world.sequencer.build_to_l1_head()
    kinds = []
    for number in range(1, world.sequencer.unsafe.number + 1):
        block = world.sequencer.engine.block_by_number(number)
        deposits = [isinstance(tx, DepositTransaction) for tx in block.transactions]
        assert deposits == sorted(deposits, reverse=True)
        kinds.append(sum(deposits))
    assert kinds.count(2) == 1


def test_sequencer_recovers_when_its_window_is_nearly_over():
    world = World(window=20, confirmation_depth=4)
    world.sequencer.send(ALICE, to=NEWCOMER, value=8)
    world.miner.mine(30)
    origins = []
    while world.sequencer.sequencer.next_timestamp <= world.miner.head.timestamp:
        world.sequencer.build()
        origins.append(origin_of_head(world))
    late = [origin for origin in origins if origin + 20 <= world.miner.head.number]
    assert late == sorted(late)
    with_transfer = [
        n
        for n in range(1, world.sequencer.unsafe.number + 1)
        if any(
            not isinstance(tx, DepositTransaction)
            for tx in world.sequencer.engine.block_by_number(n).transactions
        )
    ]
    (number,) = with_transfer
    head = world.miner.head.number
    block = world.sequencer.engine.block_by_number(number)
    parent = world.sequencer.engine.block_by_number(number - 1)
    assert l2_block_ref(world.config, parent).l1_origin.number + 20 > head + 2
    assert l2_block_ref(world.config, block).l1_origin.number + 20 >= head
    world.batcher.submit()
    world.miner.mine()
    world.converge()
    assert world.verifier.state.get_balance(NEWCOMER) == 8
    assert world.sequencer.driver.safe_head.number == world.sequencer.unsafe.number
