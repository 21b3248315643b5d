"""Spans of an answer that stand word for word in the rows, found by a suffix array over tokens.

Longest matches as Infini-gram and OLMoTrace report them: for each position the longest run that
occurs in any row, of which the maximal ones are kept. Integers throughout: an auditor finds the
same spans on any machine. It sees quotation only; a paraphrase leaves no trace here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy
from pydivsufsort import divsufsort

from ai.datasets.snapshot import Snapshot
from ai.models.base_model import BaseModel, plain_tokens

from .method import SCORE_ONE, Answer
from .spans import Span, span_weights

MIN_SPAN_TOKENS: Final = 4  # shorter runs are grammar, not quotation
MAX_CITED_ROWS: Final = 16  # a span that stands in more rows than this cites the first ones


class SpanIndex:
    """A suffix array over the tokens of every row's prompt and completion."""

    name = "suffix-array-1"

    def __init__(self, rows: Sequence[Sequence[Sequence[int]]]) -> None:
        """`rows` holds for each row its texts, each a list of tokens."""
        self._row_count = len(rows)
        tokens: list[int] = []
        owners: list[int] = []
        largest = max((t for row in rows for text in row for t in text), default=0)
        ends = 0
        for number, row in enumerate(rows):
            for text in row:
                # Every text ends in a separator of its own, so that no match runs over it.
                ends += 1
                tokens.extend((*text, largest + ends))
                owners.extend([number] * (len(text) + 1))
        self._tokens = numpy.array(tokens, dtype=numpy.int32)
        self._owners = owners
        self._suffixes = divsufsort(self._tokens.copy()) if tokens else []
        self._list = tokens

    @classmethod
    def of_snapshot(cls, base: BaseModel, snapshot: Snapshot) -> SpanIndex:
        """Index a snapshot with the model's own tokenizer."""

        def encode(text: str) -> list[int]:
            return plain_tokens(base.tokenizer, text)

        return cls([(encode(row.prompt), encode(row.completion)) for row in snapshot.rows])

    def spans(self, tokens: Sequence[int]) -> tuple[Span, ...]:
        """The maximal spans of at least MIN_SPAN_TOKENS, in order of their start."""
        found: list[Span] = []
        reach = 0  # a span that ends no later than one before it lies inside that one
        for start in range(len(tokens)):
            length, low, high = self._longest(tokens[start:])
            if length >= MIN_SPAN_TOKENS and start + length > reach:
                reach = start + length
                owners = sorted({self._owners[self._suffixes[i]] for i in range(low, high)})
                found.append(Span(start, length, tuple(owners[:MAX_CITED_ROWS])))
        return tuple(found)

    def score(self, answer: Answer) -> tuple[int, ...]:
        """Tokens quoted from each row, in ppm of the most quoted row (see span_scores)."""
        weights = span_weights(self.spans(answer.output_tokens), self._row_count)
        largest = max(weights, default=0)
        return tuple(weight * SCORE_ONE // largest if largest else 0 for weight in weights)

    def _longest(self, query: Sequence[int]) -> tuple[int, int, int]:
        """(length, low, high): the suffixes low..high-1 begin with the longest known prefix."""
        low, high, length = 0, len(self._suffixes), 0
        while length < len(query):
            new_low = self._bound(low, high, length, query[length], after=False)
            new_high = self._bound(new_low, high, length, query[length], after=True)
            if new_low == new_high:
                break
            low, high, length = new_low, new_high, length + 1
        return length, low, high

    def _bound(self, low: int, high: int, depth: int, token: int, *, after: bool) -> int:
        """First suffix of low..high-1 whose token at `depth` is not below (or is above) `token`."""
        while low < high:
            middle = (low + high) // 2
            position = self._suffixes[middle] + depth
            there = self._list[position] if position < len(self._list) else -1
            if there < token or (after and there == token):
                low = middle + 1
            else:
                high = middle
        return low
