"""The L1 script: which batches count, when they come too late, what fills in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from actors import transfer
from l1_script import Rule, shows

from chain.transaction import DepositTransaction
from genesis.config import FJORD_MAX_SEQUENCER_DRIFT_S
from genesis.dev_accounts import dev_account
from rollup.derivation.l2_block import l2_block_ref

ALICE = dev_account("account0")
BOB = dev_account("account1")
NEWCOMER = b"\xaa" * 20


@pytest.fixture
def world(world_of):
    """Four L2 blocks with a transfer each, nothing on L1 yet."""
    made = world_of(window=30)
    for _ in range(4):
        made.sequencer.send(ALICE, to=NEWCOMER, value=5)
        made.sequencer.build()
    return made


def post(world, *batches, name=1):
    world.post(*world.frames(*batches, name=name))
    world.miner.mine()


def has_deposits_only(block):
    return all(isinstance(tx, DepositTransaction) for tx in block.transactions)


# -- batches that do not fit


@shows(Rule.PARENT, Rule.CHANNEL_FLUSHED)
def test_a_batch_on_another_parent(world):
    """It is dropped, and the rest of its channel with it; the next channel counts."""
    first, second, third, fourth = world.batches()
    post(world, first, replace(second, parent_hash=bytes(32)), second, third)
    assert world.derive().number == 1
    post(world, second, third, fourth, name=2)
    assert world.derives_the_sequencers_chain()


@shows(Rule.BATCH_PAST)
def test_a_channel_begins_with_what_is_safe_already(world):
    """Batches that lie before the safe head are skipped, those after it count."""
    post(world, *world.batches(last=2))
    assert world.derive().number == 2
    post(world, *world.batches(), name=2)
    assert world.derives_the_sequencers_chain()


@shows(Rule.BATCH_GAP)
def test_a_batch_leaves_a_gap(world):
    """Batches come in order: one for a later block is dropped at once, and not kept."""
    first, second, third, fourth = world.batches()
    post(world, first, third, fourth)
    assert world.derive().number == 1
    post(world, second, name=2)
    assert world.derive().number == 2


@shows(Rule.EPOCH_HASH)
def test_a_batch_names_its_l1_origin_by_another_hash(world):
    """Number and hash of the L1 origin have to agree."""
    first, second, *_ = world.batches()
    post(world, first, replace(second, epoch_hash=b"\x01" * 32))
    assert world.derive().number == 1


@shows(Rule.EPOCH_OLD)
def test_a_batch_goes_back_to_an_older_origin(world_of):
    """L1 origins do not go back."""
    world = world_of(window=30)
    world.miner.mine(2)
    world.sequencer.build_to_l1_head()
    batches = world.batches()
    index = next(i for i, b in enumerate(batches) if b.epoch_number == 2)
    origin_one = world.miner.l1_block(1)
    stale = replace(batches[index], epoch_number=1, epoch_hash=origin_one.hash)
    later = replace(batches[index + 1], epoch_number=1, epoch_hash=origin_one.hash)
    post(world, *batches[: index + 1], later)
    assert world.derive().number == index + 1
    assert stale.epoch_number < batches[index].epoch_number


@shows(Rule.EPOCH_AHEAD)
def test_a_batch_leaves_an_l1_block_out(world_of):
    """The L1 origin is the parent's or the one after it."""
    world = world_of(window=30)
    world.miner.mine(4)
    world.sequencer.build(2)
    first, second = world.batches()
    ahead = world.miner.l1_block(2)
    post(world, first, replace(second, epoch_number=2, epoch_hash=ahead.hash))
    assert world.derive().number == 1


@shows(Rule.BEFORE_ORIGIN)
def test_a_batch_is_older_than_its_origin(world):
    """L2 time is never before the time of the L1 origin."""
    first, second, *_ = world.batches()
    later = world.miner.l1_block(1)
    assert second.timestamp < later.timestamp
    post(world, first, replace(second, epoch_number=1, epoch_hash=later.hash))
    assert world.derive().number == 1


@shows(Rule.EMPTY_TRANSACTION)
def test_a_batch_with_a_transaction_of_no_bytes(world):
    """An empty byte string is no transaction."""
    first, second, *_ = world.batches()
    post(world, first, replace(second, transactions=(*second.transactions, b"")))
    assert world.derive().number == 1


@shows(Rule.DEPOSIT_IN_BATCH)
def test_a_deposit_is_smuggled_into_a_batch(world):
    """Deposits come from L1 by themselves: who could batch them could mint."""
    minting = DepositTransaction(bytes(32), BOB.address, BOB.address, 10**24, 0, 21_000, False, b"")
    first, second, *_ = world.batches()
    post(world, first, replace(second, transactions=(minting.encode(),)))
    assert world.derive().number == 1


@shows(Rule.PAST_DRIFT)
def test_transactions_past_the_sequencer_drift(world_of):
    """Half an hour past its origin a block may only be empty."""
    world = world_of(block_time=600, window=30)
    world.miner.mine(1, seconds=4 * FJORD_MAX_SEQUENCER_DRIFT_S)
    world.sequencer.build(4)
    batches = world.batches()
    assert batches[-1].transactions == ()
    late = transfer(world.config.l2_chain_id, ALICE, 0, to=NEWCOMER).encode()
    origin_time = world.miner.l1_block(batches[-1].epoch_number).timestamp
    assert batches[-1].timestamp > origin_time + FJORD_MAX_SEQUENCER_DRIFT_S
    post(world, *batches[:-1], replace(batches[-1], transactions=(late,)))
    assert world.derive().number == 3
    post(world, batches[-1], name=2)
    assert world.derives_the_sequencers_chain()


@shows(Rule.PAST_DRIFT_NEXT_DUE)
def test_an_empty_batch_past_the_drift_that_stays_on_its_origin(world_of):
    """Past the drift an empty block has to take the next L1 origin as soon as it is due."""
    world = world_of(block_time=600, window=30)
    world.sequencer.build(3)
    world.miner.mine(2, seconds=600)
    last = world.batches()[-1]
    stay = replace(
        last,
        parent_hash=world.sequencer.unsafe.hash,
        timestamp=last.timestamp + 600,
        transactions=(),
    )
    origin = world.miner.l1_block(last.epoch_number)
    assert stay.timestamp > origin.timestamp + FJORD_MAX_SEQUENCER_DRIFT_S
    post(world, *world.batches(), stay)
    assert world.derive().number == 3


# -- blocks that the engine refuses


@shows(Rule.DEPOSITS_ONLY, "holocene/derivation.md, Engine Queue")
@pytest.mark.parametrize(
    "nonce", [pytest.param(0, id="used nonce"), pytest.param(7, id="later nonce")]
)
def test_an_invalid_payload_becomes_a_block_of_deposits_only(world, nonce):
    """The block is built without the batch's transactions, and the channel's rest is dropped."""
    first, second, third, _ = world.batches()
    stale = transfer(world.config.l2_chain_id, ALICE, nonce).encode()
    post(world, first, replace(second, transactions=(*second.transactions, stale)), third)
    block = world.derive()
    assert block.number == 2
    assert has_deposits_only(block)
    assert world.verifier.state.get_balance(NEWCOMER) == 5


@shows(Rule.DEPOSITS_ONLY)
def test_a_transaction_that_cannot_be_read(world):
    """Bytes that are no transaction make a payload invalid, not derivation."""
    first, second, *_ = world.batches()
    post(world, first, replace(second, transactions=(*second.transactions, b"\x02garbage")))
    block = world.derive()
    assert block.number == 2
    assert has_deposits_only(block)


@shows(Rule.DEPOSITS_ONLY, "derivation.md, L1-sync: payload attributes processing")
def test_the_sequencer_gives_up_its_own_chain_for_what_l1_says(world):
    """What L1 has wins over the unsafe chain, whose transactions go back to the pool."""
    first, second, *_ = world.batches()
    foreign = transfer(1, BOB, 0).encode()
    post(world, first, replace(second, transactions=(foreign,)))
    block = world.derive()
    sequencer = world.sequencer.derive()
    assert sequencer.hash == block.hash == world.sequencer.unsafe.hash
    assert [tx.value for tx in world.sequencer.returned] == [5, 5, 5]


# -- late, and too late


@shows(Rule.BATCH_ACCEPTED)
def test_a_late_batch_in_the_last_block_of_its_window(world_of):
    """A batch counts up to and including L1 block epoch + window."""
    world = world_of(window=6)
    world.sequencer.build(4)
    world.miner.mine(6 - 1 - world.miner.head.number)
    post(world, *world.batches())
    assert world.miner.head.number == 6
    world.derive()
    assert world.verifier_block(4).hash == world.sequencer.unsafe.hash
    assert has_deposits_only(world.verifier.safe)  # the rest of the epoch is filled up at once


@shows(Rule.EMPTY_BATCH)
def test_a_batch_one_block_after_its_window(world_of):
    """The window has passed: empty blocks have taken the place of what comes now."""
    world = world_of(window=6)
    world.sequencer.send(ALICE, to=NEWCOMER)
    world.sequencer.build(4)
    world.miner.mine(6 - world.miner.head.number)
    post(world, *world.batches())
    assert world.miner.head.number == 7
    world.derive()
    assert world.verifier.state.get_balance(NEWCOMER) == 0
    assert all(has_deposits_only(world.verifier_block(n)) for n in range(1, 5))


@shows(Rule.WINDOW_PASSED)
def test_a_batch_of_an_epoch_whose_window_has_passed(world_of):
    """It fits the safe head but for its origin, which is too old to be named at all."""
    world = world_of(window=6)
    world.sequencer.build(4)
    world.miner.mine(12)
    world.sequencer.derive()
    safe = world.derive()
    world.sequencer.send(ALICE, to=NEWCOMER)
    late = world.sequencer.build()
    (batch,) = world.batches(late.number)
    old = world.miner.l1_block(1)
    post(world, replace(batch, epoch_number=1, epoch_hash=old.hash))
    assert world.derive().number >= safe.number
    assert world.verifier.state.get_balance(NEWCOMER) == 0


@shows(Rule.EMPTY_BATCH, "derivation.md, Deriving the Transaction List")
def test_the_window_lapses_and_deposits_come_in_all_the_same(world_of):
    """Nobody can keep a deposit out by not posting batches."""
    world = world_of(window=5)
    world.deposit(ALICE, to=NEWCOMER, mint=10**18)
    world.miner.mine(9)
    world.derive()
    assert world.verifier.state.get_balance(NEWCOMER) == 10**18


@shows(Rule.EMPTY_BATCH, "op-node: sequencer recover mode")
def test_the_sequencer_recovers_when_its_window_has_lapsed(world_of):
    """It takes the next origin at once, leaves blocks empty, and meets what verifiers forced."""
    world = world_of(window=6)
    world.sequencer.build(3)
    world.miner.mine(15)
    forced = world.derive()
    assert world.sequencer.derive().hash == forced.hash
    for _ in range(12):
        world.sequencer.build_to_l1_head()
        world.batcher.submit()
        world.miner.mine()
        world.sequencer.derive()
        world.batcher.feed()
        world.batcher.observe()
    world.sequencer.send(ALICE, to=NEWCOMER, value=9)
    world.sequencer.build_to_l1_head()
    world.batcher.submit()
    world.miner.mine()
    assert world.derives_the_sequencers_chain()
    assert world.verifier.state.get_balance(NEWCOMER) == 9


# -- spans


@shows(Rule.SPAN_ACCEPTED)
def test_a_span_over_several_epochs(world_of):
    """One span batch gives the blocks of many L1 origins."""
    world = world_of(window=30)
    world.deposit(BOB, to=NEWCOMER, mint=10**15)
    world.miner.mine(3)
    world.sequencer.send(ALICE, to=NEWCOMER, value=5)
    world.sequencer.build_to_l1_head()
    origins = {batch.epoch_number for batch in world.batches()}
    assert len(origins) >= 3
    post(world, world.span())
    assert world.derives_the_sequencers_chain()


@shows(Rule.SPAN_ACCEPTED, "delta/span-batches.md, overlapping spans")
def test_a_span_overlaps_the_safe_chain(world):
    """What overlaps has to be equal, and then the rest of the span counts."""
    post(world, *world.batches(last=2))
    assert world.derive().number == 2
    post(world, world.span(2), name=2)
    assert world.derives_the_sequencers_chain()


@shows(Rule.SPAN_ACCEPTED, "holocene/derivation.md, Span Batches")
def test_a_span_says_something_else_about_a_safe_block(world):
    """Since Holocene what a span says of safe blocks is passed over, and the rest counts."""
    post(world, *world.batches(last=2))
    world.derive()
    other = transfer(world.config.l2_chain_id, BOB, 0, to=NEWCOMER, value=70).encode()

    def edit(batches):
        return [replace(batches[0], transactions=(other,)), *batches[1:]]

    post(world, world.span(2, edit=edit), name=2)
    assert world.derives_the_sequencers_chain()


@shows(Rule.SPAN_PARENT_CHECK)
def test_a_span_of_another_parent(world):
    """Twenty bytes of the parent's hash tell which chain a span belongs to."""
    span = world.span()
    post(world, replace(span, parent_check=b"\x01" * 20))
    assert world.derive().number == 0


@shows(Rule.SPAN_STALE_ORIGIN)
def test_a_span_whose_origin_lies_behind(world_of):
    """A span that ends at an older L1 origin than the safe head is invalid, and halts nobody."""
    world = world_of(window=30)
    world.miner.mine(3)
    world.sequencer.build_to_l1_head()
    count = world.sequencer.unsafe.number
    post(world, *world.batches())
    assert world.derive().number == count
    world.miner.mine(2)
    world.sequencer.build(2)
    old = world.miner.l1_block(0)
    span = world.span(count + 1)
    stale = replace(span, l1_origin_number=0, origin_bits=0, l1_origin_check=old.hash[:20])
    post(world, stale, name=2)
    assert world.derive().number == count
    post(world, span, name=3)
    assert world.derives_the_sequencers_chain()


@shows(Rule.SPAN_MISALIGNED)
def test_a_span_between_two_block_times(world):
    """A span begins where a block of the chain can be."""
    post(world, *world.batches(last=2))
    assert world.derive().number == 2
    span = world.span(2)
    post(world, replace(span, relative_timestamp=span.relative_timestamp - 1), name=2)
    assert world.derive().number == 2


@shows(Rule.SPAN_ORIGIN_CHECK)
def test_a_span_of_another_l1(world):
    """Twenty bytes of the last origin's hash tell which L1 a span was made for."""
    span = world.span()
    post(world, replace(span, l1_origin_check=b"\x01" * 20))
    assert world.derive().number == 0


@shows(Rule.DEPOSITS_ONLY, Rule.SPAN_REST)
def test_a_span_with_an_invalid_block(world):
    """Blocks before the invalid one stay, it gets deposits only, those after it fall."""
    stale = transfer(world.config.l2_chain_id, ALICE, 0).encode()

    def edit(batches):
        return [batches[0], replace(batches[1], transactions=(stale,)), *batches[2:]]

    post(world, world.span(edit=edit))
    block = world.derive()
    assert block.number == 2
    assert has_deposits_only(block)
    assert world.verifier_block(1).hash == world.sequencer_block(1).hash
    ref = l2_block_ref(world.config, block)
    assert ref.l1_origin.number == 0
