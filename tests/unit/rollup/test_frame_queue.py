"""Frame queue: Holocene's order of frames inside one batcher transaction.

A frame is written as channel letter and number, with ! for the last: "a0 a1! b0".
"""

from __future__ import annotations

import pytest
from derivation_stages import PLACE, Given, config_at, listening, place, rules_of, standing_at
from l1_blocks import l1_block

from rollup.derivation.forks import ForkSchedule
from rollup.derivation.frame_queue import FrameQueue, PlacedFrame, drop_unordered_frames
from rollup.derivation.l1_retrieval import BatcherData
from rollup.wire.frame import Frame, encode_frames


def parse(text):
    frames = []
    for word in text.split():
        is_last = word.endswith("!")
        frames.append(Frame(word[0].encode() * 16, int(word[1:].rstrip("!")), b"x", is_last))
    return frames


def queue_of(*data, fork="isthmus"):
    """A frame queue over that data, and its journal."""
    journal = listening()
    source = Given(*[BatcherData(PLACE, item) for item in data])
    schedule = ForkSchedule(config_at(fork))
    return FrameQueue(source, standing_at(l1_block(1)), schedule, journal), journal


def drain(queue):
    frames = []
    while (frame := queue.next_frame()) is not None:
        frames.append(frame.frame)
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
    placed = [PlacedFrame(frame, place()) for frame in parse(given)]
    dropped = []
    found = drop_unordered_frames(placed, dropped.append)
    assert [each.frame for each in found] == parse(kept)
    assert len(found) + len(dropped) == len(placed)


def test_order_across_transactions_is_left_to_the_channel_assembler():
    queue, _ = queue_of(encode_frames(parse("a0 a1")), encode_frames(parse("b1 b2!")))
    assert drain(queue) == parse("a0 a1 b1 b2!")


def test_before_holocene_frames_come_in_any_order():
    queue, journal = queue_of(encode_frames(parse("a1! b0 a0 a0")), fork="granite")
    assert drain(queue) == parse("a1! b0 a0 a0")
    assert journal.notes == []


def test_transaction_with_one_bad_frame_is_dropped_whole():
    bad = encode_frames(parse("a0 a1")) + b"\x00"
    queue, journal = queue_of(bad, b"", b"\x01da-commitment", b"\x02?", encode_frames(parse("b0!")))
    assert drain(queue) == parse("b0!")
    assert rules_of(journal) == ["FRAME_MALFORMED", "DATA_VERSION", "COMMITMENT", "DATA_VERSION"]


def test_every_frame_knows_its_bytes():
    data = encode_frames(parse("a0 a1 a2!"))
    queue, _ = queue_of(data)
    ranges = []
    while (placed := queue.next_frame()) is not None:
        ranges.append((placed.place.start, placed.place.end))
    assert ranges == [(1, 25), (25, 49), (49, 73)]
    assert ranges[-1][1] == len(data)


def test_ten_thousand_interrupted_channels_leave_the_last():
    frames = [Frame(n.to_bytes(16, "big"), 0, b"", False) for n in range(10_000)]
    placed = [PlacedFrame(frame, place()) for frame in frames]
    assert drop_unordered_frames(placed, lambda _: None) == placed[-1:]
