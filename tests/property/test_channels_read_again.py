"""Who reads L1 again from where the bank says has its channels, whatever ids come again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from derivation_stages import Given, config_at, listening, place, standing_at
from hypothesis import example, given
from hypothesis import strategies as st
from l1_blocks import l1_block

from rollup.derivation import frame_runs
from rollup.derivation.channel_stage import ChannelStage
from rollup.derivation.forks import ForkSchedule
from rollup.derivation.frame_queue import PlacedFrame
from rollup.wire.frame import Frame

TIMEOUT = 3
BLOCKS = [l1_block(number) for number in range(60)]

frame_lists = st.lists(
    st.builds(
        Frame,
        st.sampled_from([bytes((index,)) * 16 for index in range(4)]),
        st.integers(0, 2),
        st.binary(min_size=1, max_size=2),
        st.booleans(),
    ),
    max_size=3,
)
A, B = b"\xaa" * 16, b"\xbb" * 16
# Read from block 3 on, a is open for longer than it was, and keeps b back.
AN_ENDED_RUN = [
    [], [], [Frame(A, 0, b"x", False)], [Frame(A, 0, b"x", False)],
    [Frame(B, 0, b"x", True)], [], [], [Frame(A, 0, b"x", False)],
]  # fmt: skip
chains = st.lists(frame_lists, min_size=8, max_size=30)


class Reader:
    """A channel stage that goes through L1 block by block, and begins again where it is told to."""

    def __init__(self, fork, chain, lag):
        self.config = replace(config_at(fork), channel_timeout=TIMEOUT)
        self.chain = chain
        self.lag = lag
        self.begin()

    def begin(self):
        self.source, self.traversal = Given(), standing_at(BLOCKS[0])
        schedule = ForkSchedule(self.config)
        self.stage = ChannelStage(self.source, self.traversal, schedule, listening())

    def read(self, number, needed_from):
        """The channels that an L1 block completes, and from where to read again."""
        self.traversal.origin = BLOCKS[number]
        self.source.items = [PlacedFrame(frame, place()) for frame in self.chain[number]]
        found = []
        while (channel := self.stage.next_channel()) is not None:
            found.append((channel.channel_id, channel.data))
        return found, self.stage.reread_from(needed_from)

    def needed_from(self, number):
        """Where batches may still wait: behind what is read, as the safe head's L1 origin is."""
        return max(0, number - self.lag)

    def begin_again(self, number, reread_from, earlier):
        """The channels of the blocks up to `number` that may still matter, read again."""
        needed_from = self.needed_from(number)
        first = needed_from - TIMEOUT - 1
        if reread_from is not None:
            first = min(first, reread_from)
        first = max(0, first - earlier)
        self.begin()
        found = {}
        for again in range(first, number + 1):
            found[again], reread_from = self.read(again, needed_from)
        return {n: found[n] for n in found if n >= needed_from}, reread_from


def check(fork, chain, restarts, lag, earlier):
    straight, interrupted = Reader(fork, chain, lag), Reader(fork, chain, lag)
    full = {}
    for number in range(len(chain)):
        needed_from = straight.needed_from(number)
        full[number], _ = straight.read(number, needed_from)
        found, reread_from = interrupted.read(number, needed_from)
        assert found == full[number], number
        if number in restarts:
            again, reread_from = interrupted.begin_again(number, reread_from, earlier)
            assert again == {n: full[n] for n in again}, number


arguments = {
    "chain": chains,
    "restarts": st.sets(st.integers(0, 29)),
    "lag": st.integers(0, 4),
    "earlier": st.integers(0, 2),
}


@pytest.mark.parametrize("fork", ["regolith", "canyon"])
@example(chain=AN_ENDED_RUN, restarts={7}, lag=0, earlier=0)
@given(**arguments)
def test_channels_are_those_of_a_full_reading(fork, chain, restarts, lag, earlier):
    check(fork, chain, restarts, lag, earlier)


@pytest.mark.parametrize("fork", ["regolith", "canyon"])
@given(**arguments)
def test_a_full_bank_and_too_many_ids_change_nothing(fork, chain, restarts, lag, earlier):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame_runs, "MAX_RUNS", 2)
        rules = ForkSchedule.l1
        patch.setattr(
            ForkSchedule, "l1", lambda self, time: replace(rules(self, time), max_bank_bytes=650)
        )
        check(fork, chain, restarts, lag, earlier)


def test_an_id_used_once_asks_for_no_more_than_its_channel():
    chain = [[] for _ in range(40)]
    for number in (30, 31, 32):
        chain[number] = [Frame(b"\x01" * 16, number - 30, b"x", number == 32)]
    reader = Reader("canyon", chain, lag=0)
    said = [reader.read(number, number)[1] for number in range(40)]
    assert said == [None] * 30 + [30] * 7 + [None] * 3
