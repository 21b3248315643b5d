"""Batcher transaction data: which bytes are frames."""

from __future__ import annotations

import pytest

from chain.errors import DecodeError, EncodeError
from rollup.wire.frame import (
    FRAME_OVERHEAD_BYTES,
    MAX_FRAME_DATA_BYTES,
    Frame,
    decode_frames,
    encode_frames,
)

CHANNEL = bytes(range(16))


def frame(number=0, data=b"data", is_last=False):
    return Frame(CHANNEL, number, data, is_last)


def test_layout_of_one_frame():
    encoded = encode_frames([frame(number=258, data=b"\xaa\xbb", is_last=True)])
    assert encoded.hex() == "00" + CHANNEL.hex() + "0102" + "00000002" + "aabb" + "01"
    assert len(encoded) == 1 + FRAME_OVERHEAD_BYTES + 2


def test_largest_frame_is_read():
    largest = frame(data=bytes(MAX_FRAME_DATA_BYTES))
    assert decode_frames(encode_frames([largest])) == (largest,)


def test_two_frames_of_different_channels():
    two = (frame(is_last=True), Frame(bytes(16), 0, b"", False))
    assert decode_frames(encode_frames(two)) == two


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no data"),
        (b"\x00", "no frame"),
        (b"\x01" + frame().encode(), "version 1"),
        (b"\x00" + frame().encode()[:-1], "needs 28 bytes"),
        (b"\x00" + frame().encode()[:10], "header cut off"),
        (b"\x00" + frame().encode()[:-1] + b"\x02", "is_last must be 0 or 1, got 2"),
        (b"\x00" + frame().encode() + b"\x00", "frame at byte 28: header cut off"),
        (b"\x00" + CHANNEL + b"\x00\x00" + b"\x00\x0f\x42\x41" + bytes(9), "declares 1000001"),
        (b"\x00" + CHANNEL + b"\x00\x00" + b"\xff\xff\xff\xff" + bytes(9), "declares 4294967295"),
    ],
)
def test_refused_data_names_the_reason(data, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_frames(data)


@pytest.mark.parametrize(
    "bad",
    [
        Frame(b"short", 0, b"", False),
        Frame(CHANNEL, 2**16, b"", False),
        Frame(CHANNEL, -1, b"", False),
        Frame(CHANNEL, 0, bytes(MAX_FRAME_DATA_BYTES + 1), False),
    ],
)
def test_frame_that_does_not_fit_its_fields_is_not_written(bad):
    with pytest.raises(EncodeError, match="frame: "):
        bad.encode()


def test_no_frames_are_not_written():
    with pytest.raises(EncodeError, match="at least one frame"):
        encode_frames([])
