"""The L1 script: the rules before Holocene, and upgrades in the middle of things."""

from __future__ import annotations

from dataclasses import replace

import pytest
from actors import GENESIS_TIME, L1_BLOCK_TIME, transfer
from derivation_stages import forks_up_to
from l1_script import Rule, frames_of, shows

from chain.transaction import (
    Authorization,
    DepositTransaction,
    SetCodeTransaction,
    sign_transaction,
)
from genesis.dev_accounts import dev_account
from rollup.derivation.l2_block import l2_block_ref
from rollup.driver.driver import StepKind
from rollup.wire.frame import Frame

ALICE = dev_account("account0")
BOB = dev_account("account1")
NEWCOMER = b"\xaa" * 20


def world_under(world_of, fork, *, blocks=4, window=30, channel_timeout=50, **later):
    """Some L2 blocks with a transfer each under the rules of a fork, nothing on L1 yet."""
    forks = forks_up_to(fork, **later)
    made = world_of(window=window, forks=forks, channel_timeout=channel_timeout)
    for _ in range(blocks):
        made.sequencer.send(ALICE, to=NEWCOMER, value=5)
        made.sequencer.build()
    return made


@pytest.fixture
def granite(world_of):
    """The last rules before Holocene."""
    return world_under(world_of, "granite")


def post(world, *batches, name=1):
    world.post(*world.frames(*batches, name=name))
    world.miner.mine()


# -- frames and channels before Holocene


@shows(Rule.FRAME_TAKEN, Rule.CHANNEL_COMPLETE)
def test_before_holocene_interleaved_channels_both_count(granite):
    """The bank keeps every open channel; each is read when it is complete."""
    one = granite.frames(*granite.batches(last=2), name=1, frame_bytes=60)
    two = granite.frames(*granite.batches(3), name=2, frame_bytes=60)
    for pair in zip(one, two, strict=False):
        for frame in pair:
            granite.post(frame)
        granite.miner.mine()
    longer = max(one, two, key=len)[min(len(one), len(two)) :]
    for frame in longer:
        granite.post(frame)
    granite.miner.mine()
    assert granite.derives_the_sequencers_chain()


@shows(Rule.FRAME_TAKEN)
def test_before_holocene_frames_come_in_any_order(granite):
    """A channel is put together by the numbers of its frames."""
    frames = granite.frames(*granite.batches(), frame_bytes=60)
    for frame in reversed(frames):
        granite.post(frame)
        granite.miner.mine()
    assert granite.derives_the_sequencers_chain()


@shows(Rule.FRAME_TWICE, Rule.FRAME_CLOSES_TWICE, Rule.FRAME_PAST_END)
def test_before_holocene_frames_that_contradict_the_channel(granite):
    """A number that is there, a second closing frame, and one behind it are dropped."""
    first, *middle, last = granite.frames(*granite.batches(), frame_bytes=60)
    second_end = replace(last, number=last.number + 1)
    behind = replace(last, number=last.number + 2, is_last=False)
    granite.post(first, last, replace(first, data=b"other"), second_end, behind)
    granite.post(*middle)
    granite.miner.mine()
    assert granite.derives_the_sequencers_chain()


@shows(Rule.CHANNEL_UNREADABLE)
def test_brotli_before_fjord(world_of):
    """A compression that does not count yet makes the channel unreadable."""
    world = world_under(world_of, "ecotone")
    world.post(*frames_of(*world.batches(), compression="brotli"))
    world.miner.mine()
    assert world.derive().number == 0
    post(world, *world.batches(), name=2)
    assert world.derives_the_sequencers_chain()


@shows(Rule.SPAN_BEFORE_DELTA)
def test_a_span_batch_before_delta(world_of):
    """It ends its channel; singular batches count."""
    world = world_under(world_of, "canyon")
    post(world, world.span())
    assert world.derive().number == 0
    post(world, *world.batches(), name=2)
    assert world.derives_the_sequencers_chain()


@shows(Rule.CHANNEL_TIMED_OUT)
def test_before_holocene_a_channel_stays_open_too_long(world_of):
    """It leaves the bank; what comes of it later opens the channel anew and completes nothing."""
    world = world_under(world_of, "granite", window=100)
    first, *rest = world.frames(*world.batches(), frame_bytes=60)
    world.post(first)
    world.miner.mine()
    world.miner.mine(51)
    world.post(*rest)
    world.miner.mine()
    assert world.derive().number == 0


@shows(Rule.CHANNEL_UNREADABLE, "derivation.md, Resetting the Pipeline")
def test_before_holocene_a_channel_id_comes_again_and_again(world_of):
    """What a frame becomes goes by all of its id before it, for who restarts as well."""
    world = world_under(world_of, "fjord", blocks=0, channel_timeout=2)
    junk = Frame((7).to_bytes(16, "big"), 0, b"junk", is_last=False)
    junk_end = replace(junk, number=1, is_last=True)
    world.post(junk_end)
    for name in range(100, 110):
        first = world.sequencer.unsafe.number + 1
        world.sequencer.build_to_l1_head()
        post(world, *world.batches(first), name=name)
        if name % 2:
            world.post(junk, junk_end)  # a channel of junk is complete, and the next is open
    safe = world.derive().number
    world.sequencer.build()
    first, second = split_in_two(*world.frames(*world.batches(safe + 1), name=7))
    for frame in (first, second):
        world.post(frame)
        world.miner.mine()
        again = world.verifier.restarted()
        assert again.derive().hash == world.new_verifier().derive().hash
    assert again.safe.number == safe


def split_in_two(frame):
    """The only frame of a channel as two, the first with a single byte."""
    return (
        replace(frame, data=frame.data[:1], is_last=False),
        replace(frame, data=frame.data[1:], number=1),
    )


# -- batches before Holocene


@shows(Rule.BATCH_FUTURE)
def test_before_holocene_a_batch_of_the_future_is_kept(granite):
    """The second half comes first, and counts when the first half has come."""
    post(granite, *granite.batches(3), name=1)
    assert granite.derive().number == 0
    post(granite, *granite.batches(last=2), name=2)
    assert granite.derives_the_sequencers_chain()


@shows(Rule.BATCH_UNDECIDED, Rule.SPAN_ORIGIN_CHECK)
def test_before_holocene_a_span_of_an_origin_to_come(granite):
    """It waits until L1 has the block that it names, and then is not of this L1."""
    world = granite
    ahead = world.miner.head.number + 2

    def edit(batches):
        epochs = range(ahead - len(batches) + 1, ahead + 1)
        return [
            replace(batch, epoch_number=max(0, epoch))
            for batch, epoch in zip(batches, epochs, strict=True)
        ]

    post(world, world.span(edit=edit), name=1)
    assert world.derive().number == 0
    assert Rule.SPAN_ORIGIN_CHECK not in world.rules
    world.miner.mine()
    assert world.derive().number == 0
    post(world, *world.batches(), name=2)
    assert world.derives_the_sequencers_chain()


@shows(Rule.BATCH_OLD)
def test_before_holocene_a_batch_of_the_past_is_dropped(granite):
    """What is safe already is dropped, batch by batch, and the rest of the channel counts."""
    post(granite, *granite.batches(last=2), name=1)
    assert granite.derive().number == 2
    post(granite, *granite.batches(), name=2)
    assert granite.derives_the_sequencers_chain()


@shows(Rule.PAYLOAD_INVALID)
def test_before_holocene_an_invalid_payload_drops_its_batch(granite):
    """There is no block of deposits only: the next good batch takes the place."""
    first, second, *rest = granite.batches()
    stale = transfer(granite.config.l2_chain_id, ALICE, 0).encode()
    post(granite, first, replace(second, transactions=(stale,)))
    assert granite.derive().number == 1
    post(granite, second, *rest, name=2)
    assert granite.derives_the_sequencers_chain()


@shows(Rule.SPAN_OVERLAP)
def test_before_holocene_a_span_contradicts_a_safe_block(granite):
    """A span whose overlap is not equal is dropped as a whole."""
    post(granite, *granite.batches(last=2))
    assert granite.derive().number == 2
    other = transfer(granite.config.l2_chain_id, BOB, 0, to=NEWCOMER, value=70).encode()

    def edit(batches):
        return [replace(batches[0], transactions=(other,)), *batches[1:]]

    post(granite, granite.span(2, edit=edit), name=2)
    assert granite.derive().number == 2
    post(granite, granite.span(2), name=3)
    assert granite.derives_the_sequencers_chain()


@shows(Rule.PAYLOAD_INVALID, "derivation.md, L1-sync: payload attributes processing")
def test_before_holocene_an_invalid_block_undoes_its_whole_span(granite):
    """Blocks of the span that were built already are not safe, and go."""
    stale = transfer(granite.config.l2_chain_id, ALICE, 0).encode()

    def edit(batches):
        return [*batches[:2], replace(batches[2], transactions=(stale,)), batches[3]]

    post(granite, granite.span(edit=edit))
    assert granite.derive().number == 0
    assert StepKind.UNDONE in granite.verifier.steps
    post(granite, granite.span(), name=2)
    assert granite.derives_the_sequencers_chain()


@shows(Rule.SET_CODE_EARLY)
def test_a_transaction_of_type_4_before_isthmus(world_of):
    """A batch that holds one is dropped."""
    world = world_under(world_of, "holocene")
    early = sign_transaction(
        SetCodeTransaction(
            chain_id=world.config.l2_chain_id, nonce=4, gas_limit=100_000, to=NEWCOMER, value=0,
            data=b"", max_priority_fee_per_gas=10**9, max_fee_per_gas=20 * 10**9,
            authorization_list=(Authorization(0, NEWCOMER, 5),),
        ),
        ALICE.private_key,
    )  # fmt: skip
    first, second, *_ = world.batches()
    post(world, first, replace(second, transactions=(early.encode(),)))
    assert world.derive().number == 1


# -- upgrades


@shows("holocene/derivation.md, Activation", Rule.FRAME_NOT_NEXT)
def test_holocene_activates_while_a_channel_is_open(world_of):
    """Channels that are not complete at the activation are dropped with the bank."""
    activation = GENESIS_TIME + 4 * L1_BLOCK_TIME
    world = world_under(world_of, "granite", holocene=activation)
    first, *rest = world.frames(*world.batches(), frame_bytes=60)
    world.post(first)
    world.miner.mine()
    while world.miner.head.timestamp < activation:
        world.miner.mine()
    world.post(*rest)
    world.miner.mine()
    assert world.derive().number == 0
    post(world, *world.batches(), name=2)
    assert world.derives_the_sequencers_chain()


@shows("superchain-upgrades.md, Activation rules", Rule.SPAN_ACCEPTED)
@pytest.mark.parametrize("fork", ["ecotone", "fjord", "isthmus", "jovian"])
def test_a_span_goes_over_an_upgrade(world_of, fork):
    """Blocks before and after the activation come from one span; the upgrade comes with it."""
    before = {"ecotone": "delta", "fjord": "ecotone", "isthmus": "holocene", "jovian": "isthmus"}
    world = world_under(
        world_of, before[fork], blocks=5, **{fork: GENESIS_TIME + 6}, **ethereum(fork)
    )
    activating = world.sequencer_block(3)
    assert all(isinstance(tx, DepositTransaction) for tx in activating.transactions)
    intents = {tx.source_hash for tx in activating.transactions[1:]}
    assert len(intents) == len(activating.transactions) - 1 > 1  # what the fork deploys
    post(world, world.span())
    assert world.derives_the_sequencers_chain()
    assert world.verifier.state.get_balance(NEWCOMER) == 25


def ethereum(fork):
    """The Ethereum fork that an OP fork brings along."""
    name = {"ecotone": "cancun", "isthmus": "prague"}.get(fork)
    return {} if name is None else {name: GENESIS_TIME + 6}


@shows(Rule.ACTIVATION_NOT_EMPTY)
def test_transactions_in_the_block_that_activates_jovian(world_of):
    """Such a batch is dropped: the block has what the upgrade deploys, and nothing else."""
    world = world_under(world_of, "isthmus", jovian=GENESIS_TIME + 6)
    first, second, third, fourth = world.batches()
    assert third.transactions == ()
    extra = transfer(world.config.l2_chain_id, BOB, 0).encode()
    post(world, first, second, replace(third, transactions=(extra,)))
    assert world.derive().number == 2
    post(world, third, fourth, name=2)
    assert world.derives_the_sequencers_chain()


@shows("isthmus/l1-attributes.md, Activation")
def test_l1_attributes_change_one_block_after_the_upgrade(world_of):
    """The activating block still speaks to the old L1Block, the next to the new one."""
    world = world_under(
        world_of, "holocene", blocks=5, isthmus=GENESIS_TIME + 6, prague=GENESIS_TIME + 6
    )
    selectors = [world.sequencer_block(n).transactions[0].data[:4].hex() for n in range(1, 6)]
    assert selectors == ["440a5e20"] * 3 + ["098999be"] * 2
    post(world, *world.batches())
    assert world.derives_the_sequencers_chain()
    ref = l2_block_ref(world.config, world.verifier.safe)
    assert ref.l1_origin.number == 0


@shows("granite/derivation.md, Reduce Channel Timeout", Rule.CHANNEL_COMPLETE)
def test_before_granite_a_channel_may_stay_open_for_longer(world_of):
    """The chain's own timeout holds until Granite makes it fifty L1 blocks for everyone."""
    world = world_under(world_of, "fjord", window=100, channel_timeout=300)
    first, *rest = world.frames(*world.batches(), frame_bytes=60)
    world.post(first)
    world.miner.mine(60)
    world.post(*rest)
    world.miner.mine()
    assert world.derives_the_sequencers_chain()
