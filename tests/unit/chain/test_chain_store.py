"""ChainStore: what is stored is found again, canonical means canonical, damage is named."""

from __future__ import annotations

import pytest
from blocks import COUNTER, assert_consistent, grow, identity, next_block

from chain.heads import BlockId, Heads
from chain.state import State, StateChanges
from chain.storage import (
    PRUNED_SCHEMA_VERSION,
    ChainStore,
    CorruptRecord,
    LevelStore,
    MemoryStore,
    Retention,
    StoreClosed,
    UnknownBlock,
    UnsupportedVersion,
    WrongStateMode,
)
from chain.trie import MissingNode
from chain.types import Hash32

STRANGER = BlockId(1, Hash32(b"\x99" * 32))


@pytest.fixture
def kv():
    return MemoryStore()


@pytest.fixture
def store(kv):
    return ChainStore(kv)


def uncached(kv) -> ChainStore:
    """A second store on the same data, with nothing remembered."""
    return ChainStore(kv, cache_bytes=0)


def test_empty_store_knows_nothing(store):
    assert store.heads() is None
    assert store.header(b"\x01" * 32) is None
    assert store.block(b"\x01" * 32) is None
    assert store.receipts(b"\x01" * 32) is None
    assert store.senders(b"\x01" * 32) is None
    assert store.canonical_hash(0) is None
    assert store.canonical_header(-1) is None
    assert store.transaction_location(b"\x01" * 32) is None
    assert store.node(b"\x01" * 32) is None
    assert store.code(b"\x01" * 32) is None
    assert store.meta("anything") is None


def test_committed_block_is_found_in_all_its_parts_after_reopening(kv, store):
    genesis = grow(store, None, 1)[0]
    block, receipts, senders, changes = next_block(store, genesis)
    store.commit(block, receipts, senders, changes, Heads.at_genesis(identity(genesis)))
    for reader in (store, uncached(kv)):
        assert reader.block(block.hash) == block
        assert reader.block(block.hash).encode() == block.encode()
        assert reader.header(block.hash) == block.header
        assert reader.receipts(block.hash) == receipts
        assert reader.senders(block.hash) == senders
        for node_hash, node in changes.nodes.items():
            assert reader.node(node_hash) == node
        for code_hash, code in changes.codes.items():
            assert reader.code(code_hash) == code


def test_block_committed_without_moving_heads_is_not_canonical(store):
    genesis = grow(store, None, 1)[0]
    block, *rest = next_block(store, genesis)
    store.commit(block, *rest, None)
    assert store.canonical_hash(1) is None
    assert store.transaction_location(block.transactions[0].hash) is None
    assert store.set_heads(Heads(identity(block), identity(genesis), identity(genesis))) == ()
    assert store.transaction_location(block.transactions[0].hash).block_hash == block.hash


def test_chain_of_blocks_is_consistent_from_the_store_and_from_disk(tmp_path):
    kv = LevelStore(tmp_path)
    grow(ChainStore(kv), None, 6)
    kv.close()
    reopened = ChainStore(LevelStore(tmp_path))
    assert reopened.heads().unsafe.number == 5
    assert_consistent(reopened)
    reopened.close()


def test_rewinding_drops_blocks_above_and_keeps_them_by_hash(kv, store):
    chain = grow(store, None, 6)
    dropped = store.set_heads(Heads(identity(chain[2]), identity(chain[1]), identity(chain[0])))
    assert dropped == (chain[5].hash, chain[4].hash, chain[3].hash)
    for reader in (store, uncached(kv)):
        assert [reader.canonical_hash(number) for number in range(6)] == [
            *(block.hash for block in chain[:3]),
            *(None,) * 3,
        ]
        assert reader.transaction_location(chain[4].transactions[1].hash) is None
        assert reader.block(chain[4].hash) == chain[4]
        assert_consistent(reader)


def test_fork_replaces_the_canonical_chain_and_can_be_undone(kv, store):
    chain = grow(store, None, 6)
    low = Heads(identity(chain[2]), identity(chain[1]), identity(chain[0]))
    store.set_heads(low)
    fork = grow(store, chain[2], 2, salt=7)
    shared = chain[3].transactions[0].hash
    assert shared == fork[0].transactions[0].hash
    assert store.transaction_location(shared).block_hash == fork[0].hash
    assert store.transaction_location(chain[3].transactions[1].hash) is None
    assert_consistent(store)
    dropped = store.set_heads(Heads(identity(chain[5]), low.safe, low.finalized))
    assert dropped == (fork[1].hash, fork[0].hash)
    assert store.transaction_location(shared).block_hash == chain[3].hash
    assert store.transaction_location(fork[0].transactions[1].hash) is None
    assert_consistent(uncached(kv))


def test_longer_fork_in_one_move_names_the_blocks_it_drops(store):
    chain = grow(store, None, 3)
    parent = chain[0]
    for _ in range(4):
        block, *rest = next_block(store, parent, salt=3)
        store.commit(block, *rest, None)
        parent = block
    genesis = identity(chain[0])
    assert store.set_heads(Heads(identity(parent), genesis, genesis)) == (
        chain[2].hash,
        chain[1].hash,
    )
    assert_consistent(store)


@pytest.mark.parametrize("which", ["unsafe", "safe", "finalized"])
def test_head_on_no_stored_chain_is_refused_and_nothing_moves(kv, store, which):
    chain = grow(store, None, 3)
    before, data = store.heads(), dict(kv.scan())
    ids = {"unsafe": identity(chain[2]), "safe": STRANGER, "finalized": identity(chain[0])}
    if which == "unsafe":
        ids = dict.fromkeys(ids, STRANGER)
    elif which == "finalized":
        ids |= {"safe": identity(chain[2]), "finalized": STRANGER}
    with pytest.raises(UnknownBlock, match="9999"):
        store.set_heads(Heads(**ids))
    assert store.heads() == before
    assert dict(kv.scan()) == data


def test_head_with_a_wrong_height_is_refused(store):
    chain = grow(store, None, 3)
    with pytest.raises(UnknownBlock):
        store.set_heads(Heads.at_genesis(BlockId(1, chain[2].hash)))


def test_block_of_another_genesis_cannot_become_a_head(store):
    grow(store, None, 2)
    other, *rest = next_block(store, None, salt=9)
    store.commit(other, *rest, None)
    with pytest.raises(UnknownBlock):
        store.set_heads(Heads.at_genesis(identity(other)))


def test_receipts_that_do_not_match_the_transactions_are_refused(store):
    genesis = grow(store, None, 1)[0]
    block, receipts, senders, changes = next_block(store, genesis)
    with pytest.raises(ValueError, match="2 transactions"):
        store.commit(block, receipts[:1], senders, changes, None)


def test_state_of_every_block_stays_readable(store):
    chain = grow(store, None, 5)
    for block in chain:
        state = State.at(store, block.header.state_root)
        assert state.get_balance(COUNTER) == block.number * 1000


def test_state_that_was_not_stored_is_named_missing(store):
    with pytest.raises(MissingNode, match="root"):
        State.at(store, b"\x42" * 32)


def test_every_record_with_one_changed_byte_is_named_when_read(kv, store):
    chain = grow(store, None, 3)
    block = chain[2]
    reads = {
        b"h": lambda s: s.header(block.hash),
        b"b": lambda s: s.block(block.hash),
        b"r": lambda s: s.receipts(block.hash),
        b"s": lambda s: s.senders(block.hash),
        b"c": lambda s: s.canonical_hash(2),
        b"t": lambda s: s.transaction_location(block.transactions[0].hash),
        b"n": lambda s: s.node(block.header.state_root),
        b"k": lambda s: State(s, block.header.state_root).get_code(COUNTER),
        b"m": lambda s: s.meta("note"),
    }
    store.put_meta("note", b"kept")
    for kind, read in reads.items():
        read(uncached(kv))
        records = [
            (key, value) for key, value in kv.scan(kind) if key not in (b"mschema", b"mheads")
        ]
        for place in (0, -1):
            for key, record in records:
                bad = bytearray(record)
                bad[place] ^= 1
                kv.write({key: bytes(bad)}, sync=True)
            with pytest.raises(CorruptRecord, match=kind.decode()) as caught:
                read(uncached(kv))
            assert caught.value.key[:1] == kind
            kv.write(dict(records), sync=True)


def test_value_under_the_key_of_another_is_corrupt(kv, store):
    chain = grow(store, None, 2)
    first, second = (b"h" + block.hash for block in chain)
    kv.write({first: kv.get(second)}, sync=True)
    with pytest.raises(CorruptRecord, match=chain[0].hash.hex()):
        uncached(kv).header(chain[0].hash)


def test_record_shorter_than_its_checksum_is_corrupt(kv, store):
    chain = grow(store, None, 1)
    kv.write({b"h" + chain[0].hash: b"\x01"}, sync=True)
    with pytest.raises(CorruptRecord):
        uncached(kv).header(chain[0].hash)


def test_corrupt_heads_stop_the_store_from_opening(kv, store):
    grow(store, None, 1)
    kv.write({b"mheads": bytes(20)}, sync=True)
    with pytest.raises(CorruptRecord, match="m"):
        ChainStore(kv)


def test_notes_are_kept_and_do_not_meet_the_store_s_own(kv, store):
    store.put_meta("schema", b"mine")
    store.put_meta("heads", b"")
    assert (uncached(kv).meta("schema"), uncached(kv).meta("heads")) == (b"mine", b"")


def test_statistics_count_every_kind_and_every_byte(kv, store):
    grow(store, None, 4)
    found = {line.kind: line for line in store.statistics()}
    assert {kind: found[kind].records for kind in ("header", "body", "canonical")} == {
        "header": 4,
        "body": 4,
        "canonical": 4,
    }
    assert found["transaction"].records == 6
    assert found["node"].records > 4
    total = sum(len(key) + len(value) for key, value in kv.scan())
    assert sum(line.size_bytes for line in found.values()) == total


def test_statistics_find_damage_anywhere(kv, store):
    grow(store, None, 4)
    key, record = list(kv.scan(b"n"))[-1]
    kv.write({key: record[:-1]}, sync=True)
    with pytest.raises(CorruptRecord):
        list(store.statistics())


def test_many_nodes_are_read_in_the_order_they_are_asked_for(kv, store):
    genesis = grow(store, None, 1)[0]
    block, receipts, senders, changes = next_block(store, genesis)
    store.commit(block, receipts, senders, changes, Heads.at_genesis(identity(genesis)))
    hashes = [b"\x01" * 32, *changes.nodes] * 9  # enough for several threads
    reader = uncached(kv)
    assert reader.nodes(hashes) == [reader.node(node_hash) for node_hash in hashes]
    assert reader.nodes([]) == []
    reader.close()
    for count in (1, len(hashes)):
        with pytest.raises(StoreClosed):
            reader.nodes(hashes[:count])


@pytest.mark.parametrize("retention", [None, Retention(blocks=2)])
def test_store_of_an_older_schema_is_read_and_becomes_a_newer_one(kv, retention):
    from chain.storage.schema import Kind, seal, unpack_list, unpack_node, unseal

    store = ChainStore(kv, retention=retention)
    blocks = grow(store, None, 4)
    older = {}
    for key, record in kv.scan():
        payload = unseal(key, record)
        if key[:1] == Kind.NODE.value:
            payload = unpack_node(payload)
        elif key[:1] in (Kind.BODY.value, Kind.RECEIPTS.value):
            payload = unpack_list(payload)
        older[key] = seal(key, payload)
    older[b"mschema"] = seal(b"mschema", bytes((0, 0, 0, 1 if retention is None else 2)))
    assert len(b"".join(older.values())) > len(b"".join(record for _, record in kv.scan()))
    before = MemoryStore()
    before.write(older, sync=True)
    again = ChainStore(before, retention=retention, cache_bytes=0)
    assert [again.block(block.hash) for block in blocks] == blocks
    assert [again.receipts(block.hash) for block in blocks] == [
        store.receipts(block.hash) for block in blocks
    ]
    root = blocks[-1].header.state_root
    assert again.node(root) == store.node(root)
    assert before.get(b"mschema") == kv.get(b"mschema")
    with pytest.raises(WrongStateMode):
        ChainStore(before, retention=Retention(blocks=2) if retention is None else None)


def test_store_of_another_schema_is_refused(kv):
    from chain.storage.schema import seal

    newer = (PRUNED_SCHEMA_VERSION + 1).to_bytes(4, "big")
    kv.write({b"mschema": seal(b"mschema", newer)}, sync=True)
    with pytest.raises(UnsupportedVersion, match=f"schema {PRUNED_SCHEMA_VERSION + 1}"):
        ChainStore(kv)


def test_store_that_someone_else_filled_is_refused(kv):
    kv.write({b"x": b"y"}, sync=True)
    with pytest.raises(UnsupportedVersion, match="not empty"):
        ChainStore(kv)


def test_state_without_changes_can_be_committed(store):
    genesis = grow(store, None, 1)[0]
    block, receipts, senders, changes = next_block(store, genesis, transactions=0)
    same = StateChanges(changes.root, {}, {})
    store.commit(block, receipts, senders, same, None)
    store.commit(block, receipts, senders, None, None)
    assert store.block(block.hash) == block


def test_node_cache_holds_no_more_than_its_bound(kv):
    store = ChainStore(kv, cache_bytes=2000)
    chain = grow(store, None, 8)
    for block in chain:
        State.at(store, block.header.state_root).get_storage(COUNTER, 10)
    assert store._state_cache.weight <= 2000
    assert_consistent(store)
