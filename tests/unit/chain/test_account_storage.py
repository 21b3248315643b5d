"""What a machine sees of an account's slots: hot ones, originals, and both after a revert."""

from __future__ import annotations

from chain.state import MemoryStateStore, State
from chain.types import Address
from chain.watched_state import WatchedState

ACCOUNT = Address(b"\xaa" * 20)


def stored(value: int, kind: type[State] = State) -> State:
    """A state whose account holds a value in slot 1, at the start of a transaction."""
    store = MemoryStateStore()
    state = State(store)
    state.set_nonce(ACCOUNT, 1)
    state.set_storage(ACCOUNT, 1, value)
    store.add(state.take_changes())
    return kind(store, state.root)


def test_a_slot_is_cold_once_and_hot_from_then_on():
    state = stored(7)
    storage = state.storage_of(ACCOUNT)
    assert state.access_slot(storage, 1)
    assert storage.hot == {1: 7}
    assert not state.access_slot(storage, 1)


def test_a_slot_of_the_access_list_is_warm_before_it_is_hot():
    state = stored(7)
    state.warm_slot(ACCOUNT, 1)
    storage = state.storage_of(ACCOUNT)
    assert storage.hot == {}
    assert not state.access_slot(storage, 1)
    assert storage.hot == {1: 7}


def test_a_revert_makes_a_slot_cold_and_takes_back_what_was_written():
    state = stored(7)
    storage = state.storage_of(ACCOUNT)
    checkpoint = state.checkpoint()
    state.access_slot(storage, 1)
    state.write_slot(storage, 1, 8, 7)
    assert storage.hot == {1: 8}
    state.revert(checkpoint)
    assert storage.hot == {}
    assert not state.is_slot_warm(ACCOUNT, 1)
    assert state.get_storage(ACCOUNT, 1) == 7


def test_a_revert_to_behind_the_access_leaves_the_slot_hot_with_its_old_value():
    state = stored(7)
    storage = state.storage_of(ACCOUNT)
    state.access_slot(storage, 1)
    checkpoint = state.checkpoint()
    state.set_storage(ACCOUNT, 1, 8)
    assert storage.hot == {1: 8}
    state.revert(checkpoint)
    assert storage.hot == {1: 7}


def test_the_next_transaction_finds_nothing_hot_and_the_present_as_the_original():
    state = stored(7)
    storage = state.storage_of(ACCOUNT)
    state.access_slot(storage, 1)
    state.write_slot(storage, 1, 8, 7)
    assert storage.original(1) == 7
    state.begin_transaction()
    assert storage.hot == {}
    assert storage.original(1) == 8


def test_a_wiped_slot_still_has_its_original_until_the_transaction_ends():
    state = stored(7)
    state.set_storage(ACCOUNT, 1, 8)
    state.clear_storage(ACCOUNT)
    state.clear_storage(ACCOUNT)
    assert state.get_storage(ACCOUNT, 1) == 0
    assert state.get_original_storage(ACCOUNT, 1) == 7
    state.begin_transaction()
    assert state.get_original_storage(ACCOUNT, 1) == 0


def test_a_root_in_the_middle_of_a_transaction_changes_nothing_for_the_machine():
    state = stored(7)
    storage = state.storage_of(ACCOUNT)
    state.access_slot(storage, 1)
    checkpoint = state.checkpoint()
    state.write_slot(storage, 1, 8, 7)
    before = state.compute_root()
    assert (storage.hot, storage.original(1)) == ({1: 8}, 7)
    state.revert(checkpoint)
    assert state.compute_root() != before
    state.write_slot(storage, 1, 8, 7)
    assert state.compute_root() == before


def test_a_watched_state_notes_a_slot_that_a_machine_accesses():
    state = stored(7, WatchedState)
    state.watch()
    storage = state.storage_of(ACCOUNT)
    state.access_slot(storage, 1)
    state.write_slot(storage, 1, 8, 7)
    assert state.seen[ACCOUNT].slots == {1: 7}
