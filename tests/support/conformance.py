"""What every KeyValueStore must do, as tests. A backend's test class derives from this one and
gives a fixture `store`; a backend that outlives its process also derives from Durable.
"""

from __future__ import annotations

from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.storage import StoreClosed

keys = st.binary(min_size=1, max_size=3)
batches = st.lists(
    st.tuples(st.dictionaries(keys, st.binary(max_size=8), max_size=6), st.lists(keys, max_size=4)),
    max_size=8,
)


class KeyValueConformance:
    """Derive, and define a fixture `store` that gives an empty open store."""

    def test_absent_key_reads_as_none(self, store):
        assert store.get(b"nothing") is None

    def test_written_value_reads_back(self, store):
        store.write({b"a": b"1", b"b": b""}, sync=True)
        assert (store.get(b"a"), store.get(b"b")) == (b"1", b"")

    def test_unsynced_write_is_seen_at_once(self, store):
        store.write({b"a": b"1"}, sync=False)
        assert store.get(b"a") == b"1"

    def test_later_write_replaces_the_value(self, store):
        store.write({b"a": b"1"}, sync=True)
        store.write({b"a": b"2"}, sync=True)
        assert store.get(b"a") == b"2"

    def test_deleted_key_is_gone_and_deleting_an_absent_one_does_nothing(self, store):
        store.write({b"a": b"1"}, sync=True)
        store.write({}, [b"a", b"never"], sync=True)
        assert store.get(b"a") is None
        assert list(store.scan()) == []

    def test_key_deleted_and_put_in_one_batch_is_put(self, store):
        store.write({b"a": b"1"}, sync=True)
        store.write({b"a": b"2"}, [b"a"], sync=True)
        assert store.get(b"a") == b"2"

    def test_scan_gives_the_keys_of_a_prefix_in_order(self, store):
        store.write({b"b2": b"y", b"a": b"w", b"b1": b"x", b"c": b"z", b"b": b"v"}, sync=True)
        assert list(store.scan(b"b")) == [(b"b", b"v"), (b"b1", b"x"), (b"b2", b"y")]
        assert [key for key, _ in store.scan()] == [b"a", b"b", b"b1", b"b2", b"c"]

    def test_scan_of_a_prefix_of_highest_bytes_ends_at_the_end(self, store):
        store.write({b"\xff\xff": b"1", b"\xff\xff\x00": b"2", b"\xfe": b"3"}, sync=True)
        assert list(store.scan(b"\xff\xff")) == [(b"\xff\xff", b"1"), (b"\xff\xff\x00", b"2")]

    def test_scan_shows_the_store_as_it_was_when_called(self, store):
        store.write({b"a": b"1", b"b": b"2"}, sync=True)
        found = store.scan()
        store.write({b"a": b"9", b"c": b"3"}, [b"b"], sync=True)
        assert list(found) == [(b"a", b"1"), (b"b", b"2")]

    def test_compacting_changes_nothing_that_is_stored(self, store):
        store.write({b"a": b"1", b"b": b"2", b"c": b"3"}, sync=True)
        store.write({b"a": b"9"}, [b"b"], sync=True)
        store.compact(b"a", b"c")
        assert list(store.scan()) == [(b"a", b"9"), (b"c", b"3")]

    def test_large_value_reads_back(self, store):
        store.write({b"code": bytes(range(256)) * 4096}, sync=True)
        assert store.get(b"code") == bytes(range(256)) * 4096

    def test_everything_refuses_after_close(self, store):
        store.close()
        store.close()
        for use in (
            lambda: store.get(b"a"),
            lambda: store.write({b"a": b"1"}, sync=True),
            lambda: list(store.scan()),
            lambda: store.compact(b"a", b"b"),
        ):
            with pytest.raises(StoreClosed):
                use()

    def test_threads_write_and_read_side_by_side(self, store):
        seen: list[bytes | None] = []

        def work(name: int) -> None:
            for step in range(50):
                key = bytes((name, step))
                store.write({key: bytes((step,))}, sync=False)
                seen.append(store.get(key))

        threads = [Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(seen) == sorted([bytes((step,)) for step in range(50)] * 4)
        assert len(list(store.scan())) == 200

    # The store is emptied for each example, and each backend is an executor on purpose.
    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        deadline=None,
    )
    @given(batches)
    def test_any_batches_leave_what_a_dict_would_hold(self, store, run):
        store.write({}, [key for key, _ in store.scan()], sync=False)
        model: dict[bytes, bytes] = {}
        for puts, deletes in run:
            store.write(puts, deletes, sync=False)
            for key in deletes:
                model.pop(key, None)
            model.update(puts)
        assert list(store.scan()) == sorted(model.items())
        assert all(store.get(key) == value for key, value in model.items())


class DurableConformance(KeyValueConformance):
    """Derive, and define a fixture `reopen`: a function that closes a store and opens it again."""

    def test_synced_write_is_there_after_reopening(self, store, reopen):
        store.write({b"a": b"1", b"b": b"2"}, sync=True)
        store.write({}, [b"b"], sync=True)
        again = reopen(store)
        assert list(again.scan()) == [(b"a", b"1")]
