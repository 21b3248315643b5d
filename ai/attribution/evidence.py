"""The evidence behind a list of shares, in a form that a stranger can check.

Its hash goes on chain with the answer, its bytes into the content store. From the integers in it
anyone recomputes the shares exactly; with the adapter and the rows anyone recomputes the spans
exactly and the influence scores within a tolerance. Knows nothing of torch.
Format: docs/protocol/attribution-evidence.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from ai.content import content_hash, exact_json, parse_exact_json
from ai.datasets.snapshot import Snapshot
from chain.attestation import Share, shares_root
from chain.errors import DecodeError, StemmaError
from chain.types import Hash32, to_address, to_hash32

from .method import FLOOR_PPM, SCORE_ONE
from .shares import contributor_shares, row_weights
from .spans import Span, covered_tokens, span_weights

EVIDENCE_FORMAT: Final = "stemma-evidence-1"
MAX_EVIDENCE_ROWS: Final = 1_000_000
# Two machines with other vector units differ by some 0.5 % in trained weights (facts: AVX2 against
# AVX-512), and by less in scores from the same weights; ten steps of the quantisation.
DEFAULT_TOLERANCE_PPM: Final = 10_000

_HASHES: Final = ("adapter_id", "base_model", "snapshot_root", "prompt_hash", "output_hash")


class EvidenceMismatch(StemmaError):
    """Evidence does not lead to what it claims; the message names both sides."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an answer's money goes where it goes.

    `influence` holds (row number, ppm of the largest score) for each row with a score, ascending;
    `spans` what the answer quotes; `shares` what follows for the contributors.
    """

    adapter_id: Hash32
    base_model: Hash32
    datanet_id: int
    snapshot_root: Hash32
    prompt_hash: Hash32
    output_hash: Hash32
    influence_method: str
    span_method: str
    row_count: int
    output_tokens: int
    influence: tuple[tuple[int, int], ...]
    spans: tuple[Span, ...]
    shares: tuple[Share, ...]

    def to_json(self) -> bytes:
        """The canonical JSON whose keccak256 is the evidence hash."""
        return exact_json(self._value())

    @property
    def hash(self) -> Hash32:
        """keccak256 of the canonical JSON."""
        return content_hash(self._value())

    @property
    def shares_root(self) -> Hash32:
        """The Merkle root over the shares, as proof_of_attribution computes it."""
        return shares_root(self.shares)

    def row_shares(self) -> tuple[tuple[int, int], ...]:
        """(row number, weight) of each row that counts, heaviest first: what to cite."""
        weights = self._weights()
        order = sorted((n for n in range(self.row_count) if weights[n]), key=lambda n: -weights[n])
        return tuple((number, weights[number]) for number in order)

    def _weights(self) -> list[int]:
        influence = [0] * self.row_count
        for row, score in self.influence:
            influence[row] = score
        return row_weights(
            influence,
            span_weights(self.spans, self.row_count),
            covered_tokens(self.spans),
            self.output_tokens,
        )

    def expected_shares(self, snapshot: Snapshot) -> tuple[Share, ...]:
        """The shares that follow from the scores in here. Raises EvidenceMismatch."""
        if snapshot.root != self.snapshot_root or len(snapshot.rows) != self.row_count:
            raise EvidenceMismatch(
                f"evidence is over {self.row_count} rows of snapshot 0x{self.snapshot_root.hex()}, "
                f"given {len(snapshot.rows)} rows of 0x{snapshot.root.hex()}"
            )
        contributors = [row.contributor for row in snapshot.rows]
        return tuple(contributor_shares(contributors, self._weights()))

    def _value(self) -> dict[str, Any]:
        value: dict[str, Any] = {name: "0x" + getattr(self, name).hex() for name in _HASHES}
        value.update(
            format=EVIDENCE_FORMAT,
            datanet_id=self.datanet_id,
            influence_method=self.influence_method,
            span_method=self.span_method,
            row_count=self.row_count,
            output_tokens=self.output_tokens,
            influence=[list(pair) for pair in self.influence],
            spans=[[span.start, span.length, list(span.rows)] for span in self.spans],
            shares=[["0x" + account.hex(), ppm] for account, ppm in self.shares],
        )
        return value


def check_shares(evidence: Evidence, snapshot: Snapshot) -> None:
    """Recompute the shares from the evidence's own scores. Raises EvidenceMismatch."""
    expected = evidence.expected_shares(snapshot)
    if expected != evidence.shares:
        raise EvidenceMismatch(
            f"shares claimed {_show(evidence.shares)}, shares that follow from the scores "
            f"{_show(expected)}"
        )


def check_scores(
    evidence: Evidence, again: Evidence, tolerance_ppm: int = DEFAULT_TOLERANCE_PPM
) -> None:
    """Compare evidence with a re-run: spans exactly, influence within a tolerance.

    The tolerance is in ppm of the largest score and holds for each row. A score that one side has
    and the other has put below the floor is measured from the floor. Raises EvidenceMismatch.
    """
    for name in (*_HASHES, "datanet_id", "row_count", "output_tokens", "spans"):
        claimed, found = getattr(evidence, name), getattr(again, name)
        if claimed != found:
            raise EvidenceMismatch(f"{name} claimed {claimed!r:.200}, found {found!r:.200}")
    left, right = dict(evidence.influence), dict(again.influence)
    for row in sorted(left.keys() | right.keys()):
        claimed, found = left.get(row, FLOOR_PPM), right.get(row, FLOOR_PPM)
        if abs(claimed - found) > tolerance_ppm:
            raise EvidenceMismatch(
                f"influence of row {row} claimed {left.get(row, 0)} ppm, found "
                f"{right.get(row, 0)} ppm, tolerance {tolerance_ppm}"
            )


def parse_evidence(data: bytes) -> Evidence:
    """Read evidence back from its canonical JSON. Raises DecodeError that names the field."""
    value = parse_exact_json(data, "evidence")
    if not isinstance(value, dict) or value.pop("format", None) != EVIDENCE_FORMAT:
        raise DecodeError(f"evidence: format is not {EVIDENCE_FORMAT}")
    expected = {field.name for field in fields(Evidence)}
    if set(value) != expected:
        raise DecodeError(f"evidence: fields missing or unknown: {sorted(set(value) ^ expected)}")
    for name in _HASHES:
        value[name] = to_hash32(_text(value[name], name))
    for name in ("influence_method", "span_method"):
        value[name] = _text(value[name], name)
    for name in ("datanet_id", "row_count", "output_tokens"):
        value[name] = _natural(value[name], name)
    if value["row_count"] > MAX_EVIDENCE_ROWS:
        raise DecodeError(f"evidence: row_count {value['row_count']}, limit {MAX_EVIDENCE_ROWS}")
    value["influence"] = _influence(value["influence"], value["row_count"])
    value["spans"] = _spans(value["spans"], value["row_count"], value["output_tokens"])
    value["shares"] = tuple(
        (to_address(_text(account, "shares")), _natural(ppm, "shares"))
        for account, ppm in _entries(value["shares"], 2, "shares")
    )
    return Evidence(**value)


def _influence(value: object, row_count: int) -> tuple[tuple[int, int], ...]:
    pairs = [
        (_natural(row, "influence"), _natural(score, "influence"))
        for row, score in _entries(value, 2, "influence")
    ]
    rows = [row for row, _ in pairs]
    if rows != sorted(set(rows)) or any(row >= row_count for row in rows):
        raise DecodeError("evidence: influence rows are not ascending row numbers")
    if any(not 0 < score <= SCORE_ONE for _, score in pairs):
        raise DecodeError(f"evidence: an influence score is not in 1 to {SCORE_ONE}")
    return tuple(pairs)


def _spans(value: object, row_count: int, output_tokens: int) -> tuple[Span, ...]:
    spans: list[Span] = []
    for start, length, rows in _entries(value, 3, "spans"):
        if not isinstance(rows, list):
            raise DecodeError("evidence: spans: rows are no list")
        span = Span(
            _natural(start, "spans"),
            _natural(length, "spans"),
            tuple(_natural(row, "spans") for row in rows),
        )
        inside = span.length > 0 and span.start + span.length <= output_tokens
        known = list(span.rows) == sorted(set(span.rows)) and all(r < row_count for r in span.rows)
        if not inside or not known or not span.rows:
            raise DecodeError(f"evidence: span {span} lies outside the output or the rows")
        spans.append(span)
    if [s.start for s in spans] != sorted({s.start for s in spans}):
        raise DecodeError("evidence: spans are not in ascending order")
    return tuple(spans)


def _entries(value: object, size: int, name: str) -> list[list[Any]]:
    if not isinstance(value, list) or len(value) > MAX_EVIDENCE_ROWS:
        raise DecodeError(f"evidence: {name} is not a list of at most {MAX_EVIDENCE_ROWS}")
    for number, entry in enumerate(value):
        if not isinstance(entry, list) or len(entry) != size:
            raise DecodeError(f"evidence: {name} entry {number} has not {size} members")
    return value


def _natural(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise DecodeError(f"evidence: {name}: {value!r:.40} is not a natural number")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise DecodeError(f"evidence: {name}: {value!r:.40} is not a short text")
    return value


def _show(shares: Sequence[Share]) -> str:
    return ", ".join(f"0x{account.hex()[:8]}…:{ppm}" for account, ppm in shares[:16])
