"""A chain whose batches go through a contract: the same whenever and however L1 is read."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from actors import DEPLOYER
from inbox_world import InboxWorld

from chain import abi
from genesis.dev_accounts import dev_accounts
from rollup.batcher.payload import batch_of
from rollup.derivation.l2_block import l2_block_ref
from rollup.derivation.rules import Rule
from rollup.wire.inbox_item import MAX_ITEM_BYTES, encode_in_item

ALICE, BOB = dev_accounts()[:2]


@pytest.fixture
def world():
    made = InboxWorld()
    made.sequencer.build(6)
    return made


def batches(world, first=1, last=None):
    engine = world.sequencer.engine
    last = engine.heads.unsafe.number if last is None else last
    blocks = [engine.block_by_number(number) for number in range(first, last + 1)]
    return [batch_of(block, l2_block_ref(world.config, block)) for block in blocks]


def safe(world):
    return world.verifier.derive().number


def test_the_batcher_writes_items_and_everybody_derives_the_sequencers_chain(world):
    for turn in range(8):
        world.sequencer.send(ALICE, value=turn)
        world.deposit(BOB, to=ALICE.address, mint=turn)
        world.sequencer.build_to_l1_head()
        world.batcher.submit()
        world.miner.mine()
        world.batcher.observe()
        assert world.converge().hash == world.sequencer.unsafe.hash


def test_only_the_batcher_of_the_moment_is_taken(world):
    world.append(*batches(world), account=ALICE)
    world.miner.mine()
    assert safe(world) == 0
    call = abi.selector("setBatcherHash(bytes32)") + bytes(12) + ALICE.address
    world.miner.send_as(DEPLOYER, to=world.contracts.system_config, data=call)
    world.append(*batches(world, 1, 3))
    world.append(*batches(world, 4, 6), account=ALICE)
    world.append(*batches(world, 1, 3), account=ALICE)
    world.miner.mine()
    assert safe(world) == 6


def test_a_batch_ahead_of_its_parent_waits_for_it(world):
    made = batches(world)
    world.append(*made[3:])
    world.miner.mine()
    assert safe(world) == 0
    world.append(*made[:3])
    world.miner.mine()
    assert safe(world) == 6
    assert {Rule.BATCH_FUTURE, Rule.BATCH_ACCEPTED} <= world.rules


def test_the_first_of_two_batches_counts(world):
    first, *others = batches(world)
    rival = replace(first, transactions=(b"\x01",))
    world.append(first, rival, *others)
    world.miner.mine()
    assert safe(world) == 6


@pytest.mark.parametrize("rest", [b"\x00", b"\xc0", b"\x81\x00", b"\xb9\xff\xff", b"\x85hallo"])
def test_what_cannot_be_read_ends_its_item_and_no_other(world, rest):
    made = batches(world)
    item = b"\x02" + b"".join(map(encode_in_item, made[:2])) + rest + encode_in_item(made[2])
    world.append_bytes(item)
    world.append(*made[3:])
    world.miner.mine()
    assert safe(world) == 2
    assert Rule.ITEM_UNREADABLE in world.rules
    world.append(made[2])
    world.miner.mine()
    assert safe(world) == 6


@pytest.mark.parametrize("version", [b"\x00", b"\x01", b"\x03"])
def test_an_item_of_another_version_is_passed_over(world, version):
    item = b"".join(map(encode_in_item, batches(world)))
    world.append_bytes(version + item)
    world.miner.mine()
    assert safe(world) == 0
    assert Rule.ITEM_VERSION in world.rules


def test_the_contract_takes_nothing_that_is_too_long(world):
    world.append_bytes(b"\x02" + bytes(MAX_ITEM_BYTES))
    world.miner.mine()
    assert safe(world) == 0
    assert world.rules & {Rule.ITEM_VERSION, Rule.ITEM_UNREADABLE} == set()


def test_an_invalid_transaction_makes_a_block_of_deposits_and_leaves_the_others():
    world = InboxWorld()
    world.sequencer.build(2)
    world.sequencer.send(ALICE, value=3)
    world.sequencer.build(4)
    made = batches(world)
    bad = replace(made[2], transactions=(b"\x02\xc0",))
    world.append(*made[:2], bad, *made[3:])
    world.miner.mine()
    # Block 3 is another than the sequencer's, so what follows the sequencer's does not follow it.
    assert safe(world) == 3
    assert Rule.DEPOSITS_ONLY in world.rules
    third = world.verifier.safe
    after = replace(made[3], parent_hash=third.hash)
    world.append(after)
    world.miner.mine()
    assert safe(world) == 4


def test_behind_the_window_comes_an_empty_block(world):
    world.miner.mine(world.window + 1)
    found = safe(world)
    assert found > 0
    assert Rule.EMPTY_BATCH in world.rules


def test_a_reorg_of_l1_takes_the_safe_head_back(world):
    world.append(*batches(world))
    world.miner.mine()
    assert safe(world) == 6
    world.miner.rewind(1)
    world.append(*batches(world, 1, 4))
    world.miner.mine(2, salt=7)
    assert safe(world) == 4


@pytest.mark.parametrize("seed", range(6))
def test_where_a_verifier_starts_makes_no_difference(seed):
    """Batches early, twice, late, false, cut: a node that starts anew after each L1 block, and one
    that reads all at the end, come to the chain of one that ran all along.
    """
    rnd = random.Random(seed)
    world = InboxWorld(window=8)
    other = world.noting()
    for _ in range(14):
        if rnd.random() < 0.5:
            world.sequencer.send(ALICE, value=rnd.randrange(9))
        if rnd.random() < 0.4:
            world.deposit(BOB, to=ALICE.address, mint=rnd.randrange(9))
        world.sequencer.build_to_l1_head()
        known = world.verifier.engine.heads.safe.number
        made = batches(world, max(1, known - 2))
        rnd.shuffle(made)
        for _ in range(rnd.randrange(4)):
            chosen = [spoilt(rnd, batch) for batch in made[: rnd.randrange(len(made) + 1)]]
            world.append(*chosen)
        world.miner.mine()
        world.verifier.derive()
        world.sequencer.derive()
        assert world.sequencer.safe.hash == world.verifier.safe.hash
        if rnd.random() < 0.5:
            world.restarted()
    last = world.noting()
    assert last.derive().hash == other.derive().hash == world.verifier.safe.hash


def spoilt(rnd, batch):
    kind = rnd.randrange(8)
    if kind == 0:
        return replace(batch, epoch_number=batch.epoch_number + 1)
    if kind == 1:
        return replace(batch, transactions=(*batch.transactions, b""))
    if kind == 2:
        return replace(batch, timestamp=batch.timestamp + rnd.choice((-2, 1, 2)))
    return batch
