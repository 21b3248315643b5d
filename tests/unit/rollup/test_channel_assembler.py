"""Channel assembler: Holocene's one open channel across L1 transactions and blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from derivation_stages import Given, config_at, listening, place, rules_of, standing_at
from l1_blocks import l1_block

from genesis.config import GRANITE_CHANNEL_TIMEOUT
from rollup.derivation.channel_assembler import ChannelAssembler
from rollup.derivation.forks import ForkSchedule
from rollup.derivation.frame_queue import PlacedFrame
from rollup.wire.frame import Frame


class Bench:
    """A channel assembler whose L1 block and frames are set by hand."""

    def __init__(self, *, max_rlp_bytes=100_000_000):
        self.source = Given()
        self.traversal = standing_at(l1_block(0))
        self.journal = listening()
        schedule = ForkSchedule(config_at("isthmus"))
        rules = replace(schedule.l1(0), max_rlp_bytes=max_rlp_bytes)
        schedule.l1 = lambda timestamp: rules
        self.stage = ChannelAssembler(self.source, self.traversal, schedule, self.journal)

    def channels_of_block(self, number, text):
        """Feed "a0 a1!" (channel, number, last) in that L1 block; the channels completed in it."""
        self.traversal.origin = l1_block(number)
        for word in text.split():
            data = word.rstrip("!").encode()
            frame = Frame(word[0].encode() * 16, int(data[1:]), data, word.endswith("!"))
            self.source.items.append(PlacedFrame(frame, place()))
        channels = []
        while (channel := self.stage.next_channel()) is not None:
            channels.append(channel.data.decode())
        return channels


def test_channel_spread_over_blocks():
    bench = Bench()
    assert bench.channels_of_block(1, "a0") == []
    assert bench.channels_of_block(2, "") == []
    assert bench.channels_of_block(3, "a1 a2!") == ["a0a1a2"]


def test_two_channels_in_one_block():
    assert Bench().channels_of_block(1, "a0! b0 b1!") == ["a0", "b0b1"]


def test_frame_that_skips_a_number_is_dropped_and_the_channel_waits_on():
    bench = Bench()
    assert bench.channels_of_block(1, "a0 a2!") == []
    assert bench.channels_of_block(2, "a1 a2!") == ["a0a1a2"]


def test_frame_seen_twice_counts_once():
    assert Bench().channels_of_block(1, "a0 a1 a1 a2!") == ["a0a1a2"]


def test_first_frame_of_another_channel_throws_the_open_one_away():
    bench = Bench()
    assert bench.channels_of_block(1, "a0 b0") == []
    assert bench.channels_of_block(2, "a1! b1!") == ["b0b1"]


def test_first_frame_again_starts_the_channel_again():
    assert Bench().channels_of_block(1, "a0 a1 a0 a1!") == ["a0a1"]


def test_frame_without_a_channel_is_dropped():
    assert Bench().channels_of_block(1, "a1! b0!") == ["b0"]


def test_frame_after_the_end_of_its_channel_is_dropped():
    assert Bench().channels_of_block(1, "a0! a1!") == ["a0"]


def test_channel_may_be_completed_at_the_timeout():
    bench = Bench()
    assert bench.channels_of_block(1, "a0") == []
    assert bench.channels_of_block(1 + GRANITE_CHANNEL_TIMEOUT, "a1!") == ["a0a1"]


def test_channel_past_the_timeout_is_gone():
    bench = Bench()
    assert bench.channels_of_block(1, "a0") == []
    assert bench.channels_of_block(2 + GRANITE_CHANNEL_TIMEOUT, "a1!") == []


def test_channel_that_grows_too_large_is_dropped():
    bench = Bench(max_rlp_bytes=3 * 202 - 1)
    assert bench.channels_of_block(1, "a0 a1 a2!") == []
    assert bench.channels_of_block(1, "b0 b1!") == ["b0b1"]
    assert "CHANNEL_TOO_LARGE" in rules_of(bench.journal)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("a0! ", ["FRAME_OPENS", "CHANNEL_COMPLETE"]),
        ("a0 a1!", ["FRAME_OPENS", "FRAME_TAKEN", "CHANNEL_COMPLETE"]),
        ("a0 b0", ["FRAME_OPENS", "CHANNEL_REPLACED", "FRAME_OPENS"]),
        ("a1", ["FRAME_NOT_NEXT"]),
    ],
)
def test_every_frame_and_channel_is_accounted_for(text, rules):
    bench = Bench()
    bench.channels_of_block(1, text)
    assert rules_of(bench.journal) == rules
