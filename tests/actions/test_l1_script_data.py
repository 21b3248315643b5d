"""The L1 script: who may write to L1, and how frames make channels (Holocene rules)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from actors import BATCHER, FEES
from l1_script import Rule, shows

from chain.transaction import Authorization, SetCodeTransaction, sign_transaction
from genesis.dev_accounts import dev_account
from rollup.batcher.payload import BatcherConfig
from rollup.driver.driver import StepKind
from rollup.wire.blob import encode_blob
from rollup.wire.channel import ChannelOut, split_channel
from rollup.wire.frame import encode_frames

ALICE = dev_account("account0")
BOB = dev_account("account1")
NEWCOMER = b"\xaa" * 20
GRANITE_TIMEOUT = 50


@pytest.fixture
def world(world_of):
    """Four L2 blocks with a transfer each, nothing on L1 yet."""
    made = world_of(window=100)
    for _ in range(4):
        made.sequencer.send(ALICE, to=NEWCOMER, value=5)
        made.sequencer.build()
    return made


def cut(world, *, name=1):
    """The sequencer's chain as one channel of at least four frames."""
    frames = world.frames(*world.batches(), name=name, frame_bytes=60)
    assert len(frames) >= 4
    return frames


# -- who may write


@shows(Rule.WRONG_SENDER)
def test_a_stranger_posts_the_right_batches(world):
    """A good channel that the batcher did not sign means nothing."""
    world.post(*world.frames(*world.batches()), account=BOB)
    world.miner.mine()
    assert world.derive().number == 0


@shows(Rule.WRONG_SENDER, "system-config.md, batcherHash")
def test_two_batchers_and_the_config_that_names_the_second(world):
    """The successor counts from the L1 block that names it, its predecessor no more."""
    frames = world.frames(*world.batches(last=2))
    world.post(*frames, account=BOB)
    world.miner.mine()
    assert world.derive().number == 0
    world.configure("setBatcherHash(bytes32)", bytes(12) + BOB.address)
    world.miner.mine()
    world.post(*world.frames(*world.batches(last=4), name=2))
    world.post(*world.frames(*world.batches(last=2), name=3), account=BOB)
    world.miner.mine()
    assert world.derive().number == 2


@shows(Rule.BATCH_PAST)
def test_two_batcher_processes_post_the_same_chain(world):
    """With one key and two channels, every block is derived once."""
    world.post(*world.frames(*world.batches(), name=1))
    world.post(*world.frames(*world.batches(), name=2))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()
    assert world.verifier.state.get_balance(NEWCOMER) == 20


@shows("derivation.md, L1 Retrieval")
def test_batches_go_to_another_address(world):
    """What is not sent to the inbox is not batcher data."""
    world.post(*world.frames(*world.batches()), to=b"\x01" * 20)
    world.miner.mine()
    assert world.derive().number == 0


@shows(Rule.BLOB_CALLDATA)
def test_calldata_of_a_blob_transaction_is_passed_over(world):
    """A blob transaction speaks by its blobs; a channel in its calldata does not count."""
    good, decoy = world.frames(*world.batches(last=2)), world.frames(*world.batches(), name=2)
    world.post_bytes(encode_frames(decoy), blobs=(encode_blob(encode_frames(good)),))
    world.miner.mine()
    assert world.derive().number == 2


@shows(Rule.BLOB_ENCODING)
def test_a_blob_in_no_encoding_between_good_ones(world):
    """A blob that cannot be decoded is left out, the others count."""
    first, *rest = cut(world)
    blobs = (
        encode_blob(encode_frames([first])),
        b"\x00\x07" + bytes(131_070),
        encode_blob(encode_frames(rest)),
    )
    world.post_bytes(b"", blobs=blobs)
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.WRONG_TYPE)
def test_a_batcher_transaction_of_type_4(world):
    """A transaction that delegates accounts (EIP-7702) carries no batches."""
    nonce = world.miner.nonce(BATCHER)
    unsigned = SetCodeTransaction(
        chain_id=world.miner.chain_id, nonce=nonce, gas_limit=1_000_000,
        to=world.config.batch_inbox_address, value=0,
        data=encode_frames(world.frames(*world.batches())),
        authorization_list=(Authorization(0, NEWCOMER, nonce + 1),), **FEES,
    )  # fmt: skip
    world.miner.send(sign_transaction(unsigned, BATCHER.private_key))
    world.miner.mine()
    assert world.derive().number == 0


@shows(Rule.COMMITMENT)
def test_data_is_a_commitment_to_data_elsewhere(world):
    """Version 1 is of alt-DA: on a chain that has none it is dropped."""
    world.post_bytes(b"\x01\x00" + bytes(32))
    world.post(*world.frames(*world.batches()))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.DATA_VERSION)
def test_data_of_an_unknown_version(world):
    """Data that begins with another byte than 0 is dropped, whatever follows."""
    frames = encode_frames(world.frames(*world.batches()))
    world.post_bytes(b"\x02" + frames[1:])
    world.miner.mine()
    assert world.derive().number == 0


@shows(Rule.FRAME_MALFORMED)
def test_one_bad_frame_refuses_the_whole_transaction(world):
    """The good frames of a transaction whose last frame is cut off do not count either."""
    frames = encode_frames(world.frames(*world.batches()))
    world.post_bytes(frames + frames[1:-3])
    world.miner.mine()
    assert world.derive().number == 0


@shows("ecotone/derivation.md, Blob Retrieval")
def test_a_blob_is_missing_for_a_while(world_of):
    """Derivation waits at the L1 block, goes no further, and goes on when the blob is there."""
    settings = BatcherConfig(kind="blobs", max_frame_data_bytes=5_000)
    world = world_of(window=60, batcher_config=settings)
    world.sequencer.build(2)
    world.batcher.submit()
    kept = dict(world.miner.blobs)
    world.miner.blobs.clear()
    world.miner.mine(3)
    world.verifier.l1.sync()
    for _ in range(30):
        step = world.verifier.driver.step()
    assert step.kind is StepKind.WAITING
    assert step.missing.versioned_hash in kept
    assert world.verifier.safe.number == 0
    waiting_at = world.verifier.driver.l1_origin
    assert step.missing.block_hash == waiting_at.hash
    world.miner.blobs.update(kept)
    world.miner.blocks.clear()
    world.verifier.l1.provider.add(world.miner.l1_block(waiting_at.number))
    assert world.verifier.derive().hash == world.sequencer.unsafe.hash


# -- frames


@shows(Rule.FRAME_UNORDERED)
def test_a_frame_is_missing_in_the_middle_of_a_transaction(world):
    """What follows the gap is dropped at once; the channel does not wait for the lost frame."""
    first, second, *rest = cut(world)
    world.post(first, *rest)
    world.miner.mine()
    world.post(second)
    world.miner.mine()
    assert world.derive().number == 0
    world.post(*cut(world, name=2))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.FRAME_NOT_NEXT)
def test_a_frame_is_missing_between_transactions(world):
    """A frame that is not the next of the open channel is dropped when it is loaded."""
    first, second, *rest = cut(world)
    for frame in (first, *rest):
        world.post(frame)
        world.miner.mine()
    assert world.derive().number == 0
    for frame in (second, *rest):  # the channel is open still, at its second frame
        world.post(frame)
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.FRAME_NOT_NEXT)
def test_every_frame_comes_twice(world):
    """A frame that is there already is dropped, and the channel completes."""
    for frame in cut(world):
        world.post(frame)
        world.post(frame)
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.FRAME_UNORDERED)
def test_two_frames_change_places(world):
    """Within a transaction frames count in order only."""
    first, second, *rest = cut(world)
    world.post(second, first, *rest)
    world.miner.mine()
    assert world.derive().number == 0


@shows(Rule.FRAME_TAKEN, Rule.CHANNEL_COMPLETE)
def test_a_channel_over_several_l1_blocks(world):
    """One frame a block: the blocks are derived from the L1 block that completes the channel."""
    frames = cut(world)
    for frame in frames[:-1]:
        world.post(frame)
        world.miner.mine()
        assert world.derive().number == 0
    world.post(frames[-1])
    completing = world.miner.mine()
    assert world.derives_the_sequencers_chain()
    assert world.verifier.driver.safe_head_log.newest.l1.number == completing.number


# -- channels


@shows(Rule.CHANNEL_REPLACED, Rule.FRAME_NOT_NEXT)
def test_frames_of_two_channels_interleave(world):
    """A first frame throws the open channel away: of interleaved channels the last begun lives."""
    one = world.frames(*world.batches(last=2), name=1, frame_bytes=60)
    two = world.frames(*world.batches(), name=2, frame_bytes=60)
    world.post(one[0])
    world.post(two[0])
    for frame in one[1:]:
        world.post(frame)
    world.miner.mine()
    assert world.derive().number == 0
    for frame in two[1:]:
        world.post(frame)
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.FRAME_OPENS, Rule.CHANNEL_COMPLETE, Rule.PAYLOAD)
def test_two_channels_in_one_transaction(world):
    """Channels one after the other may share a transaction."""
    world.post(*world.frames(*world.batches(last=2)), *world.frames(*world.batches(3), name=2))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.CHANNEL_TIMED_OUT, "granite/derivation.md, Reduce Channel Timeout")
def test_a_channel_stays_open_too_long(world):
    """Fifty L1 blocks after it was opened a channel is gone; its frames open nothing."""
    first, *rest = cut(world)
    world.post(first)
    world.miner.mine()
    world.miner.mine(GRANITE_TIMEOUT)
    for frame in rest:
        world.post(frame)
    world.miner.mine()
    assert world.derive().number == 0


@shows(Rule.CHANNEL_COMPLETE, "granite/derivation.md, Reduce Channel Timeout")
def test_a_channel_closes_in_the_last_block_of_its_time(world):
    """The fiftieth block after the one that opened the channel still counts."""
    first, *rest = cut(world)
    world.post(first)
    world.miner.mine()
    world.miner.mine(GRANITE_TIMEOUT - 1)
    for frame in rest:
        world.post(frame)
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.CHANNEL_UNREADABLE)
def test_a_channel_of_garbage(world):
    """A channel that is not compressed is dropped, and the next one is read."""
    world.post(*split_channel(b"\x07" * 16, b"\x02 garbage"))
    world.post(*world.frames(*world.batches(), name=2))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.BATCH_UNREADABLE)
def test_a_channel_ends_in_the_middle_of_a_batch(world):
    """What was decompressed before the damage counts: the first batches give their blocks."""
    channel = ChannelOut(b"\x09" * 16)
    for batch in world.batches(last=2):
        channel.add(batch)
    broken = replace(world.batches(3, 3)[0], parent_hash=b"")
    channel.add(broken)
    world.post(*split_channel(b"\x09" * 16, channel.close()))
    world.miner.mine()
    assert world.derive().number == 2
    assert world.verifier.safe.hash == world.sequencer_block(2).hash
