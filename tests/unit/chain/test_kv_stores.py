"""Both backends pass the one conformance suite; what only LevelDB can do wrong is here too."""

from __future__ import annotations

import pytest
from conformance import DurableConformance, KeyValueConformance

from chain.storage import LevelStore, MemoryStore, StorageError


class TestMemoryStore(KeyValueConformance):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestLevelStore(DurableConformance):
    @pytest.fixture
    def store(self, tmp_path):
        store = LevelStore(tmp_path / "kv")
        yield store
        store.close()

    @pytest.fixture
    def reopen(self, tmp_path):
        opened = []

        def close_and_open(store):
            store.close()
            opened.append(LevelStore(tmp_path / "kv"))
            return opened[-1]

        yield close_and_open
        for store in opened:
            store.close()

    def test_opening_twice_is_refused_and_names_the_place(self, store, tmp_path):
        with pytest.raises(StorageError, match="kv"):
            LevelStore(tmp_path / "kv")

    def test_damaged_database_is_refused(self, store, tmp_path):
        store.write({b"a": b"1"}, sync=True)
        store.close()
        (tmp_path / "kv" / "CURRENT").write_bytes(b"nonsense\n")
        with pytest.raises(StorageError, match="cannot open"):
            LevelStore(tmp_path / "kv")

    def test_path_that_is_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StorageError, match="file"):
            LevelStore(tmp_path / "file")
