"""Sampling one blob: what is drawn, when it is enough, when it is refused, what a disk keeps."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import DecodeError
from rollup.da.confidence import confidence, extended_sample_count, miss_probability
from rollup.da.errors import CellOfAnotherBlob, MalformedInput, WrongIndex
from rollup.da.reconstruction import Reconstruction
from rollup.da.sampler import Sampling, SamplingPlan, Verdict, draw_indices

COMMITMENT = b"\xc0" + bytes(47)
PLAN = SamplingPlan(samples=8, attempts=2)


def entropy(number):
    return number.to_bytes(32, "big")


def begin(number=1, plan=PLAN):
    return Sampling.begin(COMMITMENT, entropy(number), plan)


def test_probabilities_are_those_of_the_hypergeometric_distribution():
    assert miss_probability(8) == Fraction(3872894697, 1429702652400)
    assert f"{float(miss_probability(8)):.3%}" == "0.271%"
    assert f"{float(miss_probability(4)):.1%}" == "5.6%"
    assert f"{float(miss_probability(16)):.1e}" == "3.9e-06"
    assert miss_probability(0) == 1
    assert miss_probability(64) == 0


def test_sample_counts_with_tolerated_failures_are_those_of_the_specification():
    table = [extended_sample_count(16, tolerated) for tolerated in range(9)]
    assert table == [16, 20, 24, 27, 29, 32, 35, 37, 40]


def test_more_failures_than_any_number_of_cells_makes_up_for():
    with pytest.raises(ValueError, match="cannot be tolerated"):
        SamplingPlan(samples=16, tolerated=65)


def test_each_index_is_drawn_once_and_each_node_draws_its_own():
    drawn = [draw_indices(COMMITMENT, entropy(number), 128) for number in range(20)]
    assert all(sorted(each) == list(range(128)) for each in drawn)
    assert len(set(drawn)) == 20


def test_the_draw_depends_on_the_commitment():
    other = b"\xc1" + COMMITMENT[1:]
    assert draw_indices(COMMITMENT, entropy(1), 8) != draw_indices(other, entropy(1), 8)


def test_entropy_of_another_size_is_refused():
    with pytest.raises(MalformedInput, match="31 bytes of entropy"):
        draw_indices(COMMITMENT, bytes(31), 8)


def test_all_cells_held_make_a_blob_available():
    sampling = begin()
    assert sampling.confidence == 0
    for index in sampling.to_ask():
        assert sampling.verdict is Verdict.PENDING
        sampling.held(index)
    assert sampling.verdict is Verdict.AVAILABLE
    assert sampling.to_ask() == ()
    assert sampling.confidence == 1 - miss_probability(8)


def test_an_index_fails_when_its_attempts_are_spent_and_one_is_enough_to_refuse():
    sampling = begin()
    first = sampling.to_ask()[0]
    sampling.failed(first)
    assert first in sampling.to_ask()
    sampling.failed(first)
    assert sampling.verdict is Verdict.WITHHELD
    assert sampling.failed_indices == (first,)
    assert sampling.confidence == 0
    sampling.held(first)
    assert sampling.verdict is Verdict.WITHHELD, "too late"


def test_a_cell_that_comes_on_the_second_attempt_is_held():
    sampling = begin()
    for index in sampling.to_ask():
        sampling.failed(index)
        sampling.held(index)
    assert sampling.verdict is Verdict.AVAILABLE


def test_tolerated_failures_cost_more_cells():
    sampling = begin(plan=SamplingPlan(samples=8, tolerated=2, attempts=1))
    asked = sampling.to_ask()
    assert len(asked) == extended_sample_count(8, 2) > 8
    for index in asked[:2]:
        sampling.failed(index)
    for index in asked[2:]:
        sampling.held(index)
    assert sampling.verdict is Verdict.AVAILABLE
    assert sampling.confidence >= 1 - miss_probability(8)


def test_after_a_refusal_everything_is_drawn_anew_and_counts_against_the_confidence():
    sampling = begin()
    before = sampling.indices
    for _ in range(2):
        sampling.failed(before[0])
    sampling.draw_again(entropy(2))
    assert sampling.indices != before
    assert len(sampling.to_ask()) == 8
    for index in sampling.to_ask():
        sampling.held(index)
    assert sampling.confidence == confidence(8, rounds=2) == 1 - 2 * miss_probability(8)


def test_a_cell_that_was_not_drawn_is_nobodys_business():
    sampling = begin()
    other = next(index for index in range(128) if index not in sampling.indices)
    for report in (sampling.held, sampling.failed):
        with pytest.raises(WrongIndex, match=f"cell {other} was not drawn"):
            report(other)


@given(
    st.integers(0, 1000), st.integers(0, 3), st.lists(st.tuples(st.integers(0, 7), st.booleans()))
)
def test_a_disk_gives_back_what_was_written(number, tolerated, reports):
    sampling = begin(number, SamplingPlan(8, tolerated, 2))
    for place, is_held in reports:
        report = sampling.held if is_held else sampling.failed
        report(sampling.indices[place])
    again = Sampling.decode(sampling.encode())
    assert again == sampling
    assert again.encode() == sampling.encode()


@given(st.integers(0, 60), st.integers(0, 7), st.booleans())
def test_a_damaged_state_is_refused_or_is_another_whole_state(place, bit, cut):
    data = bytearray(begin().encode())
    if cut:
        data = data[:place]
    else:
        data[place % len(data)] ^= 1 << bit
    with suppress(DecodeError):
        assert Sampling.decode(bytes(data)).encode() == bytes(data)


def test_a_reconstruction_takes_no_cell_of_another_blob():
    with pytest.raises(CellOfAnotherBlob, match="cell of blob 0xc1"):
        Reconstruction(COMMITMENT).add(b"\xc1" + bytes(47), ())
