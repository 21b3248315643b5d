"""Channel reader: a bad batch ends its channel, not the next one; limits and kinds by fork."""

from __future__ import annotations

import zlib

import brotli
import pytest
from derivation_stages import (
    CHANNEL,
    Given,
    config_at,
    l2_ref,
    listening,
    rules_of,
    span_after,
    standing_at,
)
from l1_blocks import l1_block, l1_chain

from chain import rlp
from rollup.derivation.batch_checks import span_context
from rollup.derivation.channel_assembler import CompleteChannel
from rollup.derivation.channel_reader import ChannelReader
from rollup.derivation.forks import ForkSchedule
from rollup.wire.batch import SingularBatch

CHAIN = l1_chain(8)


def batch(number):
    return SingularBatch(bytes(32), number, bytes(32), number, ())


def stream(*items):
    return b"".join(rlp.encode(i if isinstance(i, bytes) else i.encode()) for i in items)


def channel(*items):
    return zlib.compress(stream(*items))


def reader_of(*channels, fork="isthmus"):
    journal = listening()
    config = config_at(fork)
    source = Given(*[CompleteChannel(CHANNEL, data) for data in channels])
    reader = ChannelReader(
        source, standing_at(l1_block(1)), ForkSchedule(config), span_context(config), journal
    )
    return reader, journal


def drain(reader):
    numbers = []
    while (found := reader.next_batch()) is not None:
        numbers.append(found.timestamp)
    return numbers


def test_batches_of_several_channels_in_order():
    reader, journal = reader_of(channel(batch(1), batch(2)), channel(batch(3)))
    assert drain(reader) == [1, 2, 3]
    assert journal.notes == []


def test_batch_knows_its_bytes_in_the_stream():
    reader, _ = reader_of(channel(batch(1), batch(2)))
    first, second = reader.next_batch(), reader.next_batch()
    assert first.stream == (0, len(stream(batch(1))))
    assert second.stream == (first.stream[1], len(stream(batch(1), batch(2))))
    assert first.channel_id == CHANNEL


def test_rest_of_a_channel_after_a_bad_batch_is_dropped():
    reader, journal = reader_of(channel(batch(1), b"\x01span", batch(2)), channel(batch(3)))
    assert drain(reader) == [1, 3]
    assert rules_of(journal) == ["BATCH_UNREADABLE"]


def test_channel_of_garbage_is_dropped():
    reader, journal = reader_of(b"garbage", b"", b"\x02", channel(batch(3)))
    assert drain(reader) == [3]
    assert rules_of(journal)[1:] == ["CHANNEL_UNREADABLE"] * 2


def test_dropping_the_channel_goes_on_with_the_next():
    reader, journal = reader_of(channel(batch(1), batch(2)), channel(batch(3)))
    assert reader.next_batch().batch == batch(1)
    reader.drop_channel()
    assert drain(reader) == [3]
    reader.drop_channel()
    assert rules_of(journal) == ["CHANNEL_FLUSHED"]


@pytest.mark.parametrize(("fork", "times"), [("ecotone", [3]), ("fjord", [1, 3])])
def test_brotli_counts_since_fjord(fork, times):
    compressed = b"\x01" + brotli.compress(stream(batch(1)))
    reader, _ = reader_of(compressed, channel(batch(3)), fork=fork)
    assert drain(reader) == times


@pytest.mark.parametrize(("fork", "count"), [("ecotone", 2), ("fjord", 3)])
def test_stream_is_clipped_at_ten_megabytes_before_fjord(fork, count):
    large = SingularBatch(bytes(32), 0, bytes(32), 0, (bytes(4_900_000),))
    reader, _ = reader_of(channel(large, large, large), fork=fork)
    assert len(drain(reader)) == count


@pytest.mark.parametrize(("fork", "kinds"), [("canyon", 1), ("delta", 2)])
def test_span_batch_counts_since_delta_and_alone_is_passed_over(fork, kinds):
    parent = l2_ref(CHAIN, 2)
    span = span_after(config_at("delta"), CHAIN, parent, [2, 3])
    reader, journal = reader_of(channel(span, batch(9)), fork=fork)
    assert len(drain(reader)) == kinds
    assert rules_of(journal) == ["SPAN_BEFORE_DELTA"] * (2 - kinds)
