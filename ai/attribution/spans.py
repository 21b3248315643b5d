"""A span of an answer that stands in some rows, and what spans weigh. Integers, nothing else.

How spans are found is in suffix_array.py; this file is all that an auditor of shares needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .method import SCORE_ONE


@dataclass(frozen=True, slots=True)
class Span:
    """`length` output tokens from `start` stand in each of `rows` (ascending row numbers)."""

    start: int
    length: int
    rows: tuple[int, ...]


def span_weights(spans: Sequence[Span], row_count: int) -> list[int]:
    """Quoted tokens of each row in millionths: a span's tokens are shared by the rows it cites.

    Where spans overlap, a token counts for the earlier one only.
    """
    weights = [0] * row_count
    reach = 0
    for span in spans:
        fresh = max(0, span.start + span.length - max(span.start, reach))
        reach = max(reach, span.start + span.length)
        for row in span.rows:
            weights[row] += fresh * SCORE_ONE // len(span.rows)
    return weights


def covered_tokens(spans: Sequence[Span]) -> int:
    """How many output tokens lie in at least one span."""
    covered: set[int] = set()
    for span in spans:
        covered.update(range(span.start, span.start + span.length))
    return len(covered)
