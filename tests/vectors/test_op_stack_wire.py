"""Batcher data of real OP Stack chains and reference data of other implementations."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from chain.crypto.keccak import keccak256
from rollup.wire.batch import SingularBatch, decode_batch
from rollup.wire.blob import decode_blob, encode_blob
from rollup.wire.channel import ChannelOut, read_channel
from rollup.wire.frame import decode_frames, encode_frames
from rollup.wire.output_root import compute_output_root

ROOT = vectors_root() / "op_stack"
INLINE = json.loads((ROOT / "channels" / "inline_channels.json").read_text())
BLOBS = json.loads((ROOT / "hildr" / "blob_expected.json").read_text())["decoded_utf8_hex"]


def unhex(text):
    return bytes.fromhex(text.strip().removeprefix("0x"))


def by_kind(kind):
    cases = [case for case in INLINE if case.get("kind") == kind]
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("case", by_kind("batcher_tx_calldata"))
def test_real_batcher_transaction_is_read_and_written_back(case):
    data = unhex(case["data"])
    frames = decode_frames(data)
    assert encode_frames(frames) == data
    if "frames" in case["expected"]:
        for frame, want in zip(frames, case["expected"]["frames"], strict=True):
            assert frame.channel_id == unhex(want["channel_id"])
            assert frame.number == want["frame_number"]
            assert len(frame.data) == want["data_len"]
            assert frame.is_last == want["is_last"]
    if "channel_data" in case["expected"]:
        assert frames[0].data == unhex(case["expected"]["channel_data"])


@pytest.mark.parametrize("case", by_kind("channel"))
def test_channel_gives_its_batches_and_survives_being_written_again(case):
    batches = list(read_channel(unhex(case["data"])))
    assert len(batches) == case["expected"]["num_batches"]
    if "first_parent_hash" in case["expected"]:
        assert batches[0].parent_hash == unhex(case["expected"]["first_parent_hash"])
    again = ChannelOut(bytes(16))
    for batch in batches:
        again.add(batch)
    assert list(read_channel(again.close())) == batches


def test_three_compressions_of_one_batch_are_one_batch():
    same = [case for case in INLINE if case.get("name") in ("brotli_0", "brotli_1", "zlib_0")]
    found = [list(read_channel(unhex(case["data"]))) for case in same]
    assert len(found) == 3
    assert found[0] == found[1] == found[2]


def test_singular_batches_written_by_op_node_round_trip():
    lines = (ROOT / "hildr" / "spanbatchfromsingular.txt").read_text().split()
    assert lines
    for line in lines:
        body = unhex(line)
        batch = decode_batch(b"\x00" + body)
        assert isinstance(batch, SingularBatch)
        assert batch.encode() == b"\x00" + body


@pytest.mark.parametrize("name", sorted(BLOBS))
def test_blob_of_op_node_decodes_and_encodes(name):
    blob = unhex((ROOT / "hildr" / name).read_text())
    data = unhex(BLOBS[name])
    assert decode_blob(blob) == data
    assert encode_blob(data) == blob


def test_output_root_of_op_node():
    vector = json.loads((ROOT / "proofs" / "output_at_block.json").read_text())
    root = compute_output_root(
        unhex(vector["header"]["stateRoot"]),
        unhex(vector["account_proof_of_message_passer"]["storageHash"]),
        unhex(vector["header"]["hash"]),
    )
    assert root == unhex(vector["expected"]["outputRoot"])
    assert root == keccak256(
        bytes(32)
        + unhex(vector["header"]["stateRoot"])
        + unhex(vector["account_proof_of_message_passer"]["storageHash"])
        + unhex(vector["header"]["hash"])
    )
