"""L1 reorganises: sequencer and verifier converge, and no deposit is lost or doubled."""

from __future__ import annotations

import pytest
from actors import BATCHER, World

from chain.errors import Recovery
from chain.transaction import recover_sender
from genesis.dev_accounts import dev_account
from rollup.batcher.payload import BatcherConfig
from rollup.derivation.errors import ReorgDetected
from rollup.driver.driver import Driver, StepKind

ALICE = dev_account("account0")
BOB = dev_account("account1")
NEWCOMER = b"\xaa" * 20


def give_back(world):
    """What a node does with the transactions of dropped blocks: into the pool again."""
    for tx in world.sequencer.returned:
        world.sequencer.pool_add(tx, recover_sender(tx))
    world.sequencer.returned.clear()


def carry_on(world, rounds=4):
    """Build, batch and mine on the new L1 until both nodes have converged."""
    world.sequencer.derive()
    give_back(world)
    for _ in range(rounds):
        world.miner.mine()
        world.sequencer.build_to_l1_head()
        world.batcher.submit()
        world.miner.mine()
        world.sequencer.derive()
        world.batcher.observe()
    world.batcher.submit()
    world.miner.mine()
    return world.converge()


def loaded_world(rounds, **settings):
    """A world in which every L1 block has a deposit, transfers and batches."""
    world = World(window=60, **settings)
    for turn in range(rounds):
        world.deposit(BOB, to=NEWCOMER, mint=10**15)
        world.sequencer.send(ALICE, to=NEWCOMER, value=10**3)
        world.sequencer.build_to_l1_head()
        world.batcher.submit()
        world.miner.mine(salt=turn)
    world.converge()
    return world


@pytest.mark.parametrize(
    ("depth", "batch_type"), [(1, "singular"), (5, "span"), (16, "singular"), (16, "span")]
)
def test_reorg_under_load_loses_and_doubles_nothing(depth, batch_type):
    world = loaded_world(20, batcher_config=BatcherConfig(batch_type=batch_type))
    assert world.verifier.safe.number > 80
    lost = world.miner.rewind(depth)
    # Everything comes back one block later than before, so every L1 hash from there is new.
    world.miner.mine(empty=True, salt=99)
    for tx in lost:
        world.miner.send(tx)
        world.miner.mine(salt=99)
    carry_on(world)
    balance = world.verifier.state.get_balance(NEWCOMER)
    assert balance == 20 * 10**15 + 20 * 10**3
    assert world.sequencer.state.get_balance(NEWCOMER) == balance


def test_deposit_that_the_new_l1_does_not_have_is_gone_from_l2():
    world = loaded_world(6)
    world.miner.rewind(3)
    world.miner.mine(4, empty=True, salt=5)
    carry_on(world)
    assert world.verifier.state.get_balance(NEWCOMER) == 3 * 10**15 + 6 * 10**3


def test_reorg_to_a_chain_of_equal_length():
    world = loaded_world(6)
    before = world.verifier.safe.hash
    world.miner.rewind(4)
    world.miner.mine(4, empty=True, salt=5)
    assert world.verifier.derive().hash != before
    carry_on(world)


def test_reorg_to_a_shorter_chain():
    world = loaded_world(8)
    world.miner.rewind(6)
    world.miner.mine(2, empty=True, salt=5)
    safe = world.verifier.derive()
    assert safe.number < world.sequencer.unsafe.number
    carry_on(world)


def test_reorg_that_moves_batches_but_no_origin_keeps_the_unsafe_chain():
    world = World(window=60)
    world.miner.mine(3)
    world.sequencer.send(ALICE, to=NEWCOMER)
    world.sequencer.build(4)
    unsafe = world.sequencer.unsafe.hash
    world.miner.mine(8)
    world.batcher.submit()
    world.miner.mine()
    assert world.converge().hash == unsafe
    lost = world.miner.rewind(2)
    world.miner.mine(3, empty=True, salt=1)
    world.verifier.derive()
    assert world.sequencer.derive().number == 0
    assert world.sequencer.unsafe.hash == unsafe
    for tx in lost:
        world.miner.send(tx)
    world.miner.mine()
    assert world.converge().hash == unsafe
    assert StepKind.DERIVED not in world.sequencer.steps


def test_transactions_of_dropped_blocks_come_back():
    world = World(window=60)
    world.miner.mine(2)
    world.sequencer.build_to_l1_head()
    sent = [world.sequencer.send(ALICE, to=NEWCOMER, value=n) for n in range(1, 4)]
    world.miner.mine()
    world.sequencer.build_to_l1_head()
    world.miner.rewind(2)
    world.miner.mine(3, empty=True, salt=2)
    world.sequencer.derive()
    assert [tx.hash for tx in world.sequencer.returned] == [tx.hash for tx in sent]
    carry_on(world)
    assert world.verifier.state.get_balance(NEWCOMER) == 6


def test_sequencer_builds_nothing_on_an_origin_that_is_gone():
    world = World(window=60)
    world.miner.mine(2)
    world.sequencer.build_to_l1_head()
    world.miner.rewind(2)
    world.miner.mine(3, empty=True, salt=2)
    with pytest.raises(ReorgDetected, match="canonical is") as caught:
        world.sequencer.build()
    assert caught.value.recovery is Recovery.RESET
    world.sequencer.derive()
    world.sequencer.build()


def test_batcher_sends_again_what_the_reorg_took():
    world = World(window=60)
    world.miner.mine(2)
    world.sequencer.build_to_l1_head()
    world.batcher.submit()
    world.miner.mine()
    world.converge()
    world.batcher.observe()
    head = world.sequencer.unsafe.hash
    world.sequencer.build()
    lost = world.miner.rewind(1)
    assert [tx.to for tx in lost] == [world.config.batch_inbox_address]
    world.miner.mine(2, empty=True, salt=1)
    world.sequencer.derive()
    world.batcher.node = world.sequencer
    world.batcher.batcher.reset(world.sequencer.engine.heads.safe)
    assert world.batcher.submit() > 0
    world.miner.mine()
    world.converge()
    assert head in {
        world.verifier.engine.block_by_number(n).hash for n in range(world.verifier.safe.number + 1)
    }


def test_reorg_below_finality_stops_the_node():
    world = loaded_world(6)
    world.verifier.derive(finalized=world.miner.head.number - 1)
    finalized = world.verifier.engine.heads.finalized
    assert finalized.number > 0
    world.miner.rewind(4)
    world.miner.mine(5, empty=True, salt=3)
    with pytest.raises(Exception, match="was final, is not canonical") as caught:
        world.verifier.derive()
    assert caught.value.recovery is Recovery.STOP
    assert world.verifier.engine.heads.finalized == finalized


def test_batcher_account_is_the_one_of_the_system_config():
    world = World()
    assert world.config.genesis.system_config.batcher_address == BATCHER.address


def test_blob_of_a_block_that_l1_has_dropped_is_not_waited_for():
    world = World(window=60, batcher_config=BatcherConfig(kind="blobs", max_frame_data_bytes=5_000))
    world.sequencer.build(2)
    world.batcher.submit()
    blobs = dict(world.miner.blobs)
    world.miner.blobs.clear()
    world.miner.mine()
    world.verifier.l1.sync()
    for _ in range(20):
        step = world.verifier.driver.step()
    assert step.missing.versioned_hash in blobs
    assert step.missing.block_hash == world.miner.head.hash
    world.miner.rewind(1)
    world.miner.mine(2, empty=True, salt=4)
    assert world.verifier.derive().number == 0
    assert world.verifier.driver.l1_origin.hash == world.miner.head.hash


def crank(node):
    """Turn the driver until L1 has nothing more for it; what it waits for."""
    node.l1.sync()
    for _ in range(2_000):
        step = node.driver.step()
        node.steps.append(step.kind)
        if step.kind is StepKind.WAITING:
            return step.missing
    raise AssertionError("derivation does not come to an end")


def test_verifier_behind_l1s_head_derives_later_and_meets_no_reorg():
    world = World(window=60)
    node = world.new_verifier()
    node.driver = Driver(
        world.config, node.l1.provider, node.engine, node.store, confirmation_depth=3
    )
    world.round()
    assert crank(node).number == 1
    assert node.safe.number == 0
    world.miner.mine(3, empty=True)
    assert crank(node).number == world.miner.head.number - 2
    assert node.safe.hash == world.sequencer.unsafe.hash
    resets = node.steps.count(StepKind.RESET)
    world.miner.rewind(2)
    world.miner.mine(3, empty=True, salt=8)
    crank(node)
    assert node.steps.count(StepKind.RESET) == resets == 1
    world.miner.rewind(1)
    assert crank(node).number > 0  # a shorter L1 is waited for
