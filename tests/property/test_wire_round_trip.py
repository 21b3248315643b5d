"""Every wire format: decoding gives back what was encoded, and nothing else decodes."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import hashes, uint64

from chain.errors import DecodeError
from rollup.wire.batch import SingularBatch, decode_batch
from rollup.wire.blob import BLOB_BYTES, BLOB_CAPACITY_BYTES, decode_blob, encode_blob
from rollup.wire.channel import ChannelOut, read_channel, split_channel
from rollup.wire.frame import Frame, decode_frames, encode_frames
from rollup.wire.output_root import OutputV0, compute_output_root, decode_output

batches = st.builds(
    SingularBatch,
    parent_hash=hashes,
    epoch_number=uint64,
    epoch_hash=hashes,
    timestamp=uint64,
    transactions=st.lists(st.binary(max_size=200), max_size=4).map(tuple),
)
channel_ids = st.binary(min_size=16, max_size=16)
frames = st.builds(
    Frame,
    channel_id=channel_ids,
    number=st.integers(0, 2**16 - 1),
    data=st.binary(max_size=300),
    is_last=st.booleans(),
)
outputs = st.builds(
    OutputV0, state_root=hashes, message_passer_storage_root=hashes, block_hash=hashes
)


@given(batches)
def test_batch_round_trip(batch):
    assert decode_batch(batch.encode()) == batch


@given(st.lists(frames, min_size=1, max_size=5))
def test_frames_round_trip(some):
    assert decode_frames(encode_frames(some)) == tuple(some)


@given(st.binary(max_size=400))
def test_bytes_that_decode_to_frames_are_their_encoding(data):
    try:
        decoded = decode_frames(b"\x00" + data)
    except DecodeError:
        return
    assert encode_frames(decoded) == b"\x00" + data


@given(st.binary(max_size=120))
def test_bytes_that_decode_to_a_batch_are_its_encoding(data):
    try:
        decoded = decode_batch(b"\x00" + data)
    except DecodeError:
        return
    assert decoded.encode() == b"\x00" + data


@settings(max_examples=30)
@given(st.lists(batches, max_size=8), channel_ids, st.integers(1, 500))
def test_channel_round_trip_through_frames_of_any_size(some, channel_id, frame_bytes):
    channel = ChannelOut(channel_id)
    for batch in some:
        before = channel.size_bound_bytes
        assert before <= channel.size_bound_with(len(batch.encode()), target_bytes=2**30)
        channel.add(batch)
    bound = channel.size_bound_bytes
    data = channel.close()
    assert len(data) <= bound
    pieces = split_channel(channel_id, data, frame_bytes)
    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert b"".join(piece.data for piece in pieces) == data
    assert list(read_channel(data)) == some


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 4))
def test_arbitrary_channel_bytes_give_batches_or_a_decode_error(data, first):
    prefix = [b"", b"\x78\x9c", b"\x78\xda", b"\x01", b"\x08"][first]
    try:
        found = list(read_channel(prefix + data))
    except DecodeError:
        return
    assert all(isinstance(batch, SingularBatch) for batch in found)


sizes = st.one_of(st.integers(0, 600), st.integers(BLOB_CAPACITY_BYTES - 300, BLOB_CAPACITY_BYTES))


@settings(max_examples=25)
@given(sizes, st.binary(min_size=1, max_size=64))
def test_blob_round_trip(size, pattern):
    data = (pattern * (size // len(pattern) + 1))[:size]
    blob = encode_blob(data)
    assert len(blob) == BLOB_BYTES
    assert all(byte < 0x40 for byte in blob[::32])
    assert decode_blob(blob) == data


@settings(max_examples=40)
@given(st.binary(max_size=300), st.integers(0, BLOB_BYTES - 1), st.integers(1, 255))
def test_a_blob_with_any_byte_changed_decodes_to_something_else_or_not_at_all(data, at, flip):
    blob = bytearray(encode_blob(data))
    blob[at] ^= flip
    with contextlib.suppress(DecodeError):
        assert decode_blob(bytes(blob)) != data


@given(outputs)
def test_output_round_trip(output):
    assert decode_output(output.encode()) == output
    assert output.root == compute_output_root(
        output.state_root, output.message_passer_storage_root, output.block_hash
    )
