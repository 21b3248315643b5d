"""Every wire format: decoding gives back what was encoded, and nothing else decodes."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import hashes, private_keys, uint64, unsigned_transactions

from chain.errors import DecodeError, EncodeError
from chain.transaction import sign_transaction
from rollup.wire.alt_da import GenericCommitment, Keccak256Commitment, decode_commitment
from rollup.wire.batch import SingularBatch, decode_batch
from rollup.wire.blob import BLOB_BYTES, BLOB_CAPACITY_BYTES, decode_blob, encode_blob
from rollup.wire.channel import ChannelOut, read_channel, split_channel
from rollup.wire.compact import CompactReader, encode_bits, encode_uvarints
from rollup.wire.compression import compressor, decompressed
from rollup.wire.frame import Frame, decode_frames, encode_frames
from rollup.wire.output_root import OutputV0, compute_output_root, decode_output
from rollup.wire.span_batch import SpanBatch, SpanContext, decode_span_batch, span_batch
from rollup.wire.span_channel import SpanChannelOut

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
@given(
    st.lists(batches, max_size=8),
    channel_ids,
    st.integers(1, 500),
    st.sampled_from(["zlib", "brotli"]),
)
def test_channel_round_trip_through_frames_of_any_size(some, channel_id, frame_bytes, compression):
    channel = ChannelOut(channel_id, compression)
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
    assert all(isinstance(batch, SingularBatch | SpanBatch) for batch in found)


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


CHAIN_ID = 901
CONTEXT = SpanContext(genesis_time_s=1_000, block_time_s=2, chain_id=CHAIN_ID)


def signed_for_this_chain(tx, key):
    """A span holds one chain's transactions, and legacy ones that name none."""
    named = tx if tx.chain_id is None else replace(tx, chain_id=CHAIN_ID)
    return sign_transaction(named, key).encode()


raw_transactions = st.builds(
    signed_for_this_chain, unsigned_transactions((0, 1, 2, 4)), private_keys
)


@st.composite
def spans(draw):
    """Consecutive singular batches, with freely drawn epochs and transactions."""
    epoch = draw(st.integers(0, 2**40))
    start = draw(st.integers(0, 2**30))
    blocks = []
    for index in range(draw(st.integers(1, 6))):
        epoch += draw(st.integers(0, 1))
        blocks.append(
            SingularBatch(
                parent_hash=draw(hashes),
                epoch_number=epoch,
                epoch_hash=draw(hashes),
                timestamp=CONTEXT.genesis_time_s + 2 * (start + index),
                transactions=tuple(draw(st.lists(raw_transactions, max_size=3))),
            )
        )
    return blocks


@settings(max_examples=40)
@given(spans(), st.booleans(), st.sampled_from(["zlib", "brotli"]))
def test_span_batch_round_trip(blocks, first_changes_origin, compression):
    batch = span_batch(blocks, CONTEXT, first_changes_origin=first_changes_origin)
    read = decode_span_batch(batch.encode())
    assert read == batch
    assert read.encode() == batch.encode()
    found = list(read.blocks(CONTEXT))
    assert [(b.timestamp, b.epoch_number, b.transactions) for b in found] == [
        (b.timestamp, b.epoch_number, b.transactions) for b in blocks
    ]
    channel = SpanChannelOut(bytes(16), CONTEXT, compression)
    for index, block in enumerate(blocks):
        channel.add(block, sequence_number=index or int(not first_changes_origin))
    bound = channel.size_bound_bytes
    assert len(channel.close()) <= bound
    assert list(read_channel(channel.close())) == [batch]


@settings(max_examples=150)
@given(spans(), st.data())
def test_damaged_span_batch_is_refused_or_is_another_that_round_trips(blocks, data):
    """Any byte changed, cut off or put in: an error, or a batch that is written as it was read."""
    encoded = bytearray(span_batch(blocks, CONTEXT, first_changes_origin=True).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(1, len(encoded) - 1))
        encoded[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        read = decode_span_batch(bytes(encoded))
    except DecodeError:
        return
    list(read.blocks(CONTEXT))
    again = decode_span_batch(read.encode())
    assert again == read


@given(st.lists(uint64, max_size=20), st.integers(0, 2**70))
def test_compact_numbers_round_trip(numbers, bits):
    reader = CompactReader(encode_uvarints(numbers) + encode_bits(bits, 71), "test")
    assert reader.uvarints(len(numbers), "numbers") == tuple(numbers)
    assert reader.bits(71, "bits") == bits
    assert reader.remaining == 0


@given(st.integers(0, 80), st.integers(0, 2**80))
def test_bit_list_has_no_bit_beyond_its_elements(count, bits):
    try:
        encoded = encode_bits(bits, count)
    except EncodeError:
        assert bits.bit_length() > count
        return
    assert len(encoded) == (count + 7) // 8
    assert CompactReader(encoded, "test").bits(count, "bits") == bits


@given(
    st.one_of(
        st.builds(Keccak256Commitment, hashes),
        st.builds(GenericCommitment, st.integers(0, 255), st.binary(max_size=80)),
    )
)
def test_alt_da_commitment_round_trip(commitment):
    assert decode_commitment(commitment.encode()) == commitment


@given(st.binary(max_size=40))
def test_bytes_that_decode_to_a_commitment_are_its_encoding(data):
    try:
        commitment = decode_commitment(b"\x01" + data)
    except DecodeError:
        return
    assert commitment.encode() == b"\x01" + data


@settings(max_examples=40)
@given(
    st.sampled_from(["zlib", "brotli-6"]),
    st.binary(min_size=1, max_size=40),
    st.integers(0, 400_000),
    st.binary(max_size=200),
)
@example("brotli-6", b"\0", 131_072, b"")
@example("zlib", b"\0", 5_000_000, b"")
def test_compressed_data_comes_back_however_well_it_shrank(compression, piece, size, rest):
    data = (piece * (size // len(piece)) + rest)[:5_000_000]
    stream = compressor(compression)
    assert b"".join(decompressed(stream.feed(data) + stream.finish())) == data
