"""Channel bank: the one open channel across L1 transactions and blocks."""

from __future__ import annotations

from types import SimpleNamespace

from l1_blocks import bare_rollup_config, l1_block

from genesis.config import GRANITE_CHANNEL_TIMEOUT
from rollup.derivation import channel_bank
from rollup.derivation.channel_bank import ChannelBank
from rollup.wire.frame import Frame


class Frames:
    """Frames of the current L1 block."""

    def __init__(self):
        self.frames = []

    def next_frame(self):
        return self.frames.pop(0) if self.frames else None


class Bench:
    """A channel bank whose L1 block and frames are set by hand."""

    def __init__(self):
        self.source = Frames()
        self.traversal = SimpleNamespace(origin=l1_block(0))
        self.bank = ChannelBank(bare_rollup_config(), self.traversal, self.source)

    def channels_of_block(self, number, text):
        """Feed "a0 a1!" (channel, number, last) in that L1 block; the channels completed in it."""
        self.traversal.origin = l1_block(number)
        for word in text.split():
            data = word.rstrip("!").encode()
            self.source.frames.append(
                Frame(word[0].encode() * 16, int(data[1:]), data, word.endswith("!"))
            )
        channels = []
        while (channel := self.bank.next_channel()) is not None:
            channels.append(channel.decode())
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


def test_channel_that_grows_too_large_is_dropped(monkeypatch):
    monkeypatch.setattr(channel_bank, "MAX_RLP_BYTES_PER_CHANNEL", 3 * 202 - 1)
    bench = Bench()
    assert bench.channels_of_block(1, "a0 a1 a2!") == []
    assert bench.channels_of_block(1, "b0 b1!") == ["b0b1"]
