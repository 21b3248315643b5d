"""Cells on disk: kept with their proofs, once, until their time is over."""

from __future__ import annotations

import pytest

from chain.storage import StorageError
from chain.storage.level import LevelStore
from chain.storage.memory import MemoryStore
from node.da.store import CellStore, StoreFull
from rollup.da.erasure import Cell

BLOB, OTHER = b"\xc0" + bytes(47), b"\xc1" + bytes(47)


def cell(index, fill=1):
    return Cell(index, bytes([fill]) * 2048, bytes([index]) * 48)


@pytest.fixture(params=["memory", "level"])
def kv(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else LevelStore(tmp_path / "cells")
    yield store
    store.close()


def test_cells_come_back_as_they_went_in(kv):
    store = CellStore(kv, 10**6)
    assert store.put(BLOB, [cell(3), cell(127), cell(0)], 100) == 3
    assert store.cells(BLOB, (1 << 128) - 1) == (cell(0), cell(3), cell(127))
    assert store.cells(BLOB, 1 << 3 | 1 << 4) == (cell(3),)
    assert store.cells(OTHER, 1) == ()
    assert store.blob(OTHER) is None


def test_a_cell_that_is_there_is_not_written_again(kv):
    store = CellStore(kv, 10**6)
    store.put(BLOB, [cell(3)], 100)
    for _ in range(1000):
        assert store.put(BLOB, [cell(3, fill=9)], 100) == 0
    assert store.cells(BLOB, 1 << 3) == (cell(3),)
    assert store.cell_count == 1


def test_what_was_counted_is_counted_again_after_a_restart(kv):
    CellStore(kv, 10**6).put(BLOB, [cell(3), cell(4)], 100)
    again = CellStore(kv, 10**6)
    assert (again.blob_count, again.cell_count, again.used_bytes) == (1, 2, 2 * 2096)


def test_time_is_up_for_what_was_stored_until_then_and_for_nothing_else(kv):
    store = CellStore(kv, 10**6)
    store.put(BLOB, [cell(1)], 100)
    store.put(OTHER, [cell(2)], 101)
    assert store.prune(99) == 0
    assert store.prune(100) == 1
    assert store.blob(BLOB) is None
    assert store.cells(BLOB, 2) == ()
    assert store.cells(OTHER, 4) == (cell(2),)
    assert store.prune(101) == 1
    assert (store.blob_count, store.cell_count) == (0, 0)
    assert list(kv.scan()) == []


def test_a_later_promise_prolongs_and_an_earlier_one_does_not_shorten(kv):
    store = CellStore(kv, 10**6)
    for until in (100, 200, 150):
        store.put(BLOB, [cell(1)], until)
    assert store.blob(BLOB).stored_until == 200
    assert store.prune(199) == 0
    assert store.prune(200) == 1
    assert list(kv.scan()) == []


def test_a_full_store_refuses_and_keeps_what_it_has(kv):
    store = CellStore(kv, 2 * 2096)
    store.put(BLOB, [cell(1), cell(2)], 100)
    with pytest.raises(StoreFull, match="4192 of 4192 bytes are taken, 2096 more"):
        store.put(OTHER, [cell(1)], 100)
    assert store.cells(BLOB, 6) == (cell(1), cell(2))
    assert store.blob(OTHER) is None


class FullDisk(MemoryStore):
    """A store whose disk has no room left from some moment on."""

    is_full = False

    def write(self, puts, deletes=(), *, sync):
        if self.is_full and puts:
            raise StorageError("No space left on device")
        super().write(puts, deletes, sync=sync)


def test_a_full_disk_refuses_and_loses_nothing():
    kv = FullDisk()
    store = CellStore(kv, 10**9)
    store.put(BLOB, [cell(1)], 100)
    kv.is_full = True
    with pytest.raises(StoreFull, match="No space left"):
        store.put(BLOB, [cell(2)], 100)
    assert store.cells(BLOB, 6) == (cell(1),)
    assert store.cell_count == 1
    kv.is_full = False
    assert store.put(BLOB, [cell(2)], 100) == 1
