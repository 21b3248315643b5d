"""From scores to money's denominators: integer parts that add up to exactly 1,000,000.

Integers only; ties go to the lower key, so every machine divides alike. Knows nothing of how scores
are made. Format and worked example: docs/protocol/attribution-evidence.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from chain.attestation import SHARES_TOTAL_PPM, Share
from chain.split import split_largest_remainder
from chain.types import Address

from .method import SCORE_ONE

# The most that quotation can decide. An answer that quotes every token gives half to the quoted
# rows and half by influence: neither method alone can be gamed into the whole.
MAX_SPAN_PART_PPM: Final = 500_000

Key = TypeVar("Key", int, Address)


def divide(total: int, weights: Mapping[Key, int]) -> dict[Key, int]:
    """Divide `total` in proportion to natural weights, by largest remainder, ties by lower key.

    The parts add up to `total` exactly; keys with weight 0 get 0. Raises InvalidSplit if a weight
    is negative or all are 0.
    """
    keys = sorted(weights)
    return dict(zip(keys, split_largest_remainder(total, [weights[k] for k in keys]), strict=True))


def row_weights(
    influence: Sequence[int], quoted: Sequence[int], covered_tokens: int, output_tokens: int
) -> list[int]:
    """One natural weight a row from its two scores.

    Quotation decides MAX_SPAN_PART_PPM times the quoted part of the answer, influence the rest; a
    method without any score leaves its part to the other. If neither has one, all rows are equal:
    the answer still came from an adapter that was made of them.
    """
    span_part = MAX_SPAN_PART_PPM * covered_tokens // output_tokens if output_tokens else 0
    if not any(influence):
        span_part = SCORE_ONE
    if not any(quoted):
        if not any(influence):
            return [1] * len(influence)
        span_part = 0
    influence_parts = _normalised(influence)
    quoted_parts = _normalised(quoted)
    return [
        (SCORE_ONE - span_part) * i + span_part * q
        for i, q in zip(influence_parts, quoted_parts, strict=True)
    ]


def _normalised(scores: Sequence[int]) -> list[int]:
    if not any(scores):
        return [0] * len(scores)
    parts = divide(SCORE_ONE, dict(enumerate(scores)))
    return [parts[row] for row in range(len(scores))]


def contributor_shares(contributors: Sequence[Address], weights: Sequence[int]) -> list[Share]:
    """Shares in ppm, ascending by address, without zero shares; they sum to SHARES_TOTAL_PPM.

    `contributors[k]` is the contributor of row k. Raises ValueError if all weights are 0.
    """
    totals: dict[Address, int] = {}
    for contributor, weight in zip(contributors, weights, strict=True):
        totals[contributor] = totals.get(contributor, 0) + weight
    parts = divide(SHARES_TOTAL_PPM, totals)
    return [(account, parts[account]) for account in sorted(parts) if parts[account] > 0]
