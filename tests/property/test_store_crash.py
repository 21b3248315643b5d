"""Whatever batch was the last to reach the disk, the store opens as a whole chain."""

from __future__ import annotations

import pytest
from blocks import assert_consistent, grow, identity, next_block
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.heads import Heads
from chain.storage import ChainStore, MemoryStore


class PowerFailure(Exception):
    """The machine stopped."""


class FailingStore(MemoryStore):
    """Takes a number of batches, then stops for good, as a killed process does."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def write(self, puts, deletes=(), *, sync):
        if self.left == 0:
            raise PowerFailure
        self.left -= 1
        assert sync, "a batch that is not synced may be lost after the next one is reported"
        super().write(puts, deletes, sync=sync)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 3), st.integers(0, 3)),
        st.tuples(st.just("rewind"), st.integers(0, 4), st.integers(0, 4)),
        st.tuples(st.just("side"), st.integers(0, 4), st.integers(4, 6)),
        st.tuples(st.just("return"), st.integers(0, 30), st.just(0)),
    ),
    max_size=12,
)


def ancestor(store, depth):
    number = max(store.heads().unsafe.number - depth, store.heads().finalized.number)
    return store.block(store.canonical_hash(number))


def take(store, known, step) -> None:
    """Move the chain by one step; `known` collects all blocks ever stored."""
    name, first, second = step
    tip = ancestor(store, 0)
    genesis = store.heads().finalized
    if name == "grow":
        known.extend(grow(store, tip, first, salt=second))
    elif name == "rewind":
        target = ancestor(store, first)
        safe = ancestor(store, first + second)
        store.set_heads(Heads(identity(target), identity(safe), genesis))
    elif name == "side":
        block, *rest = next_block(store, ancestor(store, first), salt=second)
        store.commit(block, *rest, None)
        known.append(block)
    else:
        store.set_heads(Heads(identity(known[first % len(known)]), genesis, genesis))


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 20))
def test_store_opens_consistent_after_any_number_of_batches(run, batches):
    kv = FailingStore(batches)
    reported = None
    try:
        store = ChainStore(kv)
        known = grow(store, None, 1)
        for step in run:
            reported = store.heads()
            take(store, known, step)
    except PowerFailure:
        pass
    else:
        reported = store.heads()
    kv.left = 2
    again = ChainStore(kv)
    assert_consistent(again)
    if reported is not None:
        # Nothing that was reported as done is lost, even if the chain went on from there.
        assert again.block(reported.unsafe.hash).number == reported.unsafe.number


@settings(max_examples=60, deadline=None)
@given(steps)
def test_any_run_of_growth_rewinds_and_returns_keeps_the_index_true(run):
    store = ChainStore(MemoryStore())
    known = grow(store, None, 1)
    for step in run:
        before = {}
        number = 0
        while (found := store.canonical_hash(number)) is not None:
            before[number] = found
            number += 1
        take(store, known, step)
        assert_consistent(store)
    assert store.heads().finalized.number == 0


def test_failed_write_leaves_heads_as_they_were():
    kv = FailingStore(4)
    store = ChainStore(kv)
    chain = grow(store, None, 3)
    before = store.heads()
    with pytest.raises(PowerFailure):
        grow(store, chain[-1], 1)
    assert store.heads() == before
    assert_consistent(store)
