"""Channel reader: a bad batch ends its channel, not the next one."""

from __future__ import annotations

import zlib

from chain import rlp
from rollup.derivation.channel_reader import ChannelReader
from rollup.wire.batch import SingularBatch


def batch(number):
    return SingularBatch(bytes(32), number, bytes(32), number, ())


def channel(*items):
    stream = b"".join(
        rlp.encode(item.encode() if isinstance(item, SingularBatch) else item) for item in items
    )
    return zlib.compress(stream)


class Channels:
    def __init__(self, *channels):
        self.channels = list(channels)

    def next_channel(self):
        return self.channels.pop(0) if self.channels else None


def drain(reader):
    numbers = []
    while (found := reader.next_batch()) is not None:
        numbers.append(found.timestamp)
    return numbers


def test_batches_of_several_channels_in_order():
    assert drain(ChannelReader(Channels(channel(batch(1), batch(2)), channel(batch(3))))) == [
        1, 2, 3,
    ]  # fmt: skip


def test_rest_of_a_channel_after_a_span_batch_is_dropped():
    source = Channels(channel(batch(1), b"\x01span", batch(2)), channel(batch(3)))
    assert drain(ChannelReader(source)) == [1, 3]


def test_channel_of_garbage_is_dropped():
    assert drain(ChannelReader(Channels(b"garbage", b"", channel(batch(3))))) == [3]


def test_dropping_the_channel_goes_on_with_the_next():
    reader = ChannelReader(Channels(channel(batch(1), batch(2)), channel(batch(3))))
    assert reader.next_batch() == batch(1)
    reader.drop_channel()
    assert drain(reader) == [3]
