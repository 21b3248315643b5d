"""The worked examples of docs/protocol: batch, channel, frame, blob, output root."""

from __future__ import annotations

import re
from pathlib import Path

from chain.crypto.keccak import keccak256
from chain.transaction import LegacyTransaction, sign_transaction
from rollup.derivation.rules import Rule
from rollup.wire.alt_da import Keccak256Commitment, decode_commitment
from rollup.wire.batch import SingularBatch, decode_batch
from rollup.wire.blob import BLOB_BYTES, blob_versioned_hash, decode_blob, encode_blob
from rollup.wire.channel import read_channel, split_channel
from rollup.wire.frame import decode_frames, encode_frames
from rollup.wire.output_root import compute_output_root
from rollup.wire.span_batch import SpanContext, span_batch

PAGES = Path(__file__).resolve().parents[3] / "docs" / "protocol"
BATCH = SingularBatch(b"\x11" * 32, 100, b"\x22" * 32, 1_700_000_002, (b"\x02\xc0",))


def example(page):
    """The bytes of the last code block of a page."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return bytes.fromhex(re.findall(r"```\n([0-9a-f\s]+)```", text)[-1])


def test_batch_page():
    assert BATCH.encode() == example("batch-format")
    assert decode_batch(example("batch-format")) == BATCH


def test_channel_page():
    assert list(read_channel(example("channel"))) == [BATCH]


def test_frame_page():
    frames = split_channel(b"\xc4" * 16, example("channel"), 20)
    assert encode_frames(frames) == example("frame")
    assert decode_frames(example("frame")) == frames


def test_blob_page():
    blob = example("blob").ljust(BLOB_BYTES, b"\0")
    assert encode_blob(example("frame")) == blob
    assert decode_blob(blob) == example("frame")
    page = (PAGES / "blob.md").read_text(encoding="utf-8")
    assert f"`{blob_versioned_hash(blob).hex()}`" in page


def test_span_batch_page():
    context = SpanContext(1_700_000_000, 2, 901)
    tx = LegacyTransaction(901, 3, 7, 21_000, b"\x77" * 20, 5, b"")
    raw = sign_transaction(tx, b"\x01" * 32).encode()
    blocks = [
        SingularBatch(b"\x11" * 32, 100, b"\x22" * 32, 1_700_000_002, (raw,)),
        SingularBatch(b"\x33" * 32, 101, b"\x44" * 32, 1_700_000_004, ()),
    ]
    batch = span_batch(blocks, context, first_changes_origin=False)
    assert batch.encode() == example("span-batch")
    assert decode_batch(example("span-batch")) == batch


def test_alt_da_page():
    commitment = Keccak256Commitment(keccak256(b"\x02\xc0"))
    assert commitment.encode() == example("alt-da")
    assert decode_commitment(example("alt-da")) == commitment


def test_derivation_page_lists_every_rule_with_its_source():
    page = (PAGES / "derivation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    rules = [(rule.name, rule.says, rule.outcome.value, rule.source) for rule in Rule]
    assert rows == rules


def test_output_root_page():
    root = compute_output_root(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
    assert root == example("output-root")
