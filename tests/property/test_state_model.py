"""State against a model that copies the whole world at each checkpoint and rebuilds each root."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from chain.account import EMPTY_CODE_HASH, Account
from chain.crypto.keccak import keccak256
from chain.rlp import encode, encode_int
from chain.state import MemoryStateStore, State
from chain.trie import EMPTY_ROOT, Trie
from chain.types import Address

ADDRESSES = [Address(bytes([number]) * 20) for number in (1, 2, 3)]
addresses = st.sampled_from(ADDRESSES)
slots = st.integers(0, 3)
words = st.one_of(st.just(0), st.integers(0, 300), st.just(2**256 - 1))
actions = st.one_of(
    st.tuples(st.just("balance"), addresses, words),
    st.tuples(st.just("nonce"), addresses, st.integers(0, 2**64 - 1)),
    st.tuples(st.just("code"), addresses, st.sampled_from([b"", b"\x00", b"\x60\x00"])),
    st.tuples(st.just("storage"), addresses, slots, words),
    st.tuples(st.just("storage"), addresses, slots, words),
    st.tuples(st.just("transient"), addresses, slots, words),
    st.tuples(st.just("warm"), addresses, slots),
    st.tuples(st.just("touch"), addresses),
    st.tuples(st.just("delete"), addresses),
    st.tuples(st.just("clear"), addresses),
    st.tuples(st.just("checkpoint")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("revert")),
    st.tuples(st.just("revert")),
    st.tuples(st.just("root")),
    st.tuples(st.just("storage_root"), addresses),
    st.tuples(st.just("transaction")),
    st.tuples(st.just("store")),
    st.tuples(st.just("reopen")),
)


class World:
    """The slow, obvious version: dictionaries, copied whole."""

    def __init__(self) -> None:
        self.accounts: dict[Address, dict] = {}
        self.original: dict[Address, dict] = {}
        self.warm: set = set()
        self.transient: dict = {}
        self.saved: list = []

    def account(self, address):
        blank = {"nonce": 0, "balance": 0, "code": b"", "storage": {}}
        return self.accounts.setdefault(address, blank)

    def slot(self, accounts, address, slot):
        return accounts.get(address, {"storage": {}})["storage"].get(slot, 0)

    def begin(self):
        self.original = copy.deepcopy(self.accounts)
        self.warm, self.transient, self.saved = set(), {}, []

    def save(self):
        return copy.deepcopy((self.accounts, self.warm, self.transient))

    def restore(self, saved):
        self.accounts, self.warm, self.transient = saved

    def root(self) -> bytes:
        trie = Trie({})
        for address, account in self.accounts.items():
            code_hash = keccak256(account["code"]) if account["code"] else EMPTY_CODE_HASH
            entry = Account(
                account["nonce"], account["balance"], self.storage_root(address), code_hash
            )
            trie.set(keccak256(address), entry.encode())
        return trie.root_hash()

    def storage_root(self, address) -> bytes:
        storage = Trie({})
        for slot, value in self.accounts.get(address, {"storage": {}})["storage"].items():
            if value:
                storage.set(keccak256(slot.to_bytes(32, "big")), encode(encode_int(value)))
        return storage.root_hash()


def apply(world: World, state: State, name: str, arguments: tuple) -> None:
    """Do one action to both."""
    if name == "storage":
        address, slot, value = arguments
        state.set_storage(address, slot, value)
        if world.slot(world.accounts, address, slot) != value:
            world.account(address)["storage"][slot] = value
    elif name == "transient":
        address, slot, value = arguments
        state.set_transient(address, slot, value)
        world.transient[address, slot] = value
    elif name == "warm":
        address, slot = arguments
        state.warm_address(address)
        state.warm_slot(address, slot)
        world.warm |= {address, arguments}
    elif name == "touch":
        state.touch(*arguments)
        world.account(*arguments)
    elif name == "delete":
        state.delete_account(*arguments)
        world.accounts.pop(arguments[0], None)
    elif name == "clear":
        state.clear_storage(*arguments)
        if arguments[0] in world.accounts:
            world.account(*arguments)["storage"] = {}
    elif name == "storage_root":
        assert state.storage_root(*arguments) == world.storage_root(*arguments)
    elif name in ("balance", "nonce", "code"):
        address, value = arguments
        getattr(state, f"set_{name}")(address, value)
        world.account(address)[name] = value


def agree(world: World, state: State) -> None:
    for address in ADDRESSES:
        account = world.accounts.get(address)
        assert state.account_exists(address) == (account is not None)
        account = account or {"nonce": 0, "balance": 0, "code": b"", "storage": {}}
        assert state.get_nonce(address) == account["nonce"]
        assert state.get_balance(address) == account["balance"]
        assert state.get_code(address) == account["code"]
        assert state.is_empty(address) == (
            not account["nonce"] and not account["balance"] and not account["code"]
        )
        assert state.is_address_warm(address) == (address in world.warm)
        for slot in range(4):
            assert state.get_storage(address, slot) == account["storage"].get(slot, 0)
            original = world.slot(world.original, address, slot)
            assert state.get_original_storage(address, slot) == original
            assert state.get_transient(address, slot) == world.transient.get((address, slot), 0)
            assert state.is_slot_warm(address, slot) == ((address, slot) in world.warm)


def control(world: World, state: State, store: MemoryStateStore, name: str) -> State:
    """Do what concerns checkpoints, transactions, roots and storing."""
    if name == "checkpoint":
        world.saved.append((state.checkpoint(), world.save()))
    elif name == "commit" and world.saved:
        state.commit(world.saved.pop()[0])
    elif name == "revert" and world.saved:
        checkpoint, saved = world.saved.pop()
        state.revert(checkpoint)
        world.restore(saved)
    elif name == "root":
        assert state.compute_root() == world.root()
    elif name in ("transaction", "store", "reopen"):
        state.begin_transaction()
        world.begin()
        if name != "transaction":
            changes = state.take_changes()
            assert changes.root == world.root()
            store.add(changes)
            if name == "reopen":
                return State.at(store, changes.root)
    return state


@settings(max_examples=300, deadline=None)
@given(st.lists(actions, max_size=40))
def test_state_behaves_as_a_world_copied_whole(run):
    store = MemoryStateStore()
    state, world = State(store), World()
    for name, *arguments in run:
        apply(world, state, name, tuple(arguments))
        state = control(world, state, store, name)
        agree(world, state)
    changes = state.take_changes()
    assert changes.root == world.root()
    store.add(changes)
    reopened = State(store, changes.root)
    for address in ADDRESSES:
        account = reopened.get_account(address)
        assert (account is not None) == (address in world.accounts)
        if account is not None:
            assert account.storage_root == world.storage_root(address)


def test_model_itself_starts_from_the_empty_root():
    assert World().root() == EMPTY_ROOT == State(MemoryStateStore()).compute_root()
