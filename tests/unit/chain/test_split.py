"""Dividing an amount exactly."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.split import InvalidSplit, split_largest_remainder

weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any)


def test_default_split_of_the_published_example():
    parts = split_largest_remainder(10**18, (1_000, 2_000, 2_000, 5_000))
    assert parts == [10**17, 2 * 10**17, 2 * 10**17, 5 * 10**17]


def test_largest_remainder_gets_the_unit_left_over():
    assert split_largest_remainder(10, (1, 1, 4)) == [2, 2, 6]  # 1.67, 1.67, 6.67
    assert split_largest_remainder(7, (5, 3, 2)) == [4, 2, 1]  # 3.5, 2.1, 1.4


def test_ties_go_to_the_first():
    assert split_largest_remainder(1, (1, 1, 1)) == [1, 0, 0]
    assert split_largest_remainder(5, (2, 2, 2)) == [2, 2, 1]


def test_weight_of_zero_gets_nothing():
    assert split_largest_remainder(5, (0, 3, 0, 4)) == [0, 2, 0, 3]


def test_amount_of_zero():
    assert split_largest_remainder(0, (3, 4)) == [0, 0]


@pytest.mark.parametrize(("total", "parts"), [(-1, (1,)), (5, (0, 0)), (5, (3, -1)), (5, ())])
def test_what_defines_no_split_is_refused(total, parts):
    with pytest.raises(InvalidSplit):
        split_largest_remainder(total, parts)


@given(st.integers(0, 2**256 - 1), weights)
def test_parts_sum_to_the_whole_and_stay_within_one_of_their_quota(total, parts):
    amounts = split_largest_remainder(total, parts)
    assert sum(amounts) == total
    for amount, weight in zip(amounts, parts, strict=True):
        quota = total * weight // sum(parts)
        assert quota <= amount <= quota + 1
        assert weight or amount == 0


@given(st.integers(0, 10**30), weights)
def test_a_larger_weight_never_gets_less(total, parts):
    amounts = split_largest_remainder(total, parts)
    ranked = sorted(zip(parts, amounts, strict=True))
    for (lower, less), (higher, more) in itertools.pairwise(ranked):
        assert lower == higher or less <= more
