"""State where the model does not reach: limits, missing data, wiping and re-creating, proofs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chain.account import EMPTY_CODE_HASH, Account, decode_account
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.state import MemoryStateStore, MissingCode, State, StateChanges, StateError
from chain.storage import ChainStore, LevelStore
from chain.trie import EMPTY_ROOT, MissingNode, verify_proof
from chain.types import Address, Hash32

ALICE = Address(b"\xaa" * 20)
BOB = Address(b"\xbb" * 20)
NOBODY = Address(b"\xee" * 20)


def stored(change) -> tuple[MemoryStateStore, Hash32]:
    """A store with the state that `change` makes."""
    store = MemoryStateStore()
    state = State(store)
    change(state)
    changes = state.take_changes()
    store.add(changes)
    return store, changes.root


@pytest.fixture
def state():
    return State(MemoryStateStore())


def test_account_that_does_not_exist_reads_as_empty(state):
    assert (state.get_balance(NOBODY), state.get_nonce(NOBODY), state.get_code(NOBODY)) == (
        0,
        0,
        b"",
    )
    assert state.get_code_hash(NOBODY) == EMPTY_CODE_HASH
    assert state.get_storage(NOBODY, 1) == 0
    assert state.storage_root(NOBODY) == EMPTY_ROOT
    assert state.is_empty(NOBODY)
    assert not state.account_exists(NOBODY)
    assert state.get_account(NOBODY) is None
    assert state.take_changes() == StateChanges(EMPTY_ROOT, {}, {})


def test_account_is_empty_by_nonce_balance_and_code_whatever_its_storage(state):
    state.set_storage(ALICE, 1, 1)
    assert state.account_exists(ALICE)
    assert state.is_empty(ALICE)
    for change in (
        lambda: state.set_nonce(ALICE, 1),
        lambda: state.set_balance(ALICE, 1),
        lambda: state.set_code(ALICE, b"\x00"),
    ):
        checkpoint = state.checkpoint()
        change()
        assert not state.is_empty(ALICE)
        state.revert(checkpoint)
        assert state.is_empty(ALICE)


def test_touched_account_is_part_of_the_root_until_it_is_deleted(state):
    state.touch(ALICE)
    assert state.compute_root() != EMPTY_ROOT
    state.delete_account(ALICE)
    assert state.compute_root() == EMPTY_ROOT


@pytest.mark.parametrize("value", [-1, 2**256])
def test_number_that_no_account_can_hold_is_refused_and_changes_nothing(state, value):
    for attempt in (
        lambda: state.set_balance(ALICE, value),
        lambda: state.set_nonce(ALICE, value),
        lambda: state.set_storage(ALICE, 0, value),
        lambda: state.set_storage(ALICE, value, 1),
    ):
        with pytest.raises(StateError, match=ALICE.hex()):
            attempt()
    assert not state.account_exists(ALICE)
    assert state.compute_root() == EMPTY_ROOT


def test_checkpoint_that_is_not_open_is_refused(state):
    outer = state.checkpoint()
    state.set_balance(ALICE, 1)
    inner = state.checkpoint()
    state.revert(outer)
    with pytest.raises(StateError, match="not open"):
        state.revert(inner)
    with pytest.raises(StateError, match="not open"):
        state.commit(inner)
    with pytest.raises(StateError, match="not open"):
        state.revert(-1)


def test_destroyed_and_recreated_contract_starts_with_no_storage():
    store, root = stored(lambda state: [state.set_storage(ALICE, slot, 7) for slot in range(5)])
    state = State.at(store, root)
    assert state.get_storage(ALICE, 1) == 7
    state.delete_account(ALICE)
    assert state.get_storage(ALICE, 1) == state.get_storage(ALICE, 2) == 0
    state.begin_transaction()
    state.set_code(ALICE, b"\x01")
    state.set_storage(ALICE, 9, 9)
    changes = state.take_changes()
    store.add(changes)
    again = State.at(store, changes.root)
    assert [again.get_storage(ALICE, slot) for slot in (0, 1, 9)] == [0, 0, 9]
    fresh = State(MemoryStateStore())
    fresh.set_storage(ALICE, 9, 9)
    assert again.storage_root(ALICE) == fresh.storage_root(ALICE)


def test_original_value_survives_a_wipe_in_the_same_transaction():
    store, root = stored(lambda state: state.set_storage(ALICE, 1, 7))
    state = State.at(store, root)
    state.begin_transaction()
    state.set_storage(ALICE, 1, 8)
    checkpoint = state.checkpoint()
    state.delete_account(ALICE)
    state.set_storage(ALICE, 1, 9)
    assert (state.get_storage(ALICE, 1), state.get_original_storage(ALICE, 1)) == (9, 7)
    state.revert(checkpoint)
    assert (state.get_storage(ALICE, 1), state.get_original_storage(ALICE, 1)) == (8, 7)
    state.begin_transaction()
    assert state.get_original_storage(ALICE, 1) == 8


def test_root_in_the_middle_of_a_transaction_can_be_reverted_over():
    store, root = stored(lambda state: state.set_storage(ALICE, 1, 7))
    state = State.at(store, root)
    checkpoint = state.checkpoint()
    state.set_storage(ALICE, 1, 0)
    state.set_balance(BOB, 5)
    state.set_code(BOB, b"\x01")
    assert state.compute_root() != root
    state.delete_account(ALICE)
    assert state.compute_root() != root
    state.revert(checkpoint)
    assert state.compute_root() == root
    assert state.take_changes().codes == {}


def test_code_that_no_account_keeps_is_not_handed_out(state):
    checkpoint = state.checkpoint()
    state.set_code(ALICE, b"\x01")
    state.revert(checkpoint)
    state.set_code(BOB, b"\x02")
    state.set_code(BOB, b"\x03")
    assert set(state.take_changes().codes.values()) == {b"\x03"}
    assert state.take_changes().codes == {}


def test_code_set_again_after_it_was_dropped_is_handed_out(state):
    state.set_code(ALICE, b"\x01")
    state.delete_account(ALICE)
    assert state.take_changes().codes == {}
    state.set_code(BOB, b"\x01")
    assert set(state.take_changes().codes.values()) == {b"\x01"}


def test_cleared_code_leaves_the_hash_of_nothing(state):
    state.set_code(ALICE, b"\xef\x01\x00" + BOB)
    state.set_code(ALICE, b"")
    assert state.get_code_hash(ALICE) == EMPTY_CODE_HASH
    assert state.get_code(ALICE) == b""


def test_missing_code_names_account_and_hash():
    store = MemoryStateStore()
    state = State(store)
    state.set_code(ALICE, b"\x01")
    changes = state.take_changes()
    store.add(StateChanges(changes.root, changes.nodes, {}))
    with pytest.raises(MissingCode) as caught:
        State.at(store, changes.root).get_code(ALICE)
    assert caught.value.address == ALICE
    assert keccak256(b"\x01").hex() in str(caught.value)


def test_missing_storage_node_names_the_account():
    store = MemoryStateStore()
    state = State(store)
    state.set_storage(ALICE, 1, 1)
    storage_root = state.storage_root(ALICE)
    changes = state.take_changes()
    left = {key: node for key, node in changes.nodes.items() if key != storage_root}
    store.add(StateChanges(changes.root, left, {}))
    with pytest.raises(MissingNode, match=ALICE.hex()):
        State.at(store, changes.root).get_storage(ALICE, 1)


def test_state_of_a_root_that_is_not_there_does_not_open():
    with pytest.raises(MissingNode):
        State.at(MemoryStateStore(), b"\x01" * 32)


def test_storage_value_that_is_no_integer_is_refused():
    from chain.trie import Trie

    trie = Trie({})
    trie.set(keccak256(bytes(32)), b"\x82\x01")
    storage_root, nodes = trie.commit()
    accounts = Trie({})
    accounts.set(keccak256(ALICE), Account(storage_root=storage_root).encode())
    root, more = accounts.commit()
    store = MemoryStateStore()
    store.add(StateChanges(root, nodes | more, {}))
    with pytest.raises(DecodeError, match="slot 0x0"):
        State.at(store, root).get_storage(ALICE, 0)


def test_proofs_of_account_and_slots_hold_with_changes_pending():
    store, root = stored(lambda s: [s.set_storage(ALICE, n, n) for n in range(1, 40)])
    state = State.at(store, root)
    state.set_storage(ALICE, 3, 2**255)
    state.set_balance(BOB, 10**18)
    proof = state.prove_account(ALICE)
    new_root = state.root
    account = decode_account(verify_proof(new_root, keccak256(ALICE), proof))
    assert account == state.get_account(ALICE)
    slots = (3, 4, 77)
    values = [
        verify_proof(account.storage_root, keccak256(slot.to_bytes(32, "big")), nodes)
        for slot, nodes in zip(slots, state.prove_storage(ALICE, slots), strict=True)
    ]
    assert values == [b"\xa0\x80" + bytes(31), b"\x04", None]
    assert verify_proof(new_root, keccak256(NOBODY), state.prove_account(NOBODY)) is None
    assert state.prove_storage(NOBODY, [1]) == [[]]


def test_size_counts_accounts_and_slots_in_memory(state):
    assert state.size == 0
    first, second = Address(b"\x01" * 20), Address(b"\x02" * 20)
    state.set_balance(first, 1)
    state.set_storage(second, 1, 1)
    state.get_storage(second, 2)
    accounts_and_slots = state.size
    assert accounts_and_slots >= 3
    state.get_storage(second, 2)
    assert state.size == accounts_and_slots


def test_states_on_one_store_are_independent():
    store, root = stored(lambda state: state.set_balance(ALICE, 1))
    left, right = State.at(store, root), State.at(store, root)
    left.set_balance(ALICE, 2)
    assert right.get_balance(ALICE) == 1
    assert right.compute_root() == root


def test_threads_read_states_of_one_store_on_disk(tmp_path):
    kv = LevelStore(tmp_path)
    store = ChainStore(kv, cache_bytes=20_000)
    from blocks import COUNTER, grow

    chain = grow(store, None, 12)

    def read(block) -> bool:
        for _ in range(5):
            state = State.at(store, block.header.state_root)
            assert state.get_balance(COUNTER) == block.number * 1000
            for slot in range(10, 10 * block.number):
                assert state.get_storage(COUNTER, slot) == int(slot % 10 < 2)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, chain * 3))
    kv.close()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "are not a list"),
        (Account().encode()[:-1], "are not a list"),
        (Account().encode() + b"\x00", "are not a list"),
        (Account().encode().replace(b"\xf8\x44\x80\x80", b"\xf8\x44\x00\x80"), "nonce"),
        (Account().encode().replace(b"\xf8\x44\x80\x80", b"\xf8\x44\x80\x00"), "balance"),
        (Account().encode().replace(b"\xf8\x44\x80", b"\xf8\x45\x81\x7f"), "nonce"),
        (Account().encode().replace(b"\xf8\x44\x80", b"\xf8\x46\x82\x00\xff"), "nonce"),
        (Account().encode().replace(b"\xf8\x44\x80", b"\xf8\x4d\x89" + b"\x01" * 9), "nonce"),
        (Account().encode().replace(b"\xf8\x44\x80\x80", b"\xf8\x44\xb8\x80"), "nonce"),
        (Account().encode().replace(b"\xf8\x44\x80\x80", b"\xf8\x45\x80\x01\x01"), "ends at"),
        (Account().encode().replace(b"\xf8\x44\x80\x80", b"\xf8\x44\x80\xa0"), "balance"),
    ],
)
def test_account_that_is_not_canonical_is_refused(data, what):
    with pytest.raises(DecodeError, match=what):
        decode_account(data)


def test_spending_takes_wei_and_sets_the_nonce_in_one_undoable_step():
    state = State(MemoryStateStore())
    state.set_balance(ALICE, 10)
    checkpoint = state.checkpoint()
    state.spend(ALICE, 4, 1)
    assert (state.get_balance(ALICE), state.get_nonce(ALICE)) == (6, 1)
    state.revert(checkpoint)
    assert (state.get_balance(ALICE), state.get_nonce(ALICE)) == (10, 0)


@pytest.mark.parametrize(("wei", "nonce"), [(11, 1), (1, 2**64), (1, -1)])
def test_spending_more_than_there_is_or_beyond_the_last_nonce_is_refused(wei, nonce):
    state = State(MemoryStateStore())
    state.set_balance(ALICE, 10)
    with pytest.raises(StateError):
        state.spend(ALICE, wei, nonce)
    assert (state.get_balance(ALICE), state.get_nonce(ALICE)) == (10, 0)


def test_adding_to_a_balance_wraps_around_as_geth_counts():
    state = State(MemoryStateStore())
    state.add_balance(ALICE, 5)
    state.add_balance(ALICE, 2**256 - 2)
    assert state.get_balance(ALICE) == 3


def test_what_is_warm_from_the_start_stays_so_through_a_revert_and_ends_with_the_transaction():
    state = State(MemoryStateStore())
    checkpoint = state.checkpoint()
    state.begin_warm((ALICE,))
    state.revert(checkpoint)
    assert state.is_address_warm(ALICE)
    state.begin_transaction()
    assert not state.is_address_warm(ALICE)


def test_slot_written_after_a_revert_brings_its_account_back_into_existence():
    state = State(MemoryStateStore())
    before = state.checkpoint()
    state.set_storage(ALICE, 0, 7)
    state.revert(before)
    assert not state.account_exists(ALICE)
    state.set_storage(ALICE, 0, 1)
    assert state.account_exists(ALICE)
    assert state.compute_root() != EMPTY_ROOT
