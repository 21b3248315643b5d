"""What the batcher, or someone who pretends to be it, can write to L1, and what becomes of it.

Nothing on L1 stops derivation: it is dropped, or gives a block of deposits only.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from actors import BATCHER, DEPLOYER, World, transfer
from hypothesis import given, settings
from hypothesis import strategies as st

from chain import abi
from chain.transaction import DepositTransaction
from genesis.dev_accounts import dev_account
from rollup.batcher.payload import BatcherConfig, batch_of
from rollup.derivation.l2_block import l2_block_ref
from rollup.driver.driver import StepKind
from rollup.wire.batch import SingularBatch
from rollup.wire.blob import encode_blob
from rollup.wire.channel import ChannelOut, split_channel
from rollup.wire.frame import decode_frames, encode_frames

ALICE = dev_account("account0")
BOB = dev_account("account1")
NEWCOMER = b"\xaa" * 20


def channel_data(*batches, channel_id=b"\x01" * 16):
    """Batcher transaction data: one channel in one frame."""
    channel = ChannelOut(channel_id)
    for batch in batches:
        channel.add(batch)
    return encode_frames(split_channel(channel_id, channel.close()))


def post(world, data, *, account=BATCHER, to=None):
    world.miner.send_as(account, to=to or world.config.batch_inbox_address, data=data)


def sequencer_batches(world):
    """The batches of the sequencer's chain."""
    batches = []
    for number in range(1, world.sequencer.unsafe.number + 1):
        block = world.sequencer.engine.block_by_number(number)
        batches.append(batch_of(block, l2_block_ref(world.config, block)))
    return batches


@pytest.fixture
def world():
    """Three L2 blocks with a transfer each, nothing on L1 yet."""
    world = World()
    for _ in range(3):
        world.sequencer.send(ALICE, to=NEWCOMER, value=5)
        world.sequencer.build()
    return world


def test_batches_of_a_stranger_mean_nothing(world):
    post(world, channel_data(*sequencer_batches(world)), account=BOB)
    world.miner.mine()
    assert world.verifier.derive().number == 0


def test_batches_to_another_address_mean_nothing(world):
    post(world, channel_data(*sequencer_batches(world)), to=b"\x01" * 20)
    world.miner.mine()
    assert world.verifier.derive().number == 0


def test_new_batcher_counts_from_the_l1_block_that_names_it(world):
    data = channel_data(*sequencer_batches(world))
    post(world, data, account=BOB)
    world.miner.mine()
    assert world.verifier.derive().number == 0
    call = abi.selector("setBatcherHash(bytes32)") + bytes(12) + BOB.address
    world.miner.send_as(DEPLOYER, to=world.contracts.system_config, data=call)
    post(world, data, account=BOB)
    world.miner.mine()
    assert world.verifier.derive().hash == world.sequencer.unsafe.hash
    world.batcher.account = BATCHER
    world.sequencer.build()
    world.batcher.submit()
    world.miner.mine()
    assert world.verifier.derive().number == 3
    world.batcher.account = BOB
    for payload in world.batcher.payloads():
        world.batcher.send(payload)
    post(world, channel_data(*sequencer_batches(world)), account=BOB)
    world.miner.mine()
    assert world.verifier.derive().number == 4


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x02garbage", id="undecodable"),
        pytest.param(b"\xc0", id="no transaction"),
        pytest.param(b"\x05" + bytes(100), id="unknown type"),
    ],
)
def test_undecodable_transaction_gives_a_block_of_deposits_only(world, raw):
    first, second, third = sequencer_batches(world)
    bad = replace(second, transactions=(*second.transactions, raw))
    post(world, channel_data(first, bad, third))
    world.miner.mine()
    safe = world.verifier.derive()
    assert safe.number == 2
    assert all(isinstance(tx, DepositTransaction) for tx in safe.transactions)
    assert world.verifier.engine.block_by_number(1).hash == (
        world.sequencer.engine.block_by_number(1).hash
    )


@pytest.mark.parametrize("nonce", [0, 7])
def test_transaction_the_engine_refuses_gives_a_block_of_deposits_only(world, nonce):
    first, second, third = sequencer_batches(world)
    stale = transfer(world.config.l2_chain_id, ALICE, nonce).encode()
    bad = replace(second, transactions=(*second.transactions, stale))
    post(world, channel_data(first, bad, third))
    world.miner.mine()
    safe = world.verifier.derive()
    assert safe.number == 2
    assert all(isinstance(tx, DepositTransaction) for tx in safe.transactions)
    assert world.verifier.state.get_balance(NEWCOMER) == 5


def test_transaction_of_another_chain_gives_a_block_of_deposits_only(world):
    first, second, _ = sequencer_batches(world)
    foreign = transfer(1, BOB, 0).encode()
    post(world, channel_data(first, replace(second, transactions=(foreign,))))
    world.miner.mine()
    assert world.verifier.derive().number == 2


def test_sequencer_follows_l1_when_l1_says_something_else(world):
    first, second, _ = sequencer_batches(world)
    other = transfer(world.config.l2_chain_id, BOB, 0, to=NEWCOMER, value=70).encode()
    post(world, channel_data(first, replace(second, transactions=(other,))))
    world.miner.mine()
    sequencer, verifier = world.sequencer.derive(), world.verifier.derive()
    assert sequencer.hash == verifier.hash
    assert sequencer.number == 2
    assert world.sequencer.unsafe.hash == sequencer.hash
    assert world.sequencer.state.get_balance(NEWCOMER) == 75
    assert len(world.sequencer.returned) == 2


def test_bad_batch_ends_its_channel_and_the_next_channel_goes_on(world):
    first, second, third = sequencer_batches(world)
    orphan = replace(second, parent_hash=bytes(32))
    post(world, channel_data(first, orphan, second, third))
    world.miner.mine()
    assert world.verifier.derive().number == 1
    post(world, channel_data(first, second, third, channel_id=b"\x02" * 16))
    world.miner.mine()
    assert world.verifier.derive().hash == world.sequencer.unsafe.hash


def test_same_channel_twice_is_derived_once(world):
    data = channel_data(*sequencer_batches(world))
    post(world, data)
    post(world, data)
    world.miner.mine()
    post(world, data)
    world.miner.mine()
    safe = world.verifier.derive()
    assert safe.hash == world.sequencer.unsafe.hash
    assert world.verifier.state.get_balance(NEWCOMER) == 15


def test_deposit_smuggled_into_a_batch_is_dropped(world):
    first, second, _ = sequencer_batches(world)
    minting = DepositTransaction(bytes(32), BOB.address, BOB.address, 10**24, 0, 21_000, False, b"")
    post(world, channel_data(first, replace(second, transactions=(minting.encode(),))))
    world.miner.mine()
    assert world.verifier.derive().number == 1


def test_garbage_blobs_beside_good_ones():
    world = World(batcher_config=BatcherConfig(kind="blobs", max_frame_data_bytes=5_000))
    world.sequencer.build(2)
    payload = world.batcher.payloads()[0]
    blobs = (encode_blob(b"\x00no frame"), b"\x00\x07" + bytes(131_070), *payload.blobs())
    world.miner.send_as(BATCHER, to=world.config.batch_inbox_address, data=b"x", blobs=blobs)
    world.miner.mine()
    assert world.verifier.derive().hash == world.sequencer.unsafe.hash


junk = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda data: b"\x00" + data),
    st.builds(
        lambda parent, epoch, time, txs: channel_data(
            SingularBatch(parent, epoch, bytes(32), time, tuple(txs))
        ),
        st.binary(min_size=32, max_size=32),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**64 - 1),
        st.lists(st.binary(max_size=40), max_size=3),
    ),
    st.binary(max_size=300).map(
        lambda data: encode_frames(split_channel(b"\x07" * 16, b"\x78\x9c" + data, 40))
    ),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(junk, max_size=6), st.data())
def test_any_bytes_of_the_batcher_leave_derivation_going(pieces, data):
    world = World()
    world.sequencer.send(ALICE, to=NEWCOMER)
    world.sequencer.build(2)
    good = channel_data(*sequencer_batches(world))
    place = data.draw(st.integers(0, len(pieces)))
    for piece in (*pieces[:place], good, *pieces[place:]):
        post(world, piece)
    world.miner.mine()
    assert world.verifier.derive().hash == world.sequencer.unsafe.hash


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_frames_in_any_order_give_the_same_blocks_or_none(data):
    """Frames of two channels, shuffled over L1 transactions and blocks, some twice.

    Whatever survives the ordering rules, the derived chain is a prefix of the sequencer's.
    """
    world = World(batcher_config=BatcherConfig(max_frame_data_bytes=120, target_channel_bytes=300))
    for _ in range(3):
        world.sequencer.send(ALICE, to=NEWCOMER)
        world.sequencer.build()
    frames = [frame for payload in world.batcher.payloads() for frame in payload.frames]
    ordered = list(frames)
    mixed = data.draw(st.permutations(frames + data.draw(st.lists(st.sampled_from(frames)))))
    while mixed:
        size = data.draw(st.integers(1, 4))
        post(world, encode_frames(mixed[:size]))
        mixed = mixed[size:]
        if data.draw(st.booleans()):
            world.miner.mine()
    world.miner.mine()
    safe = world.verifier.derive()
    assert safe.hash == world.sequencer.engine.block_by_number(safe.number).hash
    # In order again they complete the chain, whatever was left open before.
    for frame in ordered:
        post(world, encode_frames([frame]))
    world.miner.mine()
    assert world.verifier.derive().hash == world.sequencer.unsafe.hash


def test_frames_of_one_transaction_may_be_split_over_many():
    world = World(batcher_config=BatcherConfig(max_frame_data_bytes=50))
    world.sequencer.build(3)
    payloads = world.batcher.payloads()
    assert len(payloads) > 3
    for payload in payloads:
        assert len(decode_frames(payload.data)) == 1
        world.batcher.send(payload)
        world.miner.mine()
    assert world.verifier.derive().hash == world.sequencer.unsafe.hash
    assert StepKind.RESET in world.verifier.steps
    assert world.verifier.steps.count(StepKind.RESET) == 1
