"""How much each sender may have stored: bursts, refill, strangers, many addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.da.quota import BURST_BYTES, MAX_SENDERS, REFILL_BYTES_S, QuotaExceeded, StoreQuota


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
    assert len(quota._buckets) == MAX_SENDERS


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
