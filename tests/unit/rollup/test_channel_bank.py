"""Channel bank: many open channels before Holocene, read by the rules of Bedrock and of Canyon.

Frames are written as channel letter and number, with ! for the last: "a0 a1! b0".
"""

from __future__ import annotations

import pytest
from derivation_stages import Given, config_at, listening, place, rules_of, standing_at
from l1_blocks import l1_block

from rollup.derivation.channel_stage import ChannelStage
from rollup.derivation.forks import ForkSchedule
from rollup.derivation.frame_queue import PlacedFrame
from rollup.wire.frame import Frame

TIMEOUT = 300  # the chain's own, before Granite


class Bench:
    """The channel stage whose L1 block and frames are set by hand."""

    def __init__(self, fork="ecotone", later=None):
        self.source = Given()
        self.traversal = standing_at(l1_block(0))
        self.journal = listening()
        schedule = ForkSchedule(config_at(fork, later=later))
        self.stage = ChannelStage(self.source, self.traversal, schedule, self.journal)

    def channels_of_block(self, number, text, *, size=0):
        """Feed frames in that L1 block; the channels completed in it."""
        self.traversal.origin = l1_block(number)
        for word in text.split():
            data = word.rstrip("!").encode()
            frame = Frame(
                word[0].encode() * 16, int(data[1:]), data + bytes(size), word.endswith("!")
            )
            self.source.items.append(PlacedFrame(frame, place()))
        channels = []
        while (channel := self.stage.next_channel()) is not None:
            channels.append(channel.data.replace(b"\0", b"").decode())
        return channels


def test_frames_in_any_order_over_several_blocks():
    bench = Bench()
    assert bench.channels_of_block(1, "a2! b1") == []
    assert bench.channels_of_block(2, "a0") == []
    assert bench.channels_of_block(3, "a1 b0") == ["a0a1a2"]


@pytest.mark.parametrize(
    ("fork", "first", "second"), [("regolith", [], ["a0a1", "b0"]), ("canyon", ["b0"], ["a0a1"])]
)
def test_complete_channel_behind_an_open_one_waits_until_canyon(fork, first, second):
    bench = Bench(fork)
    assert bench.channels_of_block(1, "a0 b0!") == first
    assert bench.channels_of_block(2, "a1!") == second


def test_canyon_reads_the_oldest_complete_channel_first():
    later = {"canyon": l1_block(2).timestamp}
    bench = Bench("regolith", later)
    assert bench.channels_of_block(1, "a0 b0! c0!") == []
    assert bench.channels_of_block(2, "") == ["b0", "c0"]


@pytest.mark.parametrize(
    ("text", "channels", "rule"),
    [
        ("a0 a0 a1!", ["a0a1"], "FRAME_TWICE"),
        ("b0 a1! a2! a0", ["a0a1"], "FRAME_CLOSES_TWICE"),
        ("b0 a1! a2 a0", ["a0a1"], "FRAME_PAST_END"),
        ("b0 a3 a1! a0", ["a0a1"], "FRAME_PAST_END"),
    ],
)
def test_frame_that_does_not_belong_is_dropped(text, channels, rule):
    bench = Bench()
    assert bench.channels_of_block(1, text) == channels
    assert rule in rules_of(bench.journal)


def test_channel_may_be_completed_at_the_timeout():
    bench = Bench()
    assert bench.channels_of_block(1, "a0") == []
    assert bench.channels_of_block(1 + TIMEOUT, "a1!") == ["a0a1"]


def test_channel_past_the_timeout_goes_and_its_id_may_be_used_again():
    bench = Bench()
    assert bench.channels_of_block(1, "a0") == []
    assert bench.channels_of_block(2 + TIMEOUT, "a1!") == []
    assert "CHANNEL_TIMED_OUT" in rules_of(bench.journal)
    assert bench.channels_of_block(3 + TIMEOUT, "a0") == ["a0a1"]


def test_timed_out_channel_behind_an_open_one_takes_no_more_frames():
    bench = Bench("fjord")
    assert bench.channels_of_block(1, "a0 b0") == []
    assert bench.channels_of_block(100, "c0") == []
    # a goes when it is the oldest; b is the oldest then and goes too
    assert bench.channels_of_block(TIMEOUT + 2, "c1!") == ["c0c1"]
    assert rules_of(bench.journal).count("CHANNEL_TIMED_OUT") == 2


def test_granite_shortens_the_timeout():
    bench = Bench("granite")
    assert bench.channels_of_block(1, "a0") == []
    assert bench.channels_of_block(52, "a1!") == []


def test_oldest_channels_are_pruned_when_the_bank_is_full():
    bench = Bench("canyon")  # 100 MB
    assert bench.channels_of_block(1, "a0 b0", size=45_000_000) == []
    assert bench.channels_of_block(2, "c0", size=20_000_000) == []
    assert rules_of(bench.journal).count("CHANNEL_PRUNED") == 1
    assert bench.channels_of_block(3, "a1!") == []
    assert bench.channels_of_block(4, "b1! c1!") == ["b0b1", "c0c1"]


def test_holocene_forgets_what_is_open_and_goes_on_in_order():
    later = {"holocene": l1_block(2).timestamp}
    bench = Bench("granite", later)
    assert bench.channels_of_block(1, "a0 b0") == []
    assert bench.channels_of_block(2, "b1! a1!") == []
    assert bench.channels_of_block(3, "a0 b0 b1! a1!") == ["b0b1"]


def test_many_channels_cost_no_look_at_each_other():
    bench = Bench("fjord")
    bench.traversal.origin = l1_block(1)
    for number in range(20_000):
        frame = Frame(number.to_bytes(16, "big"), 0, b"", is_last=False)
        bench.source.items.append(PlacedFrame(frame, place()))
    bench.source.items.append(PlacedFrame(Frame(b"z" * 16, 0, b"last", is_last=True), place()))
    assert bench.stage.next_channel().data == b"last"
