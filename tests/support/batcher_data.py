"""Batcher data of a sequencer's chain, written by hand."""

from __future__ import annotations

from rollup.batcher.payload import batch_of
from rollup.derivation.l2_block import l2_block_ref
from rollup.wire.channel import ChannelOut, split_channel
from rollup.wire.frame import encode_frames


def channel_data(*batches, channel_id=b"\x01" * 16, compression="zlib"):
    """Batcher transaction data: one channel in one frame."""
    channel = ChannelOut(channel_id, compression)
    for batch in batches:
        channel.add(batch)
    return encode_frames(split_channel(channel_id, channel.close()))


def sequencer_batches(world):
    """The singular batches of the sequencer's chain."""
    batches = []
    for number in range(1, world.sequencer.unsafe.number + 1):
        block = world.sequencer.engine.block_by_number(number)
        batches.append(batch_of(block, l2_block_ref(world.config, block)))
    return batches
