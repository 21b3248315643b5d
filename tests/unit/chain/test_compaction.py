"""Compaction in the background: when it begins, what it covers, that it ends with the store."""

from __future__ import annotations

from threading import Event

from state_chains import extend, genesis, reachable

from chain.storage import ChainStore, LevelStore, MemoryStore, Retention
from chain.storage import chain_store as chain_store_module
from chain.storage.compaction import BackgroundCompaction


class Noted(MemoryStore):
    """Notes the ranges that are compacted, and can hold the first."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges = []
        self.gate = Event()
        self.gate.set()
        self.entered = Event()

    def compact(self, start, stop):
        self.entered.set()
        self.gate.wait()
        self.ranges.append((start, stop))


def test_round_begins_after_so_many_deletions_and_covers_every_node():
    kv = Noted()
    compaction = BackgroundCompaction(kv, after_records=10)
    compaction.note(9)
    assert compaction._thread is None
    compaction.note(1)
    compaction._thread.join()
    assert compaction.rounds == 1
    assert kv.ranges[0][0] == b"n\x00"
    assert kv.ranges[-1][1] > b"n" + b"\xff" * 32
    assert all(one[1] == other[0] for one, other in zip(kv.ranges, kv.ranges[1:], strict=False))
    compaction.note(9)
    assert compaction.rounds == 1
    compaction.close()


def test_one_round_at_a_time_and_none_after_close():
    kv = Noted()
    kv.gate.clear()
    compaction = BackgroundCompaction(kv, after_records=1)
    compaction.note(1)
    assert kv.entered.wait(30)
    first = compaction._thread
    compaction.note(5)
    assert compaction._thread is first
    compaction._stopping.set()
    kv.gate.set()
    compaction.close()
    assert len(kv.ranges) == 1
    compaction.note(5)
    assert compaction._thread is first


def test_pruned_store_is_whole_while_and_after_it_is_compacted(tmp_path, monkeypatch):
    monkeypatch.setattr(chain_store_module, "COMPACT_AFTER", 20)
    kv = LevelStore(tmp_path / "chain")
    store = ChainStore(kv, retention=Retention(2, follows_finality=False))
    genesis(store)
    for salt in range(30):
        extend(store, [("slot", salt % 8, slot, salt + 1) for slot in range(6)])
    assert store._compaction is not None
    assert store._compaction._thread is not None
    store.close()
    store = ChainStore(
        LevelStore(tmp_path / "chain"), retention=Retention(2, follows_finality=False)
    )
    for number in range(store.first_state, store.heads().unsafe.number + 1):
        reachable(store, store.canonical_header(number).state_root)
    store.close()
