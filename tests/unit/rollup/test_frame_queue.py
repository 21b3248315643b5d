"""Frame queue: Holocene's order of frames inside one batcher transaction.

A frame is written as channel letter and number, with ! for the last: "a0 a1! b0".
"""

from __future__ import annotations

import pytest

from rollup.derivation.frame_queue import FrameQueue, drop_unordered_frames
from rollup.wire.frame import Frame, encode_frames


def parse(text):
    frames = []
    for word in text.split():
        is_last = word.endswith("!")
        frames.append(Frame(word[0].encode() * 16, int(word[1:].rstrip("!")), b"x", is_last))
    return frames


class Data:
    """Hands out the given data in order."""

    def __init__(self, *items):
        self.items = list(items)

    def next_data(self):
        return self.items.pop(0) if self.items else None


def drain(queue):
    frames = []
    while (frame := queue.next_frame()) is not None:
        frames.append(frame)
    return frames


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("a2", "a2"),
        ("a2!", "a2!"),
        ("a0 a1 a2!", "a0 a1 a2!"),
        ("a2! b0", "a2! b0"),
        ("a2! b1", "a2!"),
        ("b1 a2!", "b1"),
        ("b1 a0", "a0"),
        ("b1! a0", "b1! a0"),
        ("b1 b0", "b1"),
        ("b0! b1", "b0!"),
        ("b0 b2 b1!", "b0 b1!"),
        ("a0 a1 b0 b1!", "b0 b1!"),
        ("a0! b0 b1 c0!", "a0! c0!"),
        ("a0 b0 a1 b1!", "b0 b1!"),
        ("a0 a1! a2 b0 b2 b1! c1 c0", "a0 a1! b0 b1! c0"),
        ("a0 a0 a1!", "a0 a1!"),
        ("a0! b0 a0!", "a0!"),
    ],
)
def test_order_within_a_transaction(given, kept):
    assert drop_unordered_frames(parse(given)) == parse(kept)


def test_order_across_transactions_is_left_to_the_channel_bank():
    queue = FrameQueue(Data(encode_frames(parse("a0 a1")), encode_frames(parse("b1 b2!"))))
    assert drain(queue) == parse("a0 a1 b1 b2!")


def test_transaction_with_one_bad_frame_is_dropped_whole():
    bad = encode_frames(parse("a0 a1")) + b"\x00"
    queue = FrameQueue(Data(bad, b"", b"\x01da-commitment", encode_frames(parse("b0!"))))
    assert drain(queue) == parse("b0!")


def test_ten_thousand_interrupted_channels_leave_the_last():
    frames = [Frame(n.to_bytes(16, "big"), 0, b"", False) for n in range(10_000)]
    assert drop_unordered_frames(frames) == frames[-1:]
