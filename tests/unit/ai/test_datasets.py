"""Rows, data files, the content store and snapshots."""

from __future__ import annotations

import json

import pytest
from tiny_model import ALICE, BOB, ROWS, tiny_snapshot

from ai.content import exact_json, parse_exact_json
from ai.datasets.formats import MalformedFile, read_rows
from ai.datasets.rows import (
    MAX_ROW_BYTES,
    MalformedRow,
    content_root,
    decode_contribution,
    encode_contribution,
    row_leaf,
)
from ai.datasets.snapshot import (
    Contribution,
    SnapshotMismatch,
    UnknownVersion,
    materialise,
    prove_row,
    published_contributions,
    snapshot_root,
    verify_row_proof,
)
from ai.datasets.store import ContentStore, CorruptContent, MissingContent
from chain.errors import DecodeError, EncodeError, Recovery
from chain.types import Hash32
from genesis.interfaces import DecodedEvent

ROW = {"prompt": "p", "completion": "c"}


# ---------------------------------------------------------------- exact JSON


def test_exact_json_sorts_keys_and_keeps_utf8() -> None:
    assert exact_json({"b": [1, True, None], "a": "é"}) == '{"a":"é","b":[1,true,null]}'.encode()


@pytest.mark.parametrize("value", [1.5, {1: 2}, [float("nan")], b"x", {"a": {2}}])
def test_exact_json_refuses_what_has_no_one_spelling(value) -> None:
    with pytest.raises(EncodeError):
        exact_json(value)


def test_exact_json_refuses_deep_nesting() -> None:
    value: list = []
    for _ in range(40):
        value = [value]
    with pytest.raises(EncodeError, match="nested more than"):
        exact_json(value)


@pytest.mark.parametrize(
    "data", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":1}', b"[1.0]", b"[" * 5000, b"\xff", b""]
)
def test_parse_refuses_another_spelling(data) -> None:
    with pytest.raises(DecodeError, match="evidence"):
        parse_exact_json(data, "evidence")


# ---------------------------------------------------------------- data files


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_jsonl_with_known_field_names(tmp_path) -> None:
    lines = [
        {"prompt": "a", "completion": "b", "score": 0.5, "n": 3},
        {"question": "a", "answer": "b"},
        {"instruction": "do", "input": "this", "output": "done"},
        {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "v"}]},
        {"text": "alone"},
    ]
    path = write(tmp_path, "d.jsonl", "\n\n".join(json.dumps(line) for line in lines))
    assert read_rows(path) == [
        {"prompt": "a", "completion": "b", "score": "0.5", "n": 3},
        {"prompt": "a", "completion": "b"},
        {"prompt": "do\nthis", "completion": "done"},
        {"prompt": "u", "completion": "v"},
        {"prompt": "", "completion": "alone"},
    ]


def test_csv_txt_and_json(tmp_path) -> None:
    assert read_rows(write(tmp_path, "d.csv", 'question,answer\n"a,b",c\n')) == [
        {"prompt": "a,b", "completion": "c"}
    ]
    assert [
        r["completion"] for r in read_rows(write(tmp_path, "d.txt", "one\ntwo\n\n\nthree"))
    ] == [
        "one\ntwo",
        "three",
    ]
    assert read_rows(write(tmp_path, "d.json", json.dumps([ROW]))) == [ROW]


def test_parquet(tmp_path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"prompt": ["a"], "completion": ["b"]}), tmp_path / "d.parquet")
    assert read_rows(tmp_path / "d.parquet") == [{"prompt": "a", "completion": "b"}]


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("d.jsonl", '{"prompt":"a","completion":"b"}\n{oops', "d.jsonl:2"),
        ("d.jsonl", '{"prompt":"a"}', "d.jsonl:1"),
        ("d.jsonl", "[1]", "d.jsonl:1"),
        ("d.jsonl", '{"prompt":"a","completion":""}', "d.jsonl:1"),
        ("d.jsonl", '{"prompt":"a","completion":"b","x":[1]}', "d.jsonl:1"),
        ("d.jsonl", '{"prompt":"a","completion":"b","x":NaN}', "d.jsonl:1"),
        ("d.jsonl", '{"prompt":"a","completion":"b","x":1e999}', "d.jsonl:1"),
        ("d.jsonl", '{"prompt":"a","completion":"\\ud800"}', "d.jsonl:1"),
        ("d.jsonl", b'{"prompt":"a","completion":"b"}\n\xff', "d.jsonl:2"),
        ("d.jsonl", "[" * 20_000, "d.jsonl:1"),
        ("d.jsonl", '{"messages":[{"role":"user","content":"x"}]}', "d.jsonl:1"),
        ("d.jsonl", "\n\n", "d.jsonl"),
        ("d.csv", "prompt,completion\na\n", "d.csv:2"),
        ("d.csv", "a,a\n1,2\n", "d.csv:1"),
        ("d.csv", 'prompt,completion\n"a', "d.csv"),
        ("d.json", "{}", "d.json"),
        ("d.parquet", "PAR1 not really", "d.parquet"),
        ("d.bin", "x", "d.bin"),
    ],
)
def test_a_bad_data_file_is_refused_by_file_and_line(tmp_path, name, content, where) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    with pytest.raises((MalformedFile, MalformedRow), match=where):
        read_rows(write(tmp_path, name, content))


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(MalformedFile, match="nowhere"):
        read_rows(tmp_path / "nowhere.jsonl")


# ---------------------------------------------------------------- contributions


def test_contribution_file_round_trip_and_strictness() -> None:
    data = encode_contribution([ROW, {**ROW, "n": 1}])
    assert decode_contribution(data) == (ROW, {**ROW, "n": 1})
    for bad in (data[:-1], data + b"\n", data.replace(b":", b": ", 1)):
        with pytest.raises(MalformedRow):
            decode_contribution(bad)


def test_a_row_that_is_too_large_is_refused() -> None:
    with pytest.raises(MalformedRow, match=f"limit {MAX_ROW_BYTES}"):
        encode_contribution([{"prompt": "", "completion": "x" * MAX_ROW_BYTES}])


def test_a_leaf_binds_contributor_index_and_row() -> None:
    leaves = {
        row_leaf(who, index, row)
        for who in (ALICE, BOB)
        for index in (0, 1)
        for row in (ROW, {**ROW, "prompt": "q"})
    }
    assert len(leaves) == 8


# ---------------------------------------------------------------- store


def test_blobs_come_back_under_their_hash(tmp_path) -> None:
    store = ContentStore(tmp_path)
    name = store.put(b"hello")
    assert store.put(b"hello") == name
    assert store.get(name) == b"hello"
    assert name in store


def test_missing_content_can_be_retried(tmp_path) -> None:
    with pytest.raises(MissingContent) as caught:
        ContentStore(tmp_path).get(Hash32(bytes(32)))
    assert caught.value.recovery is Recovery.RETRY


def test_altered_blob_is_corrupt(tmp_path) -> None:
    store = ContentStore(tmp_path)
    name = store.put(b"hello")
    next(p for p in tmp_path.rglob("*") if p.is_file()).write_bytes(b"hellO")
    with pytest.raises(CorruptContent, match=name.hex()):
        store.get(name)


def test_a_contribution_belongs_to_its_contributor(tmp_path) -> None:
    store = ContentStore(tmp_path)
    root = store.put_contribution(ALICE, [ROW])
    assert root == content_root(ALICE, [ROW])
    assert store.get_contribution(ALICE, root) == (ROW,)
    with pytest.raises(CorruptContent, match="content root on chain"):
        store.get_contribution(BOB, root)


# ---------------------------------------------------------------- snapshots


def events_of(snapshot):
    def event(name, **arguments):
        return DecodedEvent(bytes(20), name, {"datanetId": 1, **arguments})

    found = [
        event(
            "ContributionSubmitted",
            contributionId=c.contribution_id,
            contributor=c.contributor,
            contentRoot=c.content_root,
            rowCount=c.row_count,
            licence=c.licence,
        )
        for c in snapshot.contributions
    ]
    ids = tuple(c.contribution_id for c in snapshot.contributions)
    found.append(event("DatanetFrozen"))
    found.append(event("VersionPublished", snapshotRoot=snapshot.root, contributionIds=ids))
    return found


def test_a_snapshot_is_rebuilt_from_events_and_content(tmp_path) -> None:
    snapshot = tiny_snapshot(tmp_path)
    contributions = published_contributions(events_of(snapshot), 1, snapshot.root)
    again = materialise(ContentStore(tmp_path), 1, contributions, snapshot.root)
    assert again == snapshot
    assert [(r.contributor, r.row) for r in again.rows] == [
        (who, row) for who, rows in ROWS.items() for row in rows
    ]


def test_every_row_of_a_snapshot_can_be_proved(tmp_path) -> None:
    snapshot = tiny_snapshot(tmp_path)
    for number in range(len(snapshot.rows)):
        assert verify_row_proof(prove_row(snapshot, number), snapshot.root)


def test_a_proof_with_another_row_or_contributor_fails(tmp_path) -> None:
    from dataclasses import replace

    snapshot = tiny_snapshot(tmp_path)
    proof = prove_row(snapshot, 1)
    stolen = replace(proof.contribution, contributor=BOB)
    for forged in (
        replace(proof, row={**proof.row, "completion": "Pears stay."}),
        replace(proof, index=0),
        replace(proof, contribution=stolen),
        replace(proof, position=1),
    ):
        assert not verify_row_proof(forged, snapshot.root)


def test_one_altered_row_is_refused(tmp_path) -> None:
    snapshot = tiny_snapshot(tmp_path)
    store = ContentStore(tmp_path)
    changed = [dict(row) for row in ROWS[BOB]]
    changed[1]["completion"] = "Trains run at noon between two towns."
    blob = store.put(encode_contribution(changed))
    root = snapshot.contributions[1].content_root
    pointer = tmp_path / "roots" / root.hex()[:2] / root.hex()[2:]
    pointer.write_text(blob.hex())
    with pytest.raises(CorruptContent, match=root.hex()):
        materialise(store, 1, snapshot.contributions, snapshot.root)


def test_unknown_version_and_missing_events(tmp_path) -> None:
    snapshot = tiny_snapshot(tmp_path)
    events = events_of(snapshot)
    with pytest.raises(UnknownVersion):
        published_contributions(events, 1, Hash32(bytes(32)))
    with pytest.raises(SnapshotMismatch, match="no event for contributions"):
        published_contributions(events[1:], 1, snapshot.root)


def test_contributions_in_another_order_are_another_snapshot(tmp_path) -> None:
    snapshot = tiny_snapshot(tmp_path)
    with pytest.raises(SnapshotMismatch, match="snapshot root on chain"):
        materialise(ContentStore(tmp_path), 1, snapshot.contributions[::-1], snapshot.root)


def test_a_wrong_row_count_is_refused(tmp_path) -> None:
    store = ContentStore(tmp_path)
    root = store.put_contribution(ALICE, [ROW])
    contributions = [Contribution(1, 1, ALICE, root, 2, bytes(32))]
    with pytest.raises(SnapshotMismatch, match="2 rows on chain, 1 stored"):
        materialise(store, 1, contributions, snapshot_root(contributions))
