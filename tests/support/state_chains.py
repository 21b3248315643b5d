"""Blocks whose states change in every way a trie can: accounts and slots come, go and come back,
storages are alike, wiped and made again, codes are shared. No virtual machine.
"""

from __future__ import annotations

from hypothesis import strategies as st

from chain.account import EMPTY_CODE_HASH, decode_account
from chain.block import Block, Header, receipts_root, transactions_root
from chain.heads import BlockId, Heads
from chain.state import State
from chain.storage import ChainStore
from chain.trie import EMPTY_ROOT, Trie, hashes_in
from chain.types import Address, Hash32

ACCOUNTS = tuple(Address(bytes((number,)) * 20) for number in range(1, 9))
CODES = (b"", b"\x60\x01", b"\x60\x02" * 40)

_changes = st.one_of(
    st.tuples(st.just("balance"), st.integers(0, 7), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("slot"), st.integers(0, 7), st.integers(0, 5), st.integers(0, 2)),
    st.tuples(st.just("code"), st.integers(0, 7), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("delete"), st.integers(0, 7), st.just(0), st.just(0)),
    st.tuples(st.just("wipe"), st.integers(0, 7), st.just(0), st.just(0)),
    st.tuples(st.just("root"), st.just(0), st.just(0), st.just(0)),
    st.tuples(st.just("undone"), st.integers(0, 7), st.integers(0, 5), st.integers(0, 2)),
)
block_changes = st.lists(_changes, max_size=8)


def apply(state: State, change) -> None:
    """One change to a state."""
    kind, account, first, second = change
    address = ACCOUNTS[account]
    if kind == "balance":
        state.set_balance(address, first)
    elif kind == "slot":
        # Values of two sizes, so that nodes are inlined and are not.
        state.set_storage(address, first, second and (second << 200 if first % 2 else second))
    elif kind == "code":
        state.set_code(address, CODES[first])
    elif kind == "delete":
        state.delete_account(address)
    elif kind == "wipe":
        state.clear_storage(address)
    elif kind == "root":
        state.compute_root()
        state.begin_transaction()
    else:
        before = state.checkpoint()
        state.delete_account(address)
        state.set_storage(address, first, second + 7)
        state.compute_root()
        state.revert(before)


def make_block(state: State, parent: Header | None, changes, salt: int = 0):
    """A block on a state, which is changed, without transactions: what ChainStore.commit takes."""
    state.begin_transaction()
    for change in changes:
        apply(state, change)
    state.begin_transaction()
    made = state.take_changes()
    header = Header(
        parent_hash=parent.hash if parent else Hash32(bytes(32)),
        beneficiary=ACCOUNTS[0],
        state_root=made.root,
        transactions_root=transactions_root([]),
        receipts_root=receipts_root([]),
        logs_bloom=bytes(256),
        number=parent.number + 1 if parent else 0,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=2 * (parent.number + 1) if parent else 0,
        extra_data=bytes((salt,)),
        prev_randao=Hash32(bytes(32)),
        base_fee_per_gas=7,
    )
    return Block(header, ()), made


def genesis(store: ChainStore) -> Block:
    """Begin a chain with the empty state."""
    block, made = make_block(State(store), None, ())
    store.commit(block, (), (), made, Heads.at_genesis(BlockId(0, block.hash)))
    return block


def extend(store: ChainStore, changes, salt: int = 0, state: State | None = None) -> Block:
    """Commit a child of the unsafe head."""
    heads = store.heads()
    parent = store.header(heads.unsafe.hash)
    block, made = make_block(state or State.at(store, parent.state_root), parent, changes, salt)
    store.commit(
        block, (), (), made, Heads(BlockId(block.number, block.hash), heads.safe, heads.finalized)
    )
    return block


def reachable(store, root: bytes) -> set[bytes]:
    """The keys of all node and code records that a state needs. Fails where one is missing."""
    found: set[bytes] = set()
    _walk(store, root, found)
    values = [value for _, value in Trie(_Nodes(store), root).items()]
    for account in map(decode_account, values):
        _walk(store, account.storage_root, found)
        if account.code_hash != EMPTY_CODE_HASH:
            assert store.code(account.code_hash) is not None
            found.add(b"k" + account.code_hash)
    return found


def _walk(store, root: bytes, found: set[bytes]) -> None:
    waiting = [] if root == EMPTY_ROOT else [root]
    while waiting:
        node_hash = waiting.pop()
        node = store.node(node_hash)
        assert node is not None, f"node 0x{node_hash.hex()} is missing"
        found.add(b"n" + node_hash)
        waiting.extend(hashes_in(node))


class _Nodes:
    def __init__(self, store) -> None:
        self.get = store.node


def state_records(kv) -> set[bytes]:
    """The keys of all node and code records in a key-value store."""
    return {key for prefix in (b"n", b"k") for key, _ in kv.scan(prefix)}
