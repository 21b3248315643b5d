"""Properties of the AI side's formats and of its division of shares; no torch needed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai.attribution.evidence import Evidence, check_shares, parse_evidence
from ai.attribution.method import SCORE_ONE, quantise
from ai.attribution.shares import contributor_shares, row_weights
from ai.attribution.spans import Span, covered_tokens, span_weights
from ai.content import exact_json, parse_exact_json
from ai.datasets.rows import MalformedRow, content_root, decode_contribution, encode_contribution
from ai.datasets.snapshot import (
    Contribution,
    materialise,
    prove_row,
    snapshot_root,
    verify_row_proof,
)
from ai.datasets.store import ContentStore, CorruptContent
from ai.training.checkpoints import (
    Checkpoint,
    check_chain,
    checkpoints_root,
    decode_checkpoints,
    encode_checkpoints,
    next_link,
)
from ai.training.recipe import TrainingRecipe, parse_recipe
from chain.errors import DecodeError
from chain.types import Address, Hash32

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = st.none() | st.booleans() | st.integers() | texts
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
addresses = st.binary(min_size=20, max_size=20).map(Address)
rows = st.builds(
    lambda prompt, completion, extra: {
        **extra,
        "prompt": prompt,
        "completion": completion,
    },
    texts,
    texts.filter(lambda text: text.strip()),
    st.dictionaries(st.sampled_from(["source", "n", "system"]), scalars, max_size=3),
)
contributions_of_rows = st.lists(
    st.tuples(addresses, st.lists(rows, min_size=1, max_size=4)), min_size=1, max_size=4
)


@given(json_values)
def test_exact_json_round_trip(value) -> None:
    assert parse_exact_json(exact_json(value), "value") == value


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_decode_error(data) -> None:
    try:
        value = parse_exact_json(data, "value")
    except DecodeError:
        return
    assert exact_json(value) == data


@given(st.lists(rows, max_size=5))
def test_contribution_round_trip(given_rows) -> None:
    assert list(decode_contribution(encode_contribution(given_rows))) == given_rows


@given(st.lists(rows, min_size=1, max_size=4), st.data())
def test_an_altered_contribution_file_never_keeps_its_root(given_rows, data) -> None:
    contributor = Address(bytes(20))
    encoded = bytearray(encode_contribution(given_rows))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        altered = decode_contribution(bytes(encoded))
    except MalformedRow:
        return
    assert content_root(contributor, altered) != content_root(contributor, given_rows)


@settings(max_examples=25, deadline=None)
@given(contributions_of_rows, st.data())
def test_a_snapshot_is_rebuilt_row_for_row_and_an_altered_row_is_refused(given, data) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = ContentStore(Path(directory))
        contributions = [
            Contribution(1, n, who, store.put_contribution(who, theirs), len(theirs), bytes(32))
            for n, (who, theirs) in enumerate(given, start=1)
        ]
        root = snapshot_root(contributions)
        snapshot = materialise(store, 1, contributions, root)
        flat = [(who, row) for who, theirs in given for row in theirs]
        assert [(row.contributor, dict(row.row)) for row in snapshot.rows] == flat
        number = data.draw(st.integers(0, len(flat) - 1))
        assert verify_row_proof(prove_row(snapshot, number), root)

        victim = data.draw(st.sampled_from(contributions))
        altered = [
            dict(r.row) for r in snapshot.rows if r.contribution_id == victim.contribution_id
        ]
        altered[0]["completion"] = str(altered[0]["completion"]) + "!"
        blob = store.put(encode_contribution(altered))
        digits = victim.content_root.hex()
        (Path(directory) / "roots" / digits[:2] / digits[2:]).write_text(blob.hex())
        with pytest.raises(CorruptContent):
            materialise(store, 1, contributions, root)


weights = st.lists(st.integers(0, 10**24), min_size=1, max_size=40).filter(any)


@given(weights, st.data())
def test_shares_are_exact_fair_and_blind_to_row_order(given, data) -> None:
    who = [data.draw(st.sampled_from([Address(bytes([n]) * 20) for n in range(6)])) for _ in given]
    shares = contributor_shares(who, given)
    assert sum(ppm for _, ppm in shares) == 1_000_000
    assert [account for account, _ in shares] == sorted({account for account, _ in shares})
    total = sum(given)
    for account, ppm in shares:
        mine = sum(weight for owner, weight in zip(who, given, strict=True) if owner == account)
        assert abs(ppm * total - mine * 1_000_000) < total
    order = data.draw(st.permutations(range(len(given))))
    assert contributor_shares([who[n] for n in order], [given[n] for n in order]) == shares


@given(weights, st.integers(0, 39), st.integers(1, 8))
def test_splitting_one_contributor_into_many_names_gains_at_most_rounding(
    given, place, names
) -> None:
    """A sybil that spreads a row's weight over several accounts is paid the same in total."""
    place %= len(given)
    victim = [
        Address(bytes([1]) * 20) if n == place else Address(bytes(20)) for n in range(len(given))
    ]
    before = dict(contributor_shares(victim, given)).get(Address(bytes([1]) * 20), 0)
    parts = [given[place] // names] * names
    parts[0] += given[place] - sum(parts)
    sybils = [Address(bytes([2 + n]) * 20) for n in range(names)]
    rest = [(Address(bytes(20)), w) for n, w in enumerate(given) if n != place]
    everyone = [*rest, *zip(sybils, parts, strict=True)]
    after = dict(contributor_shares([a for a, _ in everyone], [w for _, w in everyone]))
    assert abs(sum(after.get(s, 0) for s in sybils) - before) <= names


scores = st.lists(st.integers(0, SCORE_ONE), min_size=1, max_size=12)


@given(scores, st.data())
def test_row_weights_never_lose_an_answer(influence, data) -> None:
    quoted = data.draw(
        st.lists(st.integers(0, 10**9), min_size=len(influence), max_size=len(influence))
    )
    tokens = data.draw(st.integers(0, 50))
    covered = data.draw(st.integers(0, tokens)) if any(quoted) else 0
    weighed = row_weights(influence, quoted, covered, tokens)
    assert len(weighed) == len(influence)
    assert min(weighed) >= 0
    assert sum(weighed) > 0
    for row, weight in enumerate(weighed):
        if weight and (any(influence) or any(quoted)):
            assert influence[row] or quoted[row]


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_quantised_scores_are_bounded_and_keep_the_best(values) -> None:
    quantised = quantise(values, 100_000, 1_000)
    assert all(0 <= score <= SCORE_ONE for score in quantised)
    if max(values, default=0.0) > 0:
        assert quantised[values.index(max(values))] == SCORE_ONE


@st.composite
def evidences(draw):
    row_count = draw(st.integers(1, 8))
    output_tokens = draw(st.integers(0, 30))
    starts = sorted(draw(st.sets(st.integers(0, 29), max_size=4)))
    some_rows = st.sets(st.integers(0, row_count - 1), min_size=1).map(lambda s: tuple(sorted(s)))
    spans = tuple(
        Span(start, draw(st.integers(1, output_tokens - start)), draw(some_rows))
        for start in starts
        if start < output_tokens
    )
    influence = tuple(
        (row, draw(st.integers(1, SCORE_ONE))) for row in range(row_count) if draw(st.booleans())
    )
    owners = [
        draw(st.sampled_from([Address(bytes([n]) * 20) for n in range(3)]))
        for _ in range(row_count)
    ]
    dense = [dict(influence).get(row, 0) for row in range(row_count)]
    weighed = row_weights(
        dense, span_weights(spans, row_count), covered_tokens(spans), output_tokens
    )
    return owners, Evidence(
        *(draw(hashes) for _ in range(2)),
        draw(st.integers(0, 2**40)),
        *(draw(hashes) for _ in range(3)),
        "datainf-relative-1",
        "suffix-array-1",
        row_count,
        output_tokens,
        influence,
        spans,
        tuple(contributor_shares(owners, weighed)),
    )


class _Rows:
    """What check_shares reads of a snapshot."""

    def __init__(self, root, owners) -> None:
        self.root = root
        self.rows = [type("Row", (), {"contributor": owner})() for owner in owners]


@given(evidences())
def test_evidence_round_trip_and_shares_follow(drawn) -> None:
    owners, evidence = drawn
    again = parse_evidence(evidence.to_json())
    assert again == evidence
    check_shares(again, _Rows(evidence.snapshot_root, owners))


@given(hashes, st.lists(st.tuples(st.integers(1, 50), hashes, hashes), max_size=8))
def test_checkpoint_chain_round_trip(start, steps) -> None:
    link, step, links = start, 0, []
    for more, rows_hash, weights_hash in steps:
        step += more
        link = next_link(link, step, rows_hash, weights_hash)
        links.append(Checkpoint(step, rows_hash, weights_hash, link))
    again = decode_checkpoints(encode_checkpoints(links))
    assert list(again) == links
    assert checkpoints_root(again) == checkpoints_root(links)
    check_chain(again, start)


@given(
    st.builds(
        TrainingRecipe,
        rank=st.integers(1, 64),
        steps=st.integers(1, 100_000),
        seed=st.integers(0, 2**63 - 1),
        schedule=st.sampled_from(["cosine", "constant"]),
    )
)
def test_recipe_round_trip(recipe) -> None:
    assert parse_recipe(recipe.to_json()) == recipe


tokens = st.lists(st.integers(0, 3), max_size=24)


@settings(max_examples=60, deadline=None)
@given(st.lists(tokens, max_size=5), tokens)
def test_spans_are_those_of_plain_search(texts_of_rows, output) -> None:
    pytest.importorskip("pydivsufsort", reason="the span index needs pydivsufsort")
    from ai.attribution.suffix_array import MIN_SPAN_TOKENS, SpanIndex

    def stands_in(needle, haystack) -> bool:
        return any(haystack[n : n + len(needle)] == needle for n in range(len(haystack)))

    expected, reach = [], 0
    for start in range(len(output)):
        length = 0
        while start + length < len(output) and any(
            stands_in(output[start : start + length + 1], text) for text in texts_of_rows
        ):
            length += 1
        if length >= MIN_SPAN_TOKENS and start + length > reach:
            reach = start + length
            needle = output[start : start + length]
            owners = tuple(n for n, text in enumerate(texts_of_rows) if stands_in(needle, text))
            expected.append(Span(start, length, owners))
    assert list(SpanIndex([[text] for text in texts_of_rows]).spans(output)) == expected
