"""The batch queue before Holocene: any order, whole spans, and what waits for its time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from derivation_stages import (
    GivenBatches,
    L2Blocks,
    batch_after,
    config_at,
    l2_ref,
    listening,
    rules_of,
    span_after,
    standing_at,
)
from l1_blocks import l1_chain

from rollup.derivation.batch_provider import BatchProvider
from rollup.derivation.forks import ForkSchedule

WINDOW = 10
CHAIN = l1_chain(40)


class Bench:
    """A batch provider that has been fed L1 blocks 0 to `origin`."""

    def __init__(self, parent, origin, *, fork="granite", later=None, resume_after=0):
        self.config = config_at(fork, later=later, l1_genesis=CHAIN[0], window=WINDOW)
        self.source = GivenBatches(self.config)
        self.traversal = standing_at(CHAIN[0])
        self.journal = listening()
        self.provider = BatchProvider(
            self.config,
            ForkSchedule(self.config),
            L2Blocks(),
            self.traversal,
            self.source,
            self.journal,
            resume_after=resume_after,
        )
        for number in range(origin):
            self.traversal.origin = CHAIN[number]
            assert self.provider.next_batch(parent) is None
        self.traversal.origin = CHAIN[origin]
        self.feed = self.source.feed

    def next(self, parent):
        return self.provider.next_batch(parent)

    def after(self, parent, origin=None, **changes):
        return batch_after(self.config, CHAIN, parent, origin, **changes)

    def span(self, parent, epochs, **options):
        return span_after(self.config, CHAIN, parent, epochs, **options)


def child(parent, batch):
    """The block that was built from a batch."""
    return replace(
        parent,
        number=parent.number + 1,
        hash=bytes((parent.number + 1,)) * 32,
        parent_hash=parent.hash,
        timestamp=batch.timestamp,
        l1_origin=CHAIN[batch.epoch_number].ref.id,
    )


def test_batches_in_the_wrong_order_wait_for_their_time():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7)
    first = bench.after(parent)
    second = bench.after(child(parent, first))
    bench.feed([second], [first])
    assert bench.next(parent).batch == first
    assert bench.next(child(parent, first)).batch == second
    assert rules_of(bench.journal) == ["BATCH_FUTURE", "BATCH_ACCEPTED", "BATCH_ACCEPTED"]


def test_batch_of_an_earlier_l1_block_waits_for_one_of_a_later():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7)
    first = bench.after(parent)
    second = bench.after(child(parent, first))
    bench.feed([second])
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[8]
    bench.feed([first])
    assert bench.next(parent).batch == first
    assert bench.next(child(parent, first)).batch == second


def test_first_of_two_that_fit_is_taken_and_bad_ones_leave_their_channel_alone():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7)
    bad = bench.after(parent, epoch_hash=bytes(32))
    first, second = bench.after(parent), bench.after(parent, transactions=())
    bench.feed([bad, first, second])
    assert bench.next(parent).batch == first


def test_another_batch_for_the_same_time_is_the_next_try():
    """The first gives an invalid block: derivation goes on from the same parent."""
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7)
    first, second = bench.after(parent), bench.after(parent, transactions=())
    bench.feed([first, second])
    assert bench.next(parent).batch == first
    assert bench.next(parent).batch == second
    assert bench.next(parent) is None


def test_blocks_of_a_span_conclude_with_the_last():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 8)
    bench.feed([bench.span(parent, [5, 5, 5])])
    concludes = []
    while (found := bench.next(parent)) is not None:
        assert found.batch.parent_hash == parent.hash
        concludes.append(found.concludes)
        parent = child(parent, found.batch)
    assert concludes == [False, False, True]


def test_span_is_undone_when_a_block_of_it_was_not_built():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 8)
    bench.feed([bench.span(parent, [5, 5, 5]), bench.after(parent)])
    first = bench.next(parent)
    bench.next(child(parent, first.batch))
    # the second block is invalid: back to the safe head, and on with the next batch
    assert bench.next(parent).batch == bench.after(parent)


def test_batch_that_moves_to_an_l1_block_not_known_waits_for_it():
    parent = l2_ref(CHAIN, 5, timestamp=CHAIN[6].timestamp - 2)
    bench = Bench(parent, 5)
    bench.feed([bench.after(parent, 6)])
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[6]
    assert bench.next(parent).batch == bench.after(parent, 6)


def test_span_ahead_of_l1_waits_for_it():
    parent = l2_ref(CHAIN, 5, timestamp=CHAIN[7].timestamp)
    bench = Bench(parent, 6)
    bench.feed([bench.span(parent, [5, 6, 7])])
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[7]
    assert bench.next(parent).batch.epoch_number == 5


def test_window_counts_from_the_block_that_completed_the_batch_not_from_now():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 5 + WINDOW - 1)
    first = bench.after(parent)
    second = bench.after(child(parent, first), transactions=())
    bench.feed([second])
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[5 + WINDOW]
    empty = bench.next(parent)
    assert empty.batch == bench.after(parent, transactions=())
    assert rules_of(bench.journal)[-1] == "EMPTY_BATCH"


def test_batches_gathered_before_a_restart_are_gathered_again():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7, resume_after=8)
    first = bench.after(parent)
    second = bench.after(child(parent, first))
    bench.feed([second])
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[8]
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[9]
    bench.feed([first])
    assert bench.next(parent).batch == first
    assert bench.next(child(parent, first)).batch == second


def test_batches_from_before_the_safe_heads_origin_are_not_gathered():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 4)
    bench.feed([bench.after(parent)])
    for number in (4, 5, 6, 7):
        bench.traversal.origin = CHAIN[number]
        assert bench.next(parent) is None


def test_holocene_forgets_the_batches_that_wait():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7, later={"holocene": CHAIN[8].timestamp})
    first = bench.after(parent)
    bench.feed([bench.after(child(parent, first))])
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[8]
    bench.feed([first])
    assert bench.next(parent).batch == first
    assert bench.next(child(parent, first)) is None


@pytest.mark.parametrize("fork", ["bedrock", "delta", "granite"])
def test_empty_batches_fill_the_epoch_when_its_window_is_over(fork):
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 5 + WINDOW, fork=fork)
    assert bench.next(parent).batch == bench.after(parent, transactions=())
