"""Both backends pass the one conformance suite; what only LevelDB can do wrong is here too."""

from __future__ import annotations

import pytest
from blocks import assert_consistent, grow
from conformance import DurableConformance, KeyValueConformance

from chain.storage import ChainStore, LevelStore, MemoryStore, StorageError


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

    @pytest.mark.parametrize("cut_bytes", [1, 300, 5000])
    def test_tail_lost_with_the_power_costs_the_last_blocks_only(self, store, tmp_path, cut_bytes):
        grow(ChainStore(store), None, 10)
        store.close()
        log = max((tmp_path / "kv").glob("*.log"))
        log.write_bytes(log.read_bytes()[:-cut_bytes])
        again = LevelStore(tmp_path / "kv")
        chain = ChainStore(again)
        assert 5 <= chain.heads().unsafe.number < 9
        assert_consistent(chain)
        again.close()

    def test_damage_in_the_middle_of_the_log_is_refused_not_skipped(self, store, tmp_path):
        grow(ChainStore(store), None, 10)
        store.close()
        log = max((tmp_path / "kv").glob("*.log"))
        data = bytearray(log.read_bytes())
        data[len(data) // 2] ^= 0xFF
        log.write_bytes(data)
        with pytest.raises(StorageError, match="Corruption: checksum mismatch"):
            LevelStore(tmp_path / "kv")

    def test_path_that_is_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StorageError, match="file"):
            LevelStore(tmp_path / "file")
