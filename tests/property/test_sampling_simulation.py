"""100,000 light nodes against an adversary who withholds: they miss as often as is computed.

The draw is the product's own, so a bias in it would show here.
"""

from __future__ import annotations

import random
from math import sqrt

import pytest

from rollup.da.confidence import miss_probability
from rollup.da.sampler import SamplingPlan, draw_indices

NODES = 100_000
COMMITMENT = b"\xc0" + bytes(47)
WITHHELD = 65


def draws(seed, count, nodes=NODES):
    source = random.Random(seed)
    for _ in range(nodes):
        yield draw_indices(COMMITMENT, source.randbytes(32), count)


def assert_agrees(misses, nodes, probability):
    expected = nodes * probability
    deviation = sqrt(nodes * probability * (1 - probability))
    assert abs(misses - expected) <= 3 * deviation, (misses, float(expected), deviation)


@pytest.mark.parametrize("samples", [4, 8, 16])
def test_nodes_miss_as_often_as_computed(samples):
    withheld = set(random.Random(99).sample(range(128), WITHHELD))
    misses = sum(withheld.isdisjoint(indices) for indices in draws(samples, samples))
    assert_agrees(misses, NODES, miss_probability(samples))


@pytest.mark.parametrize(("samples", "tolerated"), [(4, 1), (4, 3), (8, 1), (8, 2)])
def test_nodes_that_tolerate_failures_miss_as_often_as_computed(samples, tolerated):
    count = SamplingPlan(samples, tolerated).drawn
    withheld = set(range(WITHHELD))
    misses = sum(
        len(withheld.intersection(indices)) <= tolerated
        for indices in draws(100 + samples + tolerated, count)
    )
    probability = miss_probability(count, tolerated)
    assert probability <= miss_probability(samples)
    assert_agrees(misses, NODES, probability)


def test_who_serves_only_what_was_asked_before_fools_no_more_nodes():
    """The adversary may serve 63 cells and chooses them by what earlier nodes asked for.

    A node draws after it sees the commitment, on its own: what others asked says nothing about it,
    and whichever 63 are served it misses as if they had been fixed beforehand.
    """
    source = random.Random(7)
    popular = dict.fromkeys(range(128), 0)
    served: set[int] = set()
    misses = 0
    for indices in draws(8, 8):
        misses += served.issuperset(indices)
        for index in indices:
            popular[index] += 1
        if len(served) < 63:
            served.update(indices[: 63 - len(served)])
        elif source.random() < 0.01:
            # Adapts: the 63 that were asked for most so far.
            served = set(sorted(popular, key=lambda index: -popular[index])[:63])
    assert_agrees(misses, NODES, miss_probability(8))


def test_who_answers_as_it_is_asked_fools_few_before_the_blob_is_public():
    """Serving whatever is asked, up to 63 cells, satisfies some nodes at first; together they then
    hold nearly half, and one more answered cell gives the blob to everybody.
    """
    fooled = []
    for seed in range(200):
        served: set[int] = set()
        count = 0
        for indices in draws(1000 + seed, 8, nodes=100):
            if len(served.union(indices)) > 63:
                continue
            served.update(indices)
            count += 1
        fooled.append(count)
    assert max(fooled) <= 20


def test_serving_the_cells_of_a_refused_round_does_not_help_in_the_next():
    """Why a refused round is drawn anew: who then serves just what was asked would fool it."""
    rounds = zip(draws(5, 8), draws(6, 8), strict=True)
    assert sum(set(old).issuperset(new) for old, new in rounds) == 0
