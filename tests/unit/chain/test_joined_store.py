"""A store that begins with a state from elsewhere: the same as if it had grown there."""

from __future__ import annotations

import pytest
from state_chains import extend, genesis, reachable, state_records

from chain.account import EMPTY_CODE_HASH, decode_account
from chain.heads import BlockId, Heads
from chain.storage import (
    ChainStore,
    MemoryStore,
    Retention,
    SnapshotUnfinished,
    StateNotKept,
    StatePart,
    StorageError,
    UnknownBlock,
)
from chain.trie import EMPTY_ROOT
from chain.trie.ranges import FIRST_KEY, check_range, read_range

CHANGES = [
    [("balance", 1, 2, 0), ("slot", 1, 0, 1), ("slot", 1, 1, 2), ("code", 1, 1, 0)],
    [("slot", 2, 0, 1), ("slot", 2, 1, 2), ("code", 2, 1, 0), ("slot", 1, 3, 1)],
    [("slot", 3, 0, 1), ("code", 3, 2, 0), ("balance", 4, 1, 0)],
    [("slot", 2, 5, 2), ("wipe", 3, 0, 0)],
]
AFTER = [
    [("slot", 2, 0, 0), ("code", 1, 2, 0)],
    [("delete", 2, 0, 0)],
    [("slot", 1, 1, 0), ("slot", 4, 4, 2)],
    [("delete", 1, 0, 0), ("balance", 5, 2, 0)],
    [("balance", 6, 1, 0)],
    [("balance", 7, 1, 0)],
    [("balance", 7, 2, 0)],
]


def parts(source: ChainStore, root: bytes):
    """The state as it comes over the network, a leaf at a time."""
    start = FIRST_KEY
    while True:
        found = read_range(source.node, root, start, most_leaves=1, most_bytes=10**9)
        nodes, uses = check_range(root, found), []
        for _, value in found.leaves:
            account = decode_account(value)
            if account.storage_root != EMPTY_ROOT:
                whole = read_range(
                    source.node, account.storage_root, FIRST_KEY, most_leaves=99, most_bytes=10**9
                )
                nodes += check_range(account.storage_root, whole)
            if account.code_hash != EMPTY_CODE_HASH:
                uses.append(account.code_hash)
        yield StatePart(nodes, {key: source.code(key) for key in uses}, uses)
        if found.is_last:
            return
        start = found.following


def grown(retention=None):
    """A chain of a few blocks; its store, its key-value store and its blocks."""
    kv = MemoryStore()
    store = ChainStore(kv, retention=retention)
    blocks = [genesis(store)]
    blocks += [extend(store, changes) for changes in CHANGES]
    return kv, store, blocks


def join(kv, source, blocks, retention=None) -> ChainStore:
    store = ChainStore(kv, retention=retention)
    for part in parts(source, blocks[-1].header.state_root):
        store.put_state(part, b"so far")
    store.put_history(blocks[2:-1])
    store.begin_at(blocks[0], blocks[-1], {"note": b"x"})
    return store


@pytest.mark.parametrize("retention", [None, Retention(2, follows_finality=False)])
def test_a_joined_store_goes_on_like_the_one_that_has_grown(retention) -> None:
    kv, store, blocks = grown(retention)
    joined_kv = MemoryStore()
    joined = join(joined_kv, store, blocks, retention)
    for changes in AFTER:
        assert extend(joined, changes).hash == extend(store, changes).hash
    root = store.header(store.heads().unsafe.hash).state_root
    assert reachable(joined, root) == reachable(store, root)
    if retention is not None:
        # Every use was counted as often as it should be: what goes there goes here as well.
        assert state_records(joined_kv) == state_records(kv)
        assert joined.first_state == store.first_state


def test_what_it_says_after_it_is_opened_again() -> None:
    _, source, blocks = grown()
    kv = MemoryStore()
    join(kv, source, blocks)
    store = ChainStore(kv)
    head = BlockId(blocks[-1].number, blocks[-1].hash)
    assert (store.heads().unsafe, store.heads().finalized) == (head, head)
    assert store.first_state == head.number
    assert store.meta("note") == b"x"
    assert store.joining is None
    assert store.canonical_hash(0) == blocks[0].hash
    assert store.canonical_hash(1) is None
    assert store.block(store.canonical_hash(3)) == blocks[3]
    assert store.receipts(blocks[3].hash) is None
    assert not store.keeps_state(blocks[3].header)
    with pytest.raises(StateNotKept):
        store.set_heads(Heads.at_genesis(BlockId(3, blocks[3].hash)))


def test_a_part_of_a_state_is_no_chain_and_no_chain_begins_over_it() -> None:
    _, source, blocks = grown()
    kv = MemoryStore()
    first = next(parts(source, blocks[-1].header.state_root))
    ChainStore(kv).put_state(first, b"one")
    store = ChainStore(kv)
    assert store.heads() is None
    assert store.joining == b"one"
    with pytest.raises(SnapshotUnfinished, match="--sync snapshot"):
        genesis(store)
    with pytest.raises(UnknownBlock, match="no state for root"):
        store.begin_at(blocks[0], blocks[1], {})


def test_a_chain_that_has_begun_takes_no_state_from_elsewhere() -> None:
    _, source, blocks = grown()
    for use in (
        lambda: source.put_state(StatePart([]), b""),
        lambda: source.put_history(blocks),
        lambda: source.begin_at(blocks[0], blocks[-1], {}),
    ):
        with pytest.raises(StorageError, match="has begun"):
            use()
