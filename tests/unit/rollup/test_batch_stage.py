"""The batch stage since Holocene: strict order, spans block by block, empty batches at the end."""

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

from chain.errors import Recovery
from rollup.derivation.batch_provider import BatchProvider
from rollup.derivation.errors import ReorgDetected
from rollup.derivation.forks import ForkSchedule

WINDOW = 10
CHAIN = l1_chain(40)
CONFIG = config_at("isthmus", l1_genesis=CHAIN[0], window=WINDOW)


def fitting(parent, origin=None, **changes):
    return batch_after(CONFIG, CHAIN, parent, origin, **changes)


class Bench:
    """A batch provider that has been fed L1 blocks 0 to `origin`."""

    def __init__(self, parent, origin, *, resume_after=0, chain=CHAIN):
        self.source = GivenBatches(CONFIG)
        self.traversal = standing_at(chain[0])
        self.journal = listening()
        self.provider = BatchProvider(
            CONFIG,
            ForkSchedule(CONFIG),
            L2Blocks(),
            self.traversal,
            self.source,
            self.journal,
            resume_after=resume_after,
        )
        for number in range(origin):
            self.traversal.origin = chain[number]
            assert self.next(parent) is None
        self.traversal.origin = chain[origin]
        self.feed = self.source.feed

    def next(self, parent):
        found = self.provider.next_batch(parent)
        assert found is None or found.concludes
        return None if found is None else found.batch


def child(parent):
    """The block built from a batch after parent, on the same origin."""
    return replace(parent, number=parent.number + 1, timestamp=parent.timestamp + 2)


def test_past_batches_are_skipped_within_their_channel():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7)
    bench.feed([fitting(parent, timestamp=parent.timestamp - 2), fitting(parent)])
    assert bench.next(parent) == fitting(parent)
    assert rules_of(bench.journal) == ["BATCH_PAST", "BATCH_ACCEPTED"]


def test_bad_batch_takes_the_rest_of_its_channel_with_it():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7)
    bad, better = fitting(parent, parent_hash=bytes(32)), fitting(parent, transactions=())
    bench.feed([bad, fitting(parent)], [better])
    assert bench.next(parent) == better


def test_batch_that_leaves_a_gap_takes_the_rest_of_its_channel_with_it():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 7)
    bench.feed([fitting(parent, timestamp=parent.timestamp + 4), fitting(parent)])
    assert bench.next(parent) is None
    assert rules_of(bench.journal) == ["BATCH_GAP"]


def test_batches_in_blocks_up_to_the_parents_origin_are_ignored():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 5)
    bench.feed([fitting(parent)])
    assert bench.next(parent) is None
    assert bench.source.next_batch() is None


def test_batches_in_blocks_derived_before_a_reset_are_ignored():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 8, resume_after=8)
    bench.feed([fitting(parent)])
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[9]
    bench.feed([fitting(parent)])
    assert bench.next(parent) == fitting(parent)


def test_no_empty_batch_within_the_sequencing_window():
    parent = l2_ref(CHAIN, 5)
    assert Bench(parent, 5 + WINDOW - 1).next(parent) is None


def test_empty_batches_fill_the_epoch_when_its_window_is_over():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 5 + WINDOW)
    assert bench.next(parent) == fitting(parent, transactions=())
    assert rules_of(bench.journal) == ["EMPTY_BATCH"]


def test_batch_in_the_last_block_of_the_window_comes_before_the_empty_one():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 5 + WINDOW)
    bench.feed([fitting(parent)])
    assert bench.next(parent) == fitting(parent)


def test_next_epoch_is_filled_only_when_its_own_window_is_over():
    parent = l2_ref(CHAIN, 5, timestamp=CHAIN[6].timestamp - 2)
    bench = Bench(parent, 5 + WINDOW)
    assert bench.next(parent) is None
    bench.traversal.origin = CHAIN[6 + WINDOW]
    assert bench.next(parent) == fitting(parent, 6, transactions=())


def test_parent_on_another_l1_fork_is_a_reorg():
    fork = l1_chain(12, salt=1)
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 5, chain=fork)
    assert bench.next(parent) is None
    bench.traversal.origin = fork[6]
    with pytest.raises(ReorgDetected, match="has L1 origin 5") as caught:
        bench.next(parent)
    assert caught.value.recovery is Recovery.RESET


def test_span_is_given_out_block_by_block_on_whatever_was_built():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 8)
    bench.feed([span_after(CONFIG, CHAIN, parent, [5, 5, 5])])
    for step in range(3):
        ref = replace(child(parent), hash=bytes((step,)) * 32)
        found = bench.next(parent)
        assert (found.parent_hash, found.timestamp) == (parent.hash, parent.timestamp + 2)
        assert found.epoch_hash == CHAIN[5].hash
        parent = ref
    assert bench.next(parent) is None
    assert rules_of(bench.journal) == ["SPAN_ACCEPTED", *["BATCH_ACCEPTED"] * 3]


def test_bad_block_of_a_span_leaves_those_before_it_and_drops_the_channel():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 9)
    span = span_after(CONFIG, CHAIN, parent, [5, 5, 6, 6])  # L1 block 6 is not due yet
    bench.feed([span, fitting(child(child(parent)))])
    assert bench.next(parent).epoch_number == 5
    parent = child(parent)
    assert bench.next(parent).epoch_number == 5
    assert bench.next(child(parent)) is None
    assert rules_of(bench.journal)[-2:] == ["BEFORE_ORIGIN", "SPAN_REST"]


def test_invalid_block_of_a_span_drops_the_rest_of_the_span():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 9)
    bench.feed([span_after(CONFIG, CHAIN, parent, [5, 5, 5])])
    assert bench.next(parent) is not None
    bench.provider.drop_channel()
    assert bench.next(child(parent)) is None


def test_span_before_its_time_takes_the_channel_with_it():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 9)
    bench.feed([span_after(CONFIG, CHAIN, parent, [5, 5], first=1), fitting(parent)])
    assert bench.next(parent) is None
    assert rules_of(bench.journal) == ["BATCH_GAP"]


def test_past_span_is_skipped_within_its_channel():
    parent = l2_ref(CHAIN, 5)
    bench = Bench(parent, 9)
    bench.feed([span_after(CONFIG, CHAIN, parent, [5, 5], first=-2), fitting(parent)])
    assert bench.next(parent) == fitting(parent)
    assert rules_of(bench.journal) == ["BATCH_PAST", "BATCH_ACCEPTED"]
