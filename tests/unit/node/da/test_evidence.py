"""Receipts and faults: kept, bounded, and shown with what the accused has signed."""

from __future__ import annotations

import pytest
from da_committee import identity_seed

from chain.crypto import ed25519
from chain.storage.memory import MemoryStore
from node.da import evidence as room
from node.da.evidence import NOT_SERVED, WRONG_CELL, Evidence, receipt_holds
from rollup.da.receipt import StorageReceipt, cell_set

BLOB, OTHER = b"\xc0" + bytes(47), b"\xc1" + bytes(47)
NODE = ed25519.public_key_of(identity_seed(0))


def receipt(blob=BLOB, cells=(1, 2, 3), until=1000, node=0) -> StorageReceipt:
    return StorageReceipt.sign(blob, cell_set(cells), until, identity_seed(node))


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(clock):
    return Evidence(MemoryStore(), clock)


def test_a_receipt_is_kept_once_and_a_longer_one_replaces_it(kept) -> None:
    assert kept.keep(receipt())
    assert not kept.keep(receipt())
    assert not kept.keep(receipt(until=999))
    assert kept.keep(receipt(until=2000))
    assert kept.receipt(NODE, BLOB).stored_until == 2000
    assert kept.receipt(NODE, OTHER) is None
    assert kept.receipts([NODE, bytes(32)], BLOB) == [receipt(until=2000)]


def test_only_what_was_signed_and_is_not_over_was_promised(kept, clock) -> None:
    kept.keep(receipt())
    assert kept.has_promised(NODE, BLOB, [3, 4]) == [3]
    clock.time = 1000.0
    assert kept.has_promised(NODE, BLOB, [3]) == []


def test_a_fault_is_shown_with_the_receipt_and_adds_up(kept) -> None:
    kept.keep(receipt())
    kept.accuse(NODE, BLOB, NOT_SERVED, [2])
    kept.accuse(NODE, BLOB, NOT_SERVED, [3])
    (fault,) = kept.faults()
    assert fault["faulty_cells"] == [2, 3]
    assert fault["fault"] == NOT_SERVED
    assert receipt_holds(fault)
    kept.accuse(NODE, BLOB, WRONG_CELL, [9])
    (fault,) = kept.faults()
    assert (fault["fault"], fault["faulty_cells"]) == (WRONG_CELL, [9])
    assert not receipt_holds(fault)  # it had not signed for cell 9


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: {**f, "receipt": None},
        lambda f: {**f, "commitment": "0x" + OTHER.hex()},
        lambda f: {**f, "receipt": {**f["receipt"], "receipt": "0x00"}},
        lambda f: {
            **f,
            "receipt": {**f["receipt"], "receipt": f["receipt"]["receipt"][:-2] + "00"},
        },
        lambda f: {**f, "faulty_cells": [4]},
    ],
)
def test_evidence_that_proves_nothing_is_seen(kept, spoil) -> None:
    kept.keep(receipt())
    fault = kept.accuse(NODE, BLOB, NOT_SERVED, [2])
    assert receipt_holds(fault)
    assert not receipt_holds(spoil(fault))


def test_both_are_bounded_and_survive_a_restart(monkeypatch, clock) -> None:
    monkeypatch.setattr(room, "MAX_RECEIPTS", 20)
    monkeypatch.setattr(room, "MAX_FAULTS", 5)
    kv = MemoryStore()
    kept = Evidence(kv, clock)
    for number in range(200):
        blob = number.to_bytes(48, "big")
        kept.keep(receipt(blob, until=1000 + number))
        clock.time += 1
        kept.accuse(NODE, blob, NOT_SERVED, [1])
    again = Evidence(kv, clock)
    assert len(again.faults()) == 5
    assert next(f["commitment"] for f in again.faults()) == "0x" + blob.hex()
    assert sum(1 for _ in kv.scan(b"r")) <= 20
    assert again.receipt(NODE, blob) is not None
