"""Singular batches: their bytes, and what is refused by name."""

from __future__ import annotations

import pytest

from chain import rlp
from chain.errors import DecodeError, EncodeError
from rollup.wire.batch import SingularBatch, UnsupportedBatch, decode_batch

BATCH = SingularBatch(b"\x11" * 32, 5, b"\x22" * 32, 1000, (b"\x02tx",))


def body(**changes):
    fields = {
        "parent": b"\x11" * 32,
        "epoch": b"\x05",
        "hash": b"\x22" * 32,
        "time": b"\x03\xe8",
        "txs": [b"\x02tx"],
    }
    return b"\x00" + rlp.encode(list({**fields, **changes}.values()))


def test_layout():
    assert BATCH.encode() == body()
    assert decode_batch(body()) == BATCH


def test_version_one_is_read_as_a_span_batch():
    with pytest.raises(DecodeError, match="span batch at byte 44: 0 blocks"):
        decode_batch(b"\x01" + bytes(100))


def test_unknown_version_is_refused_by_number():
    with pytest.raises(UnsupportedBatch, match="unknown version 2"):
        decode_batch(b"\x02" + bytes(100))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no data"),
        (b"\x00", "no bytes"),
        (body() + b"\x00", "ends at"),
        (body(parent=bytes(31)), "parent hash: expected 32 bytes, got 31"),
        (body(hash=bytes(33)), "epoch hash: expected 32 bytes, got 33"),
        (body(epoch=b"\x00\x05"), "leading zero"),
        (body(time=bytes(range(1, 10))), "at most 8 bytes"),
        (body(txs=b"tx"), "expected a list"),
        (body(txs=[[b"tx"]]), "transaction 0: expected bytes"),
        (body(extra=b""), "expected 5 items, got 6"),
    ],
)
def test_malformed_batch_names_the_field(data, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_batch(data)


def test_number_beyond_64_bits_is_not_written():
    with pytest.raises(EncodeError, match="timestamp 18446744073709551616"):
        SingularBatch(bytes(32), 0, bytes(32), 2**64, ()).encode()
