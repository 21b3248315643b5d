"""The cache forgets the least recently used and never weighs more than it may."""

from __future__ import annotations

from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from chain.storage.cache import LruCache


def test_least_recently_used_entry_goes_first():
    cache: LruCache[int] = LruCache(2)
    cache.put([(b"a", 1, 1), (b"b", 2, 1)])
    assert cache.get(b"a") == 1
    cache.put([(b"c", 3, 1)])
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"c")) == (1, None, 3)


def test_entry_heavier_than_the_cache_is_not_kept():
    cache: LruCache[int] = LruCache(10)
    cache.put([(b"a", 1, 11)])
    assert (cache.get(b"a"), cache.weight) == (None, 0)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 9)), max_size=30))
def test_weight_is_the_sum_of_what_is_kept_and_within_bounds(puts):
    cache: LruCache[int] = LruCache(12)
    weights = {}
    for key, weight in puts:
        cache.put([(key, weight, weight)])
        weights[key] = weight
        kept = [key for key in weights if cache.get(key) is not None]
        assert cache.weight == sum(weights[key] for key in kept) <= 12


def test_discarded_entries_are_gone_and_weigh_nothing():
    cache: LruCache[int] = LruCache(10)
    cache.put([(b"a", 1, 3), (b"b", 2, 4)])
    cache.discard([b"a", b"never"])
    assert (cache.get(b"a"), cache.get(b"b"), cache.weight) == (None, 2, 4)


def test_threads_share_a_cache_without_losing_count():
    cache: LruCache[int] = LruCache(50)

    def work(name: int) -> None:
        for step in range(500):
            cache.put([(bytes((name, step % 40)), step, 1)])
            cache.get(bytes((name, (step + 1) % 40)))

    threads = [Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.weight == 50
