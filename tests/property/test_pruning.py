"""A store that drops states keeps exactly what the kept states need, whatever the chain did."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from state_chains import block_changes, extend, genesis, reachable, state_records

from chain.heads import BlockId, Heads
from chain.state import State
from chain.storage import ChainStore, MemoryStore, Retention, StateNotKept, UnknownBlock
from chain.storage import pruning as pruning_module


class PowerFailure(Exception):
    """The machine stopped."""


class FailingStore(MemoryStore):
    """Takes a number of batches, then stops for good."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def write(self, puts, deletes=(), *, sync):
        if self.left == 0:
            raise PowerFailure
        self.left -= 1
        assert sync
        super().write(puts, deletes, sync=sync)


def needed(store, first=None) -> set[bytes]:
    """What the canonical states from a height on need."""
    found = set()
    heads = store.heads()
    for number in range(store.first_state if first is None else first, heads.unsafe.number + 1):
        found |= reachable(store, store.canonical_header(number).state_root)
    return found


def rewind(store, depth) -> None:
    """Move the unsafe head back, but not below what is finalized or kept."""
    heads = store.heads()
    lowest = max(store.first_state, heads.finalized.number)
    number = max(heads.unsafe.number - depth, lowest)
    store.set_heads(
        Heads(BlockId(number, store.canonical_hash(number)), heads.finalized, heads.finalized)
    )


def finalize(store, depth) -> None:
    heads = store.heads()
    number = max(heads.unsafe.number - depth, heads.finalized.number)
    final = BlockId(number, store.canonical_hash(number))
    store.set_heads(Heads(heads.unsafe, final, final))


def return_to(store, known, index) -> None:
    """Make a block stored earlier the head again, if that may be."""
    header = known[index % len(known)].header
    heads = store.heads()
    if header.number < heads.finalized.number or not store.keeps_state(header):
        return
    try:
        store.set_heads(
            Heads(BlockId(header.number, header.hash), heads.finalized, heads.finalized)
        )
    except UnknownBlock as error:
        assert "not on the chain" in str(error), error  # the finalized head is on another fork


steps = st.lists(
    st.one_of(
        st.tuples(st.just("extend"), block_changes, st.integers(0, 3)),
        st.tuples(st.just("extend"), block_changes, st.integers(0, 3)),
        st.tuples(st.just("warm"), st.lists(block_changes, max_size=5), st.just(0)),
        st.tuples(st.just("rewind"), st.integers(1, 6), st.just(0)),
        st.tuples(st.just("finalize"), st.integers(0, 4), st.just(0)),
        st.tuples(st.just("return"), st.integers(0, 50), st.just(0)),
    ),
    max_size=25,
)


def take(store, known, step) -> None:
    kind, first, second = step
    if kind == "extend":
        known.append(extend(store, first, second))
    elif kind == "warm":
        # One State serves several blocks, as in the engine.
        state = State.at(store, store.header(store.heads().unsafe.hash).state_root)
        for changes in first:
            known.append(extend(store, changes, state=state))
    elif kind == "rewind":
        rewind(store, first)
    elif kind == "finalize":
        finalize(store, first)
    else:
        return_to(store, known, first)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(1, 4), st.booleans())
def test_kept_states_are_whole_and_nothing_else_stays_in_the_end(run, blocks, follows):
    kv = MemoryStore()
    store = ChainStore(kv, retention=Retention(blocks, follows_finality=follows))
    known = [genesis(store)]
    for step in run:
        take(store, known, step)
        kept = [block for block in known if store.keeps_state(block.header)]
        for block in kept:
            reachable(store, block.header.state_root)
    # Go on until every fork has left the range that is kept; then nothing is left of it.
    for salt in range(max(block.number for block in known) + blocks + 3):
        finalize(store, 0)
        extend(store, [("balance", salt % 8, salt, 0)], 9)
    assert store.first_state == store.heads().unsafe.number - blocks
    assert state_records(kv) == needed(store)


@settings(max_examples=40, deadline=None)
@given(steps, st.integers(1, 4))
def test_pruned_chain_answers_as_an_archive_wherever_it_answers(run, blocks):
    archive = ChainStore(MemoryStore())
    pruned = ChainStore(MemoryStore(), retention=Retention(blocks))
    known, twins = [genesis(pruned)], [genesis(archive)]
    for step in run:
        take(pruned, known, step)
        if step[0] in ("extend", "warm"):
            take(archive, twins, step)
        else:
            archive.set_heads(pruned.heads())
        assert archive.heads() == pruned.heads()
        for block in known:
            if pruned.keeps_state(block.header):
                root = block.header.state_root
                assert reachable(pruned, root) == reachable(archive, root)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(1, 3), st.integers(2, 20))
def test_pruned_store_opens_whole_after_any_number_of_batches(run, blocks, batches):
    kv = FailingStore(batches)
    store = None
    try:
        store = ChainStore(kv, retention=Retention(blocks))
        known = [genesis(store)]
        for step in run:
            take(store, known, step)
    except PowerFailure:
        pass
    kv.left = 1_000
    again = ChainStore(kv, retention=Retention(blocks))
    if again.heads() is None:
        return
    needed(again)
    for salt in range(40):
        finalize(again, 0)
        extend(again, [("balance", salt % 8, salt, 0)], 9)
    assert state_records(kv) == needed(again)


def test_no_head_goes_back_to_where_states_are_dropped():
    store = ChainStore(MemoryStore(), retention=Retention(2, follows_finality=False))
    blocks = [genesis(store)]
    for salt in range(6):
        blocks.append(extend(store, [("balance", 1, salt, 0)]))
    assert store.first_state == 4
    final = BlockId(0, blocks[0].hash)
    with pytest.raises(StateNotKept, match="leaves the chain at block 3, but states below block 4"):
        store.set_heads(Heads(BlockId(3, blocks[3].hash), final, final))
    store.set_heads(Heads(BlockId(4, blocks[4].hash), final, final))
    assert not store.keeps_state(blocks[3].header)
    assert store.keeps_state(blocks[4].header)


def test_finality_that_lags_holds_states_and_is_caught_up_in_bounded_steps(monkeypatch):
    monkeypatch.setattr(pruning_module, "STEP_HEIGHTS", 3)
    store = ChainStore(MemoryStore(), retention=Retention(1))
    genesis(store)
    for salt in range(10):
        extend(store, [("balance", salt % 8, salt, 0)])
    assert store.first_state == 0
    finalize(store, 0)
    extend(store, [])
    assert store.first_state == 3
    for _ in range(3):
        extend(store, [])
    assert store.first_state == 10


def test_wiped_storage_goes_in_bounded_steps(monkeypatch):
    monkeypatch.setattr(pruning_module, "STEP_RECORDS", 5)
    kv = MemoryStore()
    store = ChainStore(kv, retention=Retention(1, follows_finality=False))
    genesis(store)
    extend(store, [("slot", 1, slot, 1) for slot in range(40)])
    whole = len(state_records(kv))
    extend(store, [("wipe", 1, 0, 0)])
    sizes = []
    for _ in range(20):
        extend(store, [])
        sizes.append(len(state_records(kv)))
    assert whole > 50
    assert sizes[0] == whole
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) > 8
    assert state_records(kv) == needed(store)
