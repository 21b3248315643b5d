"""Influence, spans, shares and evidence on a tiny model."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tiny_model import ALICE, BOB, CAROL

from ai.attribution.evidence import (
    EvidenceMismatch,
    check_scores,
    check_shares,
    parse_evidence,
)
from ai.attribution.method import Answer, quantise
from ai.attribution.shares import contributor_shares, divide, row_weights
from ai.attribution.spans import Span, covered_tokens, span_weights
from chain.errors import DecodeError
from chain.types import Hash32

ZERO = Hash32(bytes(32))


# ---------------------------------------------------------------- shares


def test_ties_of_the_remainder_go_to_the_lower_address() -> None:
    assert contributor_shares([CAROL, BOB, ALICE], [1, 1, 1]) == [
        (ALICE, 333_334),
        (BOB, 333_333),
        (CAROL, 333_333),
    ]


def test_contributors_without_weight_get_no_entry() -> None:
    assert contributor_shares([ALICE, BOB, ALICE], [1, 0, 2]) == [(ALICE, 1_000_000)]


@pytest.mark.parametrize("weights", [{}, {1: 0}, {1: -1, 2: 3}])
def test_nothing_can_be_divided_by_nothing(weights) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        divide(10, weights)


def test_half_of_a_fully_quoted_answer_goes_by_quotation() -> None:
    weights = row_weights([1_000_000, 0], [0, 10], covered_tokens=8, output_tokens=8)
    assert contributor_shares([ALICE, BOB], weights) == [(ALICE, 500_000), (BOB, 500_000)]


def test_a_method_without_scores_leaves_its_part_to_the_other() -> None:
    assert row_weights([0, 0], [0, 5], 1, 100)[0] == 0
    assert row_weights([3, 0], [0, 0], 0, 100)[1] == 0
    assert row_weights([0, 0], [0, 0], 0, 0) == [1, 1]


def test_quantise_drops_harm_and_noise() -> None:
    assert quantise([2.0, 1.0, 0.1, -5.0, 0.0], 100_000, 1_000) == (1_000_000, 500_000, 0, 0, 0)
    assert quantise([-1.0, 0.0], 1, 1) == (0, 0)
    assert quantise([], 1, 1) == ()


# ---------------------------------------------------------------- spans


def test_overlapping_spans_count_each_token_once() -> None:
    spans = (Span(0, 6, (0,)), Span(4, 6, (1, 2)))
    assert span_weights(spans, 4) == [6_000_000, 2_000_000, 2_000_000, 0]
    assert covered_tokens(spans) == 10


def test_longest_spans_are_found_and_cited() -> None:
    pytest.importorskip("pydivsufsort", reason="the span index needs pydivsufsort")
    from ai.attribution.suffix_array import SpanIndex

    index = SpanIndex([[[1, 2, 3, 4, 5, 6]], [[9, 3, 4, 5, 6, 7, 8]], [[], [50, 51]]])
    assert index.spans([1, 2, 3, 4, 5, 6, 7, 8]) == (Span(0, 6, (0,)), Span(2, 6, (1,)))
    assert index.spans([3, 4, 5, 6]) == (Span(0, 4, (0, 1)),)
    assert index.spans([1, 2, 3]) == ()
    assert index.spans([6, 9, 3, 4]) == ()  # no match runs from one row into the next
    assert index.score(Answer((), (3, 4, 5, 6, 7))) == (0, 1_000_000, 0)


def test_an_index_of_nothing_finds_nothing() -> None:
    pytest.importorskip("pydivsufsort", reason="the span index needs pydivsufsort")
    from ai.attribution.suffix_array import SpanIndex

    assert SpanIndex([]).spans([1, 2, 3, 4]) == ()


# ---------------------------------------------------------------- influence


@pytest.fixture(scope="module")
def attributor(trained):
    from ai.attribution.attributor import Attributor

    stored = trained.store.stored(trained.results[0].adapter_id)
    return Attributor(trained.base_directory, stored, trained.snapshot)


def prompt_of(trained, row) -> tuple[int, ...]:
    from ai.models.base_model import chat_tokens, load_tokenizer

    tokenizer = load_tokenizer(trained.base_directory)
    return tuple(chat_tokens(tokenizer, [{"role": "user", "content": row.prompt}]))


def test_gradients_by_hooks_are_those_of_autograd(trained) -> None:
    import torch
    from peft import PeftModel

    from ai.attribution.influence import PerRowGradients, _Sequence
    from ai.models.base_model import load_base_model, row_tokens

    base = load_base_model(trained.base_directory)
    path = trained.store.path(trained.results[0].adapter_id)
    model = PeftModel.from_pretrained(base.model, path, is_trainable=True).eval()
    rows = [
        row_tokens(base.tokenizer, r.prompt, r.completion, 100) for r in trained.snapshot.rows[:3]
    ]
    batched = PerRowGradients(model, 0, 3).of([_Sequence(tuple(i), s) for i, s in rows])
    for number, (ids, start) in enumerate(rows):
        model.zero_grad(set_to_none=True)
        tensor = torch.tensor([ids])
        logits = model(input_ids=tensor).logits[0, start - 1 : -1]
        torch.nn.functional.cross_entropy(logits, tensor[0, start:]).backward()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None and "lora_" in name:
                key = name.removesuffix(".default.weight")
                torch.testing.assert_close(
                    batched[key][number], parameter.grad.flatten(), atol=2e-5, rtol=1e-3
                )


def test_gradients_of_many_rows_keep_to_the_last_layers_or_are_refused(trained) -> None:
    from peft import PeftModel

    from ai.attribution.influence import MAX_GRADIENT_BYTES, SnapshotTooLarge, chosen_matrices
    from ai.models.base_model import load_base_model

    base = load_base_model(trained.base_directory)
    path = trained.store.path(trained.results[0].adapter_id)
    model = PeftModel.from_pretrained(base.model, path)
    assert len(chosen_matrices(model, 10)) == 2 * 7 * 2
    few = chosen_matrices(model, MAX_GRADIENT_BYTES // 4 // 2_000)
    assert 0 < len(few) < 28
    assert all("layers.1." in name for name, _ in few)
    with pytest.raises(SnapshotTooLarge, match="rows need more"):
        chosen_matrices(model, MAX_GRADIENT_BYTES)


def test_the_closed_form_is_the_formula_of_the_paper() -> None:
    torch = pytest.importorskip("torch", reason="influence needs torch")
    from ai.attribution.influence import _Block

    torch.manual_seed(0)
    rows, query = torch.randn(5, 7), torch.randn(7)
    damping = rows.square().mean() / 10
    hvp = torch.zeros(7)
    for g in rows:
        hvp += (query - (query @ g) / (damping + g @ g) * g) / (len(rows) * damping)
    block = _Block(rows)
    torch.testing.assert_close(block.influence(query), rows @ hvp)
    own = torch.stack([block.influence(g)[k] for k, g in enumerate(rows)])
    torch.testing.assert_close(block.self_influence(), own)


def test_a_row_that_is_answered_pays_its_own_contributor_most(trained, attributor) -> None:
    for number, row in enumerate(trained.snapshot.rows[:5]):
        evidence = attributor.attribute(prompt_of(trained, row), row.completion, ZERO, ZERO)
        assert evidence.row_shares()[0][0] == number
        shares = dict(evidence.shares)
        assert max(shares, key=lambda who: shares[who]) == row.contributor
        assert sum(shares.values()) == 1_000_000


def test_an_empty_answer_still_has_shares(trained, attributor) -> None:
    evidence = attributor.attribute(prompt_of(trained, trained.snapshot.rows[0]), "", ZERO, ZERO)
    assert sum(ppm for _, ppm in evidence.shares) == 1_000_000
    check_shares(evidence, trained.snapshot)


def test_quoted_text_is_found_in_characters(trained, attributor) -> None:
    row = trained.snapshot.rows[0]
    text = "Indeed. " + row.completion
    evidence = attributor.attribute(prompt_of(trained, row), text, ZERO, ZERO)
    assert evidence.spans
    first, last = attributor.quoted_text(text, evidence.spans[0].start, evidence.spans[0].length)
    assert text[first:last].strip() in row.completion


def test_special_tokens_in_an_answer_are_text_like_any_other(trained, attributor) -> None:
    row = trained.snapshot.rows[0]
    text = "<|end|><|assistant|>" + row.completion
    evidence = attributor.attribute(prompt_of(trained, row), text, ZERO, ZERO)
    first, last = attributor.quoted_text(text, evidence.spans[0].start, evidence.spans[0].length)
    assert text[first:last] == row.completion


# ---------------------------------------------------------------- evidence


@pytest.fixture(scope="module")
def evidence(trained, attributor):
    row = trained.snapshot.rows[3]
    return attributor.attribute(prompt_of(trained, row), row.completion, ZERO, ZERO)


def test_evidence_round_trips_and_its_shares_follow(trained, evidence) -> None:
    again = parse_evidence(evidence.to_json())
    assert again == evidence
    assert again.hash == evidence.hash
    assert again.shares_root == evidence.shares_root
    check_shares(again, trained.snapshot)


def test_a_second_run_gives_the_same_evidence(trained, evidence) -> None:
    from ai.attribution.attributor import Attributor

    stored = trained.store.stored(trained.results[0].adapter_id)
    other = Attributor(trained.base_directory, stored, trained.snapshot)
    row = trained.snapshot.rows[3]
    again = other.attribute(prompt_of(trained, row), row.completion, ZERO, ZERO)
    check_scores(evidence, again)
    assert again.to_json() == evidence.to_json()


def test_one_share_moved_by_one_is_refused(trained, evidence) -> None:
    (first, a), *rest = evidence.shares
    forged = replace(evidence, shares=((first, a - 1), *rest))
    with pytest.raises(EvidenceMismatch, match="shares claimed"):
        check_shares(forged, trained.snapshot)


def test_evidence_over_another_snapshot_is_refused(trained, evidence) -> None:
    other = replace(trained.snapshot, root=ZERO)
    with pytest.raises(EvidenceMismatch, match="snapshot"):
        check_shares(evidence, other)


def test_invented_scores_are_refused(evidence) -> None:
    with pytest.raises(EvidenceMismatch, match="influence of row"):
        check_scores(replace(evidence, influence=((0, 1_000_000),)), evidence)
    with pytest.raises(EvidenceMismatch, match="spans"):
        check_scores(replace(evidence, spans=()), evidence)
    shifted = tuple((row, max(1, score - 5_000)) for row, score in evidence.influence)
    check_scores(replace(evidence, influence=shifted), evidence)


@pytest.mark.parametrize(
    "alter",
    [
        lambda value: value.pop("spans"),
        lambda value: value.update(format="x"),
        lambda value: value.update(row_count=-1),
        lambda value: value.update(row_count=10**12),
        lambda value: value.update(adapter_id="0x12"),
        lambda value: value.update(influence=[[0, 0]]),
        lambda value: value.update(influence=[[1, 5], [0, 5]]),
        lambda value: value.update(influence=[[99, 5]]),
        lambda value: value.update(influence=[[0]]),
        lambda value: value.update(spans=[[0, 10_000, [0]]]),
        lambda value: value.update(spans=[[0, 1, [77]]]),
        lambda value: value.update(spans=[[0, 1, 3]]),
        lambda value: value.update(spans=[[1, 1, [0]], [0, 1, [0]]]),
        lambda value: value.update(shares=[["0x01", 5]]),
        lambda value: value.update(shares=5),
        lambda value: value.update(span_method=3),
    ],
)
def test_malformed_evidence_is_refused(evidence, alter) -> None:
    value = json.loads(evidence.to_json())
    alter(value)
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(DecodeError):
        parse_evidence(data)
