"""How likely a sampler is fooled: hypergeometric, in exact fractions.

A blob cannot be put together when 65 of its 128 cells are withheld. A node that draws s of them
without replacement and tolerates L failures takes it for available with

    P(miss) = sum over k = 0..L of C(65, k) C(63, s - k) / C(128, s).

Source: consensus-specs, peer sampling of EIP-7594, get_extended_sample_count.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Final

from .erasure import CELLS_PER_BLOB, CELLS_TO_RECOVER

LEAST_WITHHELD: Final = CELLS_PER_BLOB - CELLS_TO_RECOVER + 1
"""65: the least that has to be withheld to hide a blob."""


def miss_probability(samples: int, tolerated: int = 0, withheld: int = LEAST_WITHHELD) -> Fraction:
    """Chance that at most `tolerated` of `samples` distinct cells are among the withheld.

    Raises ValueError on numbers that no blob has.
    """
    if not 0 <= tolerated <= samples <= CELLS_PER_BLOB or not 0 <= withheld <= CELLS_PER_BLOB:
        raise ValueError(
            f"{samples} samples, {tolerated} tolerated, {withheld} withheld of {CELLS_PER_BLOB}"
        )
    served = CELLS_PER_BLOB - withheld
    ways = sum(comb(withheld, k) * comb(served, samples - k) for k in range(tolerated + 1))
    return Fraction(ways, comb(CELLS_PER_BLOB, samples))


def confidence(samples: int, tolerated: int = 0, rounds: int = 1) -> Fraction:
    """1 - P(miss) after so many rounds, each with cells drawn anew, of which the last succeeded.

    Who tries again until it succeeds gives the adversary as many chances: the sum bounds them.
    """
    return max(Fraction(0), 1 - rounds * miss_probability(samples, tolerated))


def extended_sample_count(samples: int, tolerated: int) -> int:
    """How many to draw instead, so that tolerating failures fools no more often than drawing
    `samples` and tolerating none. Raises ValueError where no number does.
    """
    most = miss_probability(samples)
    for count in range(samples, CELLS_PER_BLOB + 1):
        if tolerated <= count and miss_probability(count, tolerated) <= most:
            return count
    raise ValueError(f"{tolerated} failures cannot be tolerated at the strength of {samples} cells")
