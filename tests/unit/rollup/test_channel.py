"""Channels: broken streams, bombs and limits."""

from __future__ import annotations

import random
import zlib

import brotli
import pytest

from chain import rlp
from chain.errors import DecodeError, EncodeError
from rollup.wire.batch import SingularBatch
from rollup.wire.channel import (
    MAX_RLP_BYTES_PER_CHANNEL,
    ChannelFull,
    ChannelIn,
    ChannelOut,
    read_channel,
    split_channel,
)

CHANNEL = bytes(range(16))


def some_batches(count):
    source = random.Random(7)
    return [
        SingularBatch(source.randbytes(32), n, source.randbytes(32), n, (source.randbytes(90),))
        for n in range(count)
    ]


def stream_of(batches):
    return b"".join(rlp.encode(batch.encode()) for batch in batches)


def read_until_broken(data):
    """Batches before the break, and the error that ended them."""
    batches = []
    try:
        batches.extend(read_channel(data))
    except DecodeError as error:
        return batches, str(error)
    return batches, None


@pytest.fixture(scope="module")
def batches():
    return some_batches(100)


def test_brotli_channel_is_read(batches):
    assert list(read_channel(b"\x01" + brotli.compress(stream_of(batches)))) == batches


def test_empty_channel_has_no_batches():
    assert list(read_channel(ChannelOut(CHANNEL).close())) == []


def test_batches_before_the_cut_of_a_zlib_stream_count(batches):
    whole = zlib.compress(stream_of(batches))
    found, error = read_until_broken(whole[: len(whole) // 2])
    assert 30 < len(found) < 60
    assert found == batches[: len(found)]
    assert "ends inside an item" in error


def test_batches_before_the_cut_of_a_brotli_stream_count(batches):
    whole = b"\x01" + brotli.compress(stream_of(batches))
    found, _ = read_until_broken(whole[: len(whole) // 2])
    assert found == batches[: len(found)]


def test_wrong_checksum_at_the_end_takes_no_batch_away(batches):
    whole = bytearray(zlib.compress(stream_of(batches)))
    whole[-1] ^= 1
    found, error = read_until_broken(bytes(whole))
    assert found == batches
    assert "incorrect data check" in error


def test_break_in_the_middle_gives_all_that_was_decoded_before_it(batches):
    # Stored blocks of one batch each: the break is in the header of the 61st.
    compressor = zlib.compressobj(0)
    pieces = []
    for batch in batches:
        data = compressor.compress(rlp.encode(batch.encode()))
        pieces.append(data + compressor.flush(zlib.Z_FULL_FLUSH))
    broken = b"".join(pieces[:60]) + b"\x07" + b"".join(pieces[60:])
    found, error = read_until_broken(broken)
    assert found == batches[:60]
    assert "invalid block type" in error


def test_bytes_after_the_end_of_the_stream_mean_nothing(batches):
    assert list(read_channel(zlib.compress(stream_of(batches)) + b"tail")) == batches
    assert list(read_channel(b"\x01" + brotli.compress(stream_of(batches)) + b"tail")) == batches


def test_bad_batch_ends_the_channel(batches):
    stream = stream_of(batches[:3]) + rlp.encode(b"\x02span") + stream_of(batches[3:])
    found, error = read_until_broken(zlib.compress(stream))
    assert found == batches[:3]
    assert "unknown version 2" in error


def test_stream_is_clipped_at_the_limit_of_the_fork(batches):
    stream = stream_of(batches)
    limit = len(stream_of(batches[:40])) + 5
    channel = ChannelIn(zlib.compress(stream), max_rlp_bytes=limit)
    found = [channel.next_batch() for _ in range(40)]
    assert [read.batch for read in found] == batches[:40]
    assert (found[0].start, found[-1].end) == (0, limit - 5)
    with pytest.raises(DecodeError, match=f"limit of {limit} bytes"):
        channel.next_batch()


def test_brotli_does_not_count_before_fjord(batches):
    channel = ChannelOut(CHANNEL, "brotli")
    channel.add(batches[0])
    data = channel.close()
    assert list(read_channel(data)) == [batches[0]]
    with pytest.raises(DecodeError, match="since Fjord"):
        ChannelIn(data, allows_brotli=False)


@pytest.mark.parametrize("compression", ["zlib", "brotli"])
def test_size_bound_of_a_channel_holds_for_what_does_not_compress(compression, batches):
    channel = ChannelOut(CHANNEL, compression)
    bounds = []
    for batch in batches:
        bounds.append(channel.size_bound_with(len(batch.encode()), target_bytes=3_000))
        channel.add(batch)
        bounds.append(channel.size_bound_bytes)
    assert len(channel.close()) <= min(bounds[-2:])


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"\xc0", "list prefix 0xc0"),
        (b"\x81\x05", "single byte"),
        (b"\xb8\x05hello", "shortest form"),
        (b"\xb9\x00\x40" + bytes(64), "shortest form"),
        (b"\x83ab", "ends inside an item of 3 bytes"),
        (b"\xbf" + b"\xff" * 8, "limit of 100000000"),
    ],
)
def test_stream_that_is_no_sequence_of_rlp_strings(stream, reason):
    _, error = read_until_broken(zlib.compress(stream))
    assert reason in error


@pytest.mark.parametrize(("data", "reason"), [(b"", "no data"), (b"\x02abc", "first byte 0x02")])
def test_unknown_compression_is_named(data, reason):
    with pytest.raises(DecodeError, match=reason):
        list(read_channel(data))


@pytest.mark.parametrize("compress", [zlib.compress, lambda data: b"\x01" + brotli.compress(data)])
def test_item_beyond_the_limit_is_not_unfolded(compress):
    size = MAX_RLP_BYTES_PER_CHANNEL + 1
    bomb = compress(b"\xbb" + size.to_bytes(4, "big") + bytes(10_000_000))
    _, error = read_until_broken(bomb)
    assert "passes the limit" in error


def test_channel_takes_no_batch_after_closing(batches):
    channel = ChannelOut(CHANNEL)
    channel.add(batches[0])
    first = channel.close()
    with pytest.raises(ChannelFull, match="closed"):
        channel.add(batches[1])
    assert channel.close() == first
    assert channel.size_bound_bytes == len(first)


def test_bound_becomes_tight_when_it_passes_the_target(batches):
    channel = ChannelOut(CHANNEL)
    repeated = SingularBatch(bytes(32), 0, bytes(32), 0, (bytes(50_000),))
    for _ in range(10):
        channel.add(repeated)
    assert channel.size_bound_bytes > 500_000
    assert channel.size_bound_with(50_100, target_bytes=100_000) < 60_000


@pytest.mark.parametrize("size", [0, 1_000_001])
def test_frame_size_out_of_range_is_refused(size):
    with pytest.raises(EncodeError, match=f"frames of {size} bytes"):
        split_channel(CHANNEL, b"data", size)


def test_channel_that_needs_too_many_frames_is_refused():
    with pytest.raises(EncodeError, match="65537 frames"):
        split_channel(CHANNEL, bytes(65_537), 1)
