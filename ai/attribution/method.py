"""What an attribution method is: a score for each row of a snapshot, given one answer.

A new method is one file that implements `AttributionMethod` and a name in the evidence. Knows
nothing of contributors or money: shares.py turns scores into parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

SCORE_ONE: Final = 1_000_000
"""Scores are integers in ppm of the largest score, so that they can be hashed and compared."""

FLOOR_PPM: Final = 100_000
"""A tenth of the best row's influence: below lies the noise of unlike rows, which earns nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The tokens of one answer: those of the prompt as the model saw it, those that it produced."""

    prompt_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]


class AttributionMethod(Protocol):
    """Scores rows for one adapter and the snapshot it was trained on."""

    name: str

    def score(self, answer: Answer) -> tuple[int, ...]:
        """One score a row, 0 to SCORE_ONE; 0 for rows that did not help."""


def quantise(scores: Sequence[float], floor_ppm: int, step_ppm: int) -> tuple[int, ...]:
    """Real scores as ppm of the largest, in steps, with what lies below the floor set to 0.

    Harmful and unrelated rows (negative scores, noise under the floor) earn nothing. The step keeps
    differences between machines in the last place, where an auditor's tolerance covers them.
    """
    largest = max(scores, default=0.0)
    if largest <= 0.0:
        return (0,) * len(scores)
    scaled = (
        round(max(0.0, score) / largest * SCORE_ONE / step_ppm) * step_ppm for score in scores
    )
    return tuple(score if score >= floor_ppm else 0 for score in scaled)
