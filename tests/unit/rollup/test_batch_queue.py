"""Batch queue: which batch may follow the safe head, and what fills in when none comes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from l1_blocks import L1_GENESIS_TIME, bare_rollup_config, l1_block, l1_chain

from chain.errors import Recovery
from chain.heads import L2BlockRef
from rollup.derivation.batch_queue import BatchQueue, BatchVerdict, check_batch
from rollup.derivation.errors import ReorgDetected
from rollup.wire.batch import SingularBatch

WINDOW = 10
CHAIN = l1_chain(40)
CONFIG = bare_rollup_config(l1_genesis=CHAIN[0], window=WINDOW)
DRIFT = 1800


def l2_ref(origin=0, *, number=10, timestamp=None, sequence_number=0):
    """A safe head on an L1 origin; its time is that of the origin unless given."""
    return L2BlockRef(
        number=number,
        hash=b"\x77" * 32,
        parent_hash=b"\x76" * 32,
        timestamp=CHAIN[origin].timestamp if timestamp is None else timestamp,
        l1_origin=CHAIN[origin].ref.id,
        sequence_number=sequence_number,
    )


def batch_after(parent, origin=None, **changes):
    epoch = CHAIN[parent.l1_origin.number if origin is None else origin]
    batch = SingularBatch(
        parent_hash=parent.hash,
        epoch_number=epoch.number,
        epoch_hash=epoch.hash,
        timestamp=parent.timestamp + CONFIG.block_time,
        transactions=(b"\x02tx",),
    )
    return replace(batch, **changes)


def judge(parent, batch, *, inclusion=None, epochs=None):
    number = parent.l1_origin.number
    epoch, following = epochs or (CHAIN[number].ref, CHAIN[number + 1].ref)
    inclusion = number + 2 if inclusion is None else inclusion
    return check_batch(CONFIG, parent, batch, epoch, following, inclusion)


def test_fitting_batch_is_accepted():
    parent = l2_ref(5)
    assert judge(parent, batch_after(parent)) == (BatchVerdict.ACCEPT, "")


def test_batch_of_the_next_epoch_is_accepted_once_its_time_has_come():
    parent = l2_ref(5, timestamp=CHAIN[6].timestamp - 2)
    assert judge(parent, batch_after(parent, 6))[0] is BatchVerdict.ACCEPT


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"timestamp": CHAIN[5].timestamp}, BatchVerdict.PAST, "is before"),
        ({"timestamp": 0, "parent_hash": bytes(32)}, BatchVerdict.PAST, "is before"),
        ({"timestamp": CHAIN[5].timestamp + 4}, BatchVerdict.DROP, "is after"),
        ({"parent_hash": bytes(32)}, BatchVerdict.DROP, "parent 0x00"),
        ({"epoch_hash": bytes(32)}, BatchVerdict.DROP, "epoch hash 0x00"),
        ({"epoch_number": 4}, BatchVerdict.DROP, "epoch 4 is neither 5 nor 6"),
        ({"epoch_number": 7}, BatchVerdict.DROP, "epoch 7 is neither 5 nor 6"),
        ({"transactions": (b"\x02tx", b"")}, BatchVerdict.DROP, "transaction 1 is empty"),
        ({"transactions": (b"\x7edeposit",)}, BatchVerdict.DROP, "transaction 0 is a deposit"),
    ],
)
def test_batch_that_does_not_fit(changes, verdict, reason):
    parent = l2_ref(5)
    found, why = judge(parent, batch_after(parent, **changes))
    assert found is verdict
    assert reason in why


def test_batch_of_the_next_epoch_before_its_time_is_dropped():
    parent = l2_ref(5)
    assert "before its L1 origin's" in judge(parent, batch_after(parent, 6))[1]


def test_last_l1_block_of_the_sequencing_window_counts():
    parent = l2_ref(5)
    assert judge(parent, batch_after(parent), inclusion=5 + WINDOW)[0] is BatchVerdict.ACCEPT
    verdict, reason = judge(parent, batch_after(parent), inclusion=6 + WINDOW)
    assert verdict is BatchVerdict.DROP
    assert "window of epoch 5" in reason


class TestDrift:
    """Times around L1 origin 0's drift limit, with a next origin that may come late."""

    AT_LIMIT = L1_GENESIS_TIME + DRIFT

    def judge(self, timestamp, *, next_origin_time, transactions=(), origin=0):
        following = l1_block(1, CHAIN[0].hash, time=next_origin_time).ref
        parent = l2_ref(0, timestamp=timestamp - CONFIG.block_time)
        epoch = (CHAIN[0].ref, following)[origin]
        batch = SingularBatch(parent.hash, epoch.number, epoch.hash, timestamp, transactions)
        return judge(parent, batch, epochs=(CHAIN[0].ref, following))[0]

    def test_transactions_are_allowed_up_to_the_limit(self):
        late = self.AT_LIMIT + 100
        accept = self.judge(self.AT_LIMIT, next_origin_time=late, transactions=(b"\x02",))
        drop = self.judge(self.AT_LIMIT + 2, next_origin_time=late, transactions=(b"\x02",))
        assert (accept, drop) == (BatchVerdict.ACCEPT, BatchVerdict.DROP)

    def test_empty_batch_past_the_limit_is_allowed_while_the_next_origin_is_not_due(self):
        past = self.AT_LIMIT + 2
        assert self.judge(past, next_origin_time=past + 1) is BatchVerdict.ACCEPT
        assert self.judge(past, next_origin_time=past) is BatchVerdict.DROP

    def test_moving_on_to_the_next_origin_ends_the_drift(self):
        past = self.AT_LIMIT + 2
        verdict = self.judge(past, next_origin_time=past, transactions=(b"\x02",), origin=1)
        assert verdict is BatchVerdict.ACCEPT


class Batches:
    """A channel reader with batches put in by hand; a list stands for one channel."""

    def __init__(self):
        self.channels = []

    def next_batch(self):
        while self.channels:
            if self.channels[0]:
                return self.channels[0].pop(0)
            self.channels.pop(0)
        return None

    def drop_channel(self):
        if self.channels:
            self.channels[0].clear()


class Bench:
    """A batch queue that has been fed L1 blocks 0 to `origin`."""

    def __init__(self, parent, origin, *, resume_after=0, chain=CHAIN):
        self.source = Batches()
        self.chain = chain
        self.traversal = SimpleNamespace(origin=chain[0])
        self.queue = BatchQueue(CONFIG, self.traversal, self.source, resume_after=resume_after)
        for number in range(origin):
            self.traversal.origin = chain[number]
            assert self.queue.next_batch(parent) is None
        self.traversal.origin = chain[origin]

    def feed(self, *channels):
        self.source.channels.extend([list(channel) for channel in channels])


def test_past_batches_are_skipped_within_their_channel():
    parent = l2_ref(5)
    bench = Bench(parent, 7)
    fitting = batch_after(parent)
    bench.feed([batch_after(parent, timestamp=parent.timestamp - 2), fitting])
    assert bench.queue.next_batch(parent) == fitting


def test_bad_batch_takes_the_rest_of_its_channel_with_it():
    parent = l2_ref(5)
    bench = Bench(parent, 7)
    bad, good, better = (
        batch_after(parent, parent_hash=bytes(32)),
        batch_after(parent),
        batch_after(parent, transactions=()),
    )
    bench.feed([bad, good], [better])
    assert bench.queue.next_batch(parent) == better


def test_batches_in_blocks_up_to_the_parents_origin_are_ignored():
    parent = l2_ref(5)
    bench = Bench(parent, 5)
    bench.feed([batch_after(parent)])
    assert bench.queue.next_batch(parent) is None
    assert bench.source.next_batch() is None


def test_batches_in_blocks_derived_before_a_reset_are_ignored():
    parent = l2_ref(5)
    bench = Bench(parent, 8, resume_after=8)
    bench.feed([batch_after(parent)])
    assert bench.queue.next_batch(parent) is None
    bench.traversal.origin = CHAIN[9]
    bench.feed([batch_after(parent)])
    assert bench.queue.next_batch(parent) == batch_after(parent)


def test_no_empty_batch_within_the_sequencing_window():
    parent = l2_ref(5)
    assert Bench(parent, 5 + WINDOW - 1).queue.next_batch(parent) is None


def test_empty_batches_fill_the_epoch_when_its_window_is_over():
    parent = l2_ref(5)
    bench = Bench(parent, 5 + WINDOW)
    assert bench.queue.next_batch(parent) == batch_after(parent, transactions=())


def test_batch_in_the_last_block_of_the_window_comes_before_the_empty_one():
    parent = l2_ref(5)
    bench = Bench(parent, 5 + WINDOW)
    bench.feed([batch_after(parent)])
    assert bench.queue.next_batch(parent) == batch_after(parent)


def test_next_epoch_is_filled_only_when_its_own_window_is_over():
    parent = l2_ref(5, timestamp=CHAIN[6].timestamp - 2)
    bench = Bench(parent, 5 + WINDOW)
    assert bench.queue.next_batch(parent) is None
    bench.traversal.origin = CHAIN[6 + WINDOW]
    assert bench.queue.next_batch(parent) == batch_after(parent, 6, transactions=())


def test_parent_on_another_l1_fork_is_a_reorg():
    fork = l1_chain(12, salt=1)
    parent = l2_ref(5)
    bench = Bench(parent, 5, chain=fork)
    assert bench.queue.next_batch(parent) is None
    bench.traversal.origin = fork[6]
    with pytest.raises(ReorgDetected, match="has L1 origin 5") as caught:
        bench.queue.next_batch(parent)
    assert caught.value.recovery is Recovery.RESET
