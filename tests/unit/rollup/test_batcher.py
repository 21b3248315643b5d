"""The batcher's states: channels by size and time, payloads in order, lost ones sent again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from actors import World, transfer
from derivation_stages import listening, place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from l1_blocks import l1_block

from chain.errors import Recovery
from chain.heads import BlockId
from genesis.config import GRANITE_CHANNEL_TIMEOUT
from genesis.dev_accounts import dev_account
from rollup.batcher.batcher import Batcher, BatcherOutOfSync
from rollup.batcher.payload import (
    BatcherConfig,
    BatcherConfigError,
    L1Prices,
    cheaper_kind,
    cost_wei,
)
from rollup.derivation.channel_assembler import ChannelAssembler
from rollup.derivation.forks import ForkSchedule
from rollup.derivation.frame_queue import PlacedFrame
from rollup.wire.batch import SingularBatch
from rollup.wire.blob import decode_blob
from rollup.wire.channel import read_channel
from rollup.wire.frame import decode_frames
from rollup.wire.span_batch import SpanBatch

ALICE = dev_account("account0")


@pytest.fixture(scope="module")
def chain():
    """An L2 chain of 24 blocks with transactions of changing size."""
    world = World(window=1000)
    world.miner.mine(5)
    nonce = 0
    for number in range(24):
        for _ in range(number % 3):
            data = bytes((number * 37 + i * i) % 256 for i in range(100 * number))
            tx = transfer(world.config.l2_chain_id, ALICE, nonce, data=data, gas_limit=500_000)
            world.sequencer.pool_add(tx, ALICE.address)
            nonce += 1
        world.sequencer.build()
    blocks = [world.sequencer.engine.block_by_number(n) for n in range(25)]
    return world.config, blocks


def ident(block):
    return BlockId(block.number, block.hash)


def make(chain, fed=24, **settings):
    config, blocks = chain
    batcher = Batcher(config, BatcherConfig(**settings), ident(blocks[0]))
    for block in blocks[1 : fed + 1]:
        batcher.add_block(block)
    return batcher


def drain(batcher):
    payloads = []
    while (payload := batcher.next_payload()) is not None:
        payloads.append(payload)
    return payloads


def timestamps(payloads):
    """The times of the batches in completed channels, in order of the payloads."""
    open_channel, found = {}, []
    for payload in payloads:
        for frame in payload.frames:
            pieces = open_channel.setdefault(frame.channel_id, [])
            assert frame.number == len(pieces)
            pieces.append(frame.data)
            if frame.is_last:
                found += [batch.timestamp for batch in read_channel(b"".join(pieces))]
    return found


def times_of(chain, first, last=24):
    return [block.header.timestamp for block in chain[1][first : last + 1]]


def test_nothing_is_sent_before_size_or_time(chain):
    batcher = make(chain, fed=3, max_channel_l1_blocks=4)
    batcher.l1_advanced(3)
    assert drain(batcher) == []
    assert batcher.blocks_in_no_channel == 3


def test_channel_is_closed_by_l1_time(chain):
    batcher = make(chain, fed=3, max_channel_l1_blocks=4)
    batcher.l1_advanced(3)
    assert drain(batcher) == []
    batcher.l1_advanced(7)
    assert timestamps(drain(batcher)) == times_of(chain, 1, 3)
    assert batcher.blocks_in_no_channel == 0


def test_channel_is_closed_when_half_the_sequencing_window_has_passed(chain):
    config, blocks = chain
    batcher = Batcher(
        replace(config, seq_window_size=20),
        BatcherConfig(max_channel_l1_blocks=1000),
        ident(blocks[0]),
    )
    batcher.add_block(blocks[1])
    batcher.l1_advanced(9)
    assert drain(batcher) == []
    batcher.l1_advanced(10)
    assert timestamps(drain(batcher)) == times_of(chain, 1, 1)


@pytest.mark.parametrize("target", [200, 1_000, 5_000])
def test_channels_keep_to_their_target_size(chain, target):
    batcher = make(chain, target_channel_bytes=target, max_channel_l1_blocks=1000)
    batcher.close_channel()
    payloads = drain(batcher)
    assert timestamps(payloads) == times_of(chain, 1)
    for payload in payloads:
        (frame,) = payload.frames
        batches = len(list(read_channel(frame.data)))
        assert len(frame.data) <= target or batches == 1


def test_payload_ids_rise_and_each_is_handed_out_once(chain):
    batcher = make(chain, target_channel_bytes=500, max_frame_data_bytes=100)
    batcher.close_channel()
    ids = [payload.id for payload in drain(batcher)]
    assert ids == sorted(set(ids))
    assert drain(batcher) == []


def test_calldata_and_blobs_carry_the_same_frames(chain):
    calldata = make(chain, max_frame_data_bytes=700)
    blobs = make(chain, max_frame_data_bytes=700, kind="blobs", blobs_per_payload=3)
    for batcher in (calldata, blobs):
        batcher.close_channel()
    sent = [payload.frames[0] for payload in drain(calldata)]
    in_blobs = []
    for payload in drain(blobs):
        assert payload.data == b""
        assert 1 <= len(payload.blobs()) <= 3
        for blob in payload.blobs():
            in_blobs += decode_frames(decode_blob(blob))
    assert [frame.data for frame in in_blobs] == [frame.data for frame in sent]


def test_block_that_is_not_the_next_is_refused(chain):
    _, blocks = chain
    batcher = make(chain, fed=3)
    with pytest.raises(BatcherOutOfSync, match="block 6 has parent") as caught:
        batcher.add_block(blocks[6])
    assert caught.value.recovery is Recovery.RESET
    assert batcher.tip == ident(blocks[3])


def test_safe_blocks_are_forgotten_and_the_rest_goes_on(chain):
    _, blocks = chain
    batcher = make(chain, target_channel_bytes=300)
    batcher.close_channel()
    payloads = drain(batcher)
    for payload in payloads[:3]:
        batcher.payload_included(payload.id, BlockId(9, b"\x09" * 32))
    last = timestamps(payloads[:3])[-1]
    safe = next(block for block in blocks if block.header.timestamp == last)
    batcher.safe_head_moved(ident(safe), 9)
    assert drain(batcher) == []
    batcher.payload_failed(payloads[3].id)
    assert timestamps(drain(batcher)) == times_of(chain, safe.number + 1)


def test_channel_not_derived_is_written_again_from_the_safe_head(chain):
    _, blocks = chain
    batcher = make(chain)
    batcher.close_channel()
    first = drain(batcher)
    for payload in first:
        batcher.payload_included(payload.id, BlockId(9, b"\x09" * 32))
    batcher.safe_head_moved(ident(blocks[2]), 8)
    assert drain(batcher) == []
    batcher.safe_head_moved(ident(blocks[2]), 9)
    batcher.close_channel()
    second = drain(batcher)
    assert timestamps(second) == times_of(chain, 3)
    assert second[0].frames[0].channel_id != first[0].frames[0].channel_id


def test_channel_open_on_l1_for_longer_than_the_timeout_is_sent_again(chain):
    batcher = make(chain, max_frame_data_bytes=500)
    batcher.close_channel()
    payloads = drain(batcher)
    assert len(payloads) > 2
    batcher.payload_included(payloads[0].id, BlockId(5, b"\x05" * 32))
    batcher.l1_advanced(5 + GRANITE_CHANNEL_TIMEOUT)
    assert drain(batcher) == []
    batcher.l1_advanced(6 + GRANITE_CHANNEL_TIMEOUT)
    assert [p.frames for p in drain(batcher)] == [p.frames for p in payloads]


def test_reorg_sends_from_the_first_channel_that_lost_an_inclusion(chain):
    batcher = make(chain, target_channel_bytes=300)
    batcher.close_channel()
    payloads = drain(batcher)
    for number, payload in enumerate(payloads):
        batcher.payload_included(payload.id, BlockId(number, bytes((number,)) * 32))
    batcher.l1_reorganised(lambda block: block.number < 2)
    assert [p.frames for p in drain(batcher)] == [p.frames for p in payloads[2:]]
    batcher.l1_reorganised(lambda block: True)
    assert drain(batcher) == []


@pytest.mark.parametrize("number", [24, 3])
def test_safe_head_of_another_chain_is_refused(chain, number):
    batcher = make(chain)
    with pytest.raises(BatcherOutOfSync, match="the batcher was fed"):
        batcher.safe_head_moved(BlockId(number, b"\x01" * 32), 5)


def test_safe_head_ahead_of_the_batcher_or_behind_itself_is_refused(chain):
    _, blocks = chain
    batcher = make(chain, fed=5)
    with pytest.raises(BatcherOutOfSync, match="ahead of the batcher"):
        batcher.safe_head_moved(ident(blocks[6]), 5)
    batcher.safe_head_moved(ident(blocks[4]), 5)
    with pytest.raises(BatcherOutOfSync, match="went back"):
        batcher.safe_head_moved(ident(blocks[3]), 5)


def test_reports_about_unknown_payloads_change_nothing(chain):
    batcher = make(chain)
    batcher.close_channel()
    payloads = drain(batcher)
    batcher.payload_included(999, BlockId(1, bytes(32)))
    batcher.payload_failed(999)
    assert drain(batcher) == []
    assert payloads


@pytest.mark.parametrize(
    "settings_of_batcher",
    [
        {"max_frame_data_bytes": 0},
        {"max_frame_data_bytes": 1_000_001},
        {"kind": "blobs", "max_frame_data_bytes": 130_021},
        {"kind": "blobs", "blobs_per_payload": 7},
        {"target_channel_bytes": 0},
        {"max_channel_l1_blocks": 0},
    ],
)
def test_settings_that_l1_does_not_take_are_refused(settings_of_batcher):
    with pytest.raises(BatcherConfigError, match="is not in 1"):
        BatcherConfig(**settings_of_batcher)


class LossyL1:
    """An L1 that includes payloads in order, up to one that gets lost, and what it then derives."""

    def __init__(self, chain):
        self.config, self.blocks = chain
        self.number = 10
        self.safe = 0
        self.channels = ChannelAssembler(self, self, ForkSchedule(self.config), listening())
        self.frames = []

    @property
    def origin(self):
        return l1_block(self.number)

    def next_frame(self):
        return PlacedFrame(self.frames.pop(0), place()) if self.frames else None

    def include(self, batcher, payloads, count):
        self.number += 1
        for payload in payloads[:count]:
            self.frames += payload.frames
            batcher.payload_included(payload.id, BlockId(self.number, bytes(32)))
        if count < len(payloads):
            batcher.payload_failed(payloads[count].id)

    def derive(self):
        while (channel := self.channels.next_channel()) is not None:
            for batch in read_channel(channel.data):
                if self.safe == len(self.blocks) - 1:
                    break
                expected = self.blocks[self.safe + 1].header.timestamp
                if batch.timestamp > expected:
                    break
                if batch.timestamp == expected:
                    self.safe += 1
        return ident(self.blocks[self.safe])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8), st.booleans()), max_size=12),
    st.integers(100, 3000),
    st.integers(60, 3000),
)
def test_whatever_gets_lost_every_block_becomes_safe(chain, turns, target_bytes, frame_bytes):
    """Each turn feeds some blocks, and L1 takes some payloads and loses the next."""
    l1 = LossyL1(chain)
    batcher = make(chain, 0, target_channel_bytes=target_bytes, max_frame_data_bytes=frame_bytes)
    fed = 0
    for more, taken, reorgs in [*turns, *[(24, 10**6, False)] * 3]:
        for block in l1.blocks[fed + 1 : fed + 1 + more]:
            batcher.add_block(block)
        fed = min(fed + more, 24)
        batcher.l1_advanced(l1.number)
        l1.include(batcher, drain(batcher), taken)
        if reorgs:
            batcher.l1_reorganised(lambda block: block.number < l1.number)
        batcher.safe_head_moved(l1.derive(), l1.number)
    assert l1.safe == 24
    assert drain(batcher) == []
    assert batcher.blocks_in_no_channel == 0


# -- spans, compression, price


@pytest.mark.parametrize("compression", ["zlib", "brotli", "brotli-6"])
def test_a_span_channel_holds_the_blocks_in_fewer_bytes(chain, compression):
    sizes = {}
    for batch_type in ("singular", "span"):
        batcher = make(chain, batch_type=batch_type, compression=compression)
        batcher.close_channel()
        payloads = drain(batcher)
        sizes[batch_type] = sum(len(payload.data) for payload in payloads)
        frames = [frame for payload in payloads for frame in payload.frames]
        (first, *_) = read_channel(b"".join(frame.data for frame in frames))
        assert isinstance(first, SpanBatch if batch_type == "span" else SingularBatch)
    assert sizes["span"] < sizes["singular"]


def test_forms_that_l1_does_not_read_yet_are_not_written(chain):
    config, blocks = chain
    early = replace(config, forks=replace(config.forks, **dict.fromkeys(
        ("delta", "ecotone", "fjord", "granite", "holocene", "isthmus"))))  # fmt: skip
    batcher = Batcher(early, BatcherConfig(batch_type="span", compression="brotli"),
                      ident(blocks[0]))  # fmt: skip
    for block in blocks[1:]:
        batcher.add_block(block)
    batcher.close_channel()
    data = b"".join(frame.data for payload in drain(batcher) for frame in payload.frames)
    assert data[0] & 0x0F in (8, 15)  # zlib
    assert all(isinstance(batch, SingularBatch) for batch in read_channel(data))


@pytest.mark.parametrize(
    ("base_fee_gwei", "blob_gwei", "kind"),
    [(1, 1_000, "calldata"), (30, 1, "blobs"), (1, 0, "blobs")],
)
def test_the_cheaper_form_is_taken_when_the_channel_is_closed(
    chain, base_fee_gwei, blob_gwei, kind
):
    batcher = make(chain, kind="auto")
    batcher.l1_advanced(0, L1Prices(base_fee_gwei * 10**9, blob_gwei * 10**9))
    batcher.close_channel()
    payloads = drain(batcher)
    assert {payload.kind for payload in payloads} == {kind}
    assert all(bool(payload.blobs()) == (kind == "blobs") for payload in payloads)


def test_without_prices_auto_is_calldata(chain):
    batcher = make(chain, kind="auto")
    batcher.close_channel()
    assert {payload.kind for payload in drain(batcher)} == {"calldata"}


@given(st.integers(1, 400_000), st.integers(1, 10**12), st.integers(1, 10**12))
def test_the_cost_never_falls_with_size_and_the_cheaper_kind_is_cheaper(size, base, blob):
    settings = BatcherConfig(kind="auto")
    prices = L1Prices(base, blob)
    costs = {}
    for kind in ("calldata", "blobs"):
        costs[kind] = cost_wei(kind, size, prices, settings)
        assert cost_wei(kind, size + 1, prices, settings) >= costs[kind] > 0
    assert costs[cheaper_kind(size, prices, settings)] == min(costs.values())


def test_resent_payloads_keep_the_form_they_had(chain):
    batcher = make(chain, kind="auto")
    batcher.l1_advanced(0, L1Prices(10**9, 1))
    batcher.close_channel()
    (first, *_) = drain(batcher)
    batcher.l1_advanced(0, L1Prices(1, 10**12))
    batcher.payload_failed(first.id)
    assert {payload.kind for payload in drain(batcher)} == {"blobs"}
