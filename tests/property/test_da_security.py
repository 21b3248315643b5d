"""EigenDA's security parameters, 55 / 33 / 45 and 22 %, as laws over generated committees."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import combinations

import pytest
from da_committee import make_committee
from hypothesis import given
from hypothesis import strategies as st

from rollup.da.custody import custody_cells
from rollup.da.security import (
    EIGENDA_V2,
    ErasureScheme,
    UnsafeCommittee,
    assignments,
    blinding_stake,
    check_committee,
    node_id,
)

CONFIRMATION, SAFETY, LIVENESS = Fraction(55, 100), Fraction(33, 100), Fraction(45, 100)
STAKES = st.lists(st.integers(1, 10**12), min_size=1, max_size=60)


def needed(scheme):
    return scheme.chunks // scheme.coding_rate


def test_the_published_numbers():
    assert f"{float(EIGENDA_V2.reconstruction):.1%}" == "22.0%"
    assert EIGENDA_V2.reconstruction < Fraction(22, 100)
    assert EIGENDA_V2.is_safe(CONFIRMATION, SAFETY)
    assert not EIGENDA_V2.is_safe(CONFIRMATION, Fraction(34, 100))
    assert LIVENESS == 1 - CONFIRMATION


@given(STAKES)
def test_chunks_are_disjoint_and_there_are_enough(stakes):
    assert sum(EIGENDA_V2.assigned(stakes)) <= EIGENDA_V2.chunks


@given(STAKES, st.randoms(use_true_random=False))
def test_any_22_percent_of_the_stake_give_the_data_back(stakes, source):
    chunks = EIGENDA_V2.assigned(stakes)
    order = list(range(len(stakes)))
    source.shuffle(order)
    chosen, stake = [], 0
    for index in order:
        if stake >= EIGENDA_V2.reconstruction * sum(stakes):
            break
        chosen.append(index)
        stake += stakes[index]
    assert sum(chunks[index] for index in chosen) >= needed(EIGENDA_V2)


@given(STAKES, st.randoms(use_true_random=False))
def test_what_55_percent_confirm_survives_33_percent_of_liars(stakes, source):
    total = sum(stakes)
    order = list(range(len(stakes)))
    source.shuffle(order)
    signers: list[int] = []
    for index in order:
        if sum(stakes[i] for i in signers) >= CONFIRMATION * total:
            break
        signers.append(index)
    liars: list[int] = []
    for index in sorted(signers, key=lambda i: -EIGENDA_V2.assigned(stakes)[i]):
        if sum(stakes[i] for i in (*liars, index)) <= SAFETY * total:
            liars.append(index)
    honest = [index for index in signers if index not in liars]
    assert sum(EIGENDA_V2.assigned(stakes)[i] for i in honest) >= needed(EIGENDA_V2)


@given(STAKES)
def test_with_45_percent_away_the_rest_can_still_confirm(stakes):
    total = sum(stakes)
    away = 0
    for stake in stakes:
        if away + stake <= LIVENESS * total:
            away += stake
    assert total - away >= CONFIRMATION * total


@given(
    st.integers(1, 100), st.integers(1, 20), st.lists(st.integers(1, 9), min_size=1, max_size=20)
)
def test_other_schemes_keep_the_same_law(spare, rate, stakes):
    scheme = ErasureScheme((len(stakes) + spare) * rate, len(stakes), rate)
    chunks, total = scheme.assigned(stakes), sum(stakes)
    assert sum(chunks) <= scheme.chunks
    for size in (1, 2):
        for chosen in combinations(range(len(stakes)), min(size, len(stakes))):
            if sum(stakes[i] for i in chosen) >= scheme.reconstruction * total:
                assert sum(chunks[i] for i in chosen) >= needed(scheme)


# -- our own committees, whose custody follows from node ids


def test_operators_of_64_groups_are_safe_at_55_and_33():
    """Each of them alone gives a blob back, so 22 % of honest signers do."""
    check_committee(make_committee((30, 25, 20, 15, 10)))


def test_operators_of_few_groups_are_refused_with_what_to_change():
    with pytest.raises(UnsafeCommittee, match="raise confirmation_percent or custody_groups"):
        check_committee(make_committee((1,) * 8, custody_groups=16))


def test_few_groups_are_safe_when_nearly_all_have_to_confirm():
    check_committee(
        make_committee((1,) * 16, custody_groups=16, confirmation_percent=94, safety_percent=10)
    )


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 60)), min_size=1, max_size=7))
def test_the_blinding_stake_is_that_of_the_worst_set(members):
    source = random.Random(1)
    operators = [
        (stake, sum(1 << cell for cell in source.sample(range(128), cells)))
        for stake, cells in members
    ]
    worst = 0
    for size in range(1, len(operators) + 1):
        for chosen in combinations(operators, size):
            cells = 0
            for _, held in chosen:
                cells |= held
            if cells.bit_count() < 64:
                worst = max(worst, sum(stake for stake, _ in chosen))
    assert blinding_stake(operators) == worst


@given(st.integers(1, 16), st.integers(1, 128))
def test_every_cell_has_two_holders_besides_custody_by_node_id(operators, groups):
    committee = make_committee((1,) * operators, custody_groups=groups)
    kept = assignments(committee)
    for cell in range(128):
        assert sum(cell in cells for cells in kept) >= min(2, operators)
    for operator, cells in zip(committee.operators, kept, strict=True):
        assert set(custody_cells(node_id(operator.identity), groups)) <= set(cells)
