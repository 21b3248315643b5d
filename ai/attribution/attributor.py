"""One adapter's attribution from end to end: answer in, evidence out.

Joins the two methods and the arithmetic of shares; keeps the adapter's row gradients between
answers. Knows nothing of signatures or of the chain.
"""

from __future__ import annotations

from pathlib import Path

from ai.adapters.store import StoredAdapter
from ai.datasets.snapshot import Snapshot
from ai.models.base_model import load_base_model, plain_tokens
from chain.types import Hash32

from .evidence import Evidence
from .influence import DataInf
from .method import Answer
from .shares import contributor_shares, row_weights
from .spans import covered_tokens, span_weights
from .suffix_array import SpanIndex


class Attributor:
    """Attributes the answers of one adapter to the rows of the snapshot it was trained on."""

    def __init__(self, base_directory: Path, adapter: StoredAdapter, snapshot: Snapshot) -> None:
        # A base model of its own: hooks and gradients must not meet the serving engine's.
        self._base = load_base_model(base_directory)
        self._adapter = adapter
        self._snapshot = snapshot
        self._spans = SpanIndex.of_snapshot(self._base, snapshot)
        self._influence = DataInf(self._base, adapter, snapshot)

    def prepare(self) -> None:
        """Compute the row gradients ahead of the first answer (about 20 ms a row)."""
        self._influence.prepare()

    def attribute(
        self,
        prompt_tokens: tuple[int, ...],
        output_text: str,
        prompt_hash: Hash32,
        output_hash: Hash32,
    ) -> Evidence:
        """Evidence for one answer.

        The output is tokenised from its text, so an auditor who has the text has the same tokens.
        """
        output = tuple(plain_tokens(self._base.tokenizer, output_text))
        answer = Answer(prompt_tokens, output)
        scores = self._influence.score(answer)
        spans = self._spans.spans(output)
        rows = self._snapshot.rows
        weights = row_weights(
            scores, span_weights(spans, len(rows)), covered_tokens(spans), len(output)
        )
        return Evidence(
            adapter_id=self._adapter.adapter_id,
            base_model=self._base.base_model_id,
            datanet_id=self._snapshot.datanet_id,
            snapshot_root=self._snapshot.root,
            prompt_hash=prompt_hash,
            output_hash=output_hash,
            influence_method=self._influence.name,
            span_method=self._spans.name,
            row_count=len(rows),
            output_tokens=len(output),
            influence=tuple((row, score) for row, score in enumerate(scores) if score),
            spans=spans,
            shares=tuple(contributor_shares([row.contributor for row in rows], weights)),
        )

    def quoted_text(self, output_text: str, start: int, length: int) -> tuple[int, int]:
        """(first, last + 1) characters of `output_text` that a span of tokens covers."""
        encoding = self._base.tokenizer(
            output_text,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
        )
        offsets = encoding["offset_mapping"][start : start + length]
        return (offsets[0][0], offsets[-1][1]) if offsets else (0, 0)
