"""How much each sender may have stored: bursts, refill, strangers, many addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.da.quota import (
    BURST_BYTES,
    MAX_SENDERS,
    REFILL_BYTES_S,
    SHARE,
    SLICES,
    Holding,
    QuotaExceeded,
    StoreQuota,
    sender_of,
)

HOLDING = Holding(capacity_bytes=1_000, retention_s=1_600)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def quota(clock):
    return StoreQuota(clock)


def test_a_burst_is_taken_and_one_byte_more_is_not(quota):
    quota.take("a", BURST_BYTES)
    with pytest.raises(QuotaExceeded, match="a: 1 bytes of cells, 0 are left"):
        quota.take("a", 1)


def test_what_is_refused_is_not_counted(quota):
    for _ in range(3):
        with pytest.raises(QuotaExceeded):
            quota.take("a", BURST_BYTES + 1)
    quota.take("a", BURST_BYTES)


def test_the_bucket_fills_with_time_up_to_its_size(quota, clock):
    quota.take("a", BURST_BYTES)
    clock.now = 2.0
    quota.take("a", 2 * REFILL_BYTES_S)
    clock.now = 10_000.0
    quota.take("a", BURST_BYTES)
    with pytest.raises(QuotaExceeded):
        quota.take("a", 1)


def test_senders_do_not_share_a_bucket_and_their_number_is_bounded(quota):
    quota.take("a", BURST_BYTES)
    quota.take("b", BURST_BYTES)
    for number in range(2 * MAX_SENDERS):
        quota.take(str(number), 1)
    assert len(quota._senders) == MAX_SENDERS


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, BURST_BYTES)), max_size=50))
def test_nobody_gets_more_than_a_burst_and_what_time_brings(asked):
    clock = Clock()
    quota, taken = StoreQuota(clock), 0
    for pause, size in asked:
        clock.now += pause
        try:
            quota.take("a", size)
            taken += size
        except QuotaExceeded:
            pass
    assert taken <= BURST_BYTES + clock.now * REFILL_BYTES_S + 1


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_addresses_that_come_free_are_one_sender(address, sender):
    assert sender_of(address) == sender


def test_one_ipv6_network_has_one_bucket(quota):
    quota.take("2001:db8::1", BURST_BYTES)
    with pytest.raises(QuotaExceeded, match="2001:db8::/64"):
        quota.take("2001:db8::2", 1)


@pytest.fixture
def shared(clock):
    return StoreQuota(clock, HOLDING)


def test_nobody_has_more_than_a_share_of_the_store(shared):
    share = int(HOLDING.capacity_bytes * SHARE)
    shared.take("a", share)
    shared.stored("a", share)
    with pytest.raises(QuotaExceeded, match="500 of its are kept here and 500 may be"):
        shared.take("a", 1)
    shared.take("b", share)


def test_what_was_not_stored_takes_nothing_of_the_share(shared):
    for _ in range(100):
        shared.take("a", 400)
        shared.stored("a", 0)
    shared.take("a", 500)


def test_the_share_comes_back_when_the_store_has_forgotten(shared, clock):
    shared.stored("a", 300)
    clock.now = 800.0
    shared.stored("a", 200)
    for now in (HOLDING.retention_s - 1.0, float(HOLDING.retention_s)):
        clock.now = now
        with pytest.raises(QuotaExceeded):
            shared.take("a", 1)
    clock.now = HOLDING.retention_s * (1 + 1 / SLICES)
    shared.take("a", 300)
    with pytest.raises(QuotaExceeded):
        shared.take("a", 301)


@given(st.lists(st.tuples(st.floats(0, 500), st.integers(0, 600)), max_size=60))
def test_in_no_time_of_retention_more_than_the_share_is_stored(asked):
    clock = Clock()
    quota, stored = StoreQuota(clock, HOLDING), []
    for pause, size in asked:
        clock.now += pause
        try:
            quota.take("a", size)
        except QuotaExceeded:
            continue
        quota.stored("a", size)
        stored.append((clock.now, size))
    for start, _ in stored:
        inside = [size for at, size in stored if start <= at < start + HOLDING.retention_s]
        assert sum(inside) <= HOLDING.capacity_bytes * SHARE
    assert len(quota._of("a").kept) <= SLICES + 1
