"""Fees divided by the one-step verifier as by the chain, and numbers of more than a word."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from step_contracts import StepModule

from chain.split import (
    CONTRIBUTORS_BP,
    HOST_BP,
    PLATFORM_BP,
    STAKERS_BP,
    split_largest_remainder,
)

AMOUNTS = st.one_of(st.integers(0, 40), st.integers(0, 10**7), st.integers(0, 2**128 - 1))
WEIGHTS = (PLATFORM_BP, HOST_BP, STAKERS_BP, CONTRIBUTORS_BP)


@pytest.fixture(scope="module")
def module():
    return StepModule("splits_harness.vy")


@settings(max_examples=40)
@given(rest=AMOUNTS)
def test_what_royalties_leave(module, rest):
    found = module.result("divided(uint256)", "uint256[4]", rest)
    assert list(found) == split_largest_remainder(rest, WEIGHTS)


@st.composite
def shares(draw):
    """Up to 12 shares that sum to a million; many are equal."""
    cuts = draw(
        st.lists(
            st.one_of(st.integers(0, 1_000_000), st.sampled_from((250_000, 500_000, 750_000))),
            max_size=11,
        )
    )
    marks = [0, *sorted(cuts), 1_000_000]
    return [high - low for low, high in pairwise(marks)]


@settings(max_examples=40)
@given(amount=AMOUNTS, parts=shares())
def test_shares_of_a_part(module, amount, parts):
    found = module.result("split(uint256,uint256[])", "uint256[]", amount, parts)
    assert list(found) == split_largest_remainder(amount, parts)


@pytest.mark.parametrize(
    "number", [0, 10**39, 2**256 - 1, 2**256, 2**257 + 10**39, 10**78, 255 * 2**256 + 7]
)
def test_numbers_of_more_than_a_word(module, number):
    high, low = divmod(number, 2**256)
    found = module.result("wideDecimal(uint256,uint256)", "bytes", high, low)
    assert found == str(number).encode()
