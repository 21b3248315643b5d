"""Storage receipts: signed by the node that stores, good for what they say and nothing else."""

from __future__ import annotations

import random

import pytest
from da_committee import identity_seed

from chain.crypto import ed25519
from rollup.da.errors import InvalidReceipt, MalformedInput, WrongIndex
from rollup.da.receipt import RECEIPT_BYTES, StorageReceipt, cell_set

COMMITMENT = b"\xc0" + bytes(47)
NODE = ed25519.public_key_of(identity_seed(0))
CELLS = cell_set([0, 5, 127])


def receipt(**other):
    given = {"commitment": COMMITMENT, "cells": CELLS, "stored_until": 2**33, **other}
    return StorageReceipt.sign(**given, seed=identity_seed(0))


def test_a_receipt_holds_for_its_cells_and_any_of_them():
    receipt().check(NODE, COMMITMENT, CELLS)
    receipt().check(NODE, COMMITMENT, cell_set([5]))


def test_a_receipt_does_not_hold_for_other_cells():
    with pytest.raises(InvalidReceipt, match=r"leaves out cells \[6\]"):
        receipt().check(NODE, COMMITMENT, cell_set([5, 6]))


def test_a_receipt_does_not_hold_for_another_blob_or_node():
    with pytest.raises(InvalidReceipt, match="for blob 0xc0.*expected"):
        receipt().check(NODE, b"\xc1" + bytes(47), CELLS)
    with pytest.raises(InvalidReceipt, match="receipt of 0x.*expected"):
        receipt().check(ed25519.public_key_of(identity_seed(1)), COMMITMENT, CELLS)


def test_every_flipped_bit_is_noticed():
    data = receipt().encode()
    assert StorageReceipt.decode(data) == receipt()
    source = random.Random(1)
    for position in range(RECEIPT_BYTES):
        damaged = bytearray(data)
        damaged[position] ^= 1 << source.randrange(8)
        with pytest.raises(InvalidReceipt):
            StorageReceipt.decode(bytes(damaged)).check(NODE, COMMITMENT, CELLS)


def test_other_sizes_and_values_are_refused():
    for size in (0, RECEIPT_BYTES - 1, RECEIPT_BYTES + 1):
        with pytest.raises(MalformedInput, match=f"got {size}"):
            StorageReceipt.decode(bytes(size))
    with pytest.raises(WrongIndex):
        cell_set([128])
    for other in ({"cells": 1 << 128}, {"stored_until": 2**64}, {"commitment": b""}):
        with pytest.raises(MalformedInput):
            receipt(**other)


def test_a_receipt_is_readable():
    shown = receipt().to_json()
    assert shown["cells"] == [0, 5, 127]
    assert StorageReceipt.decode(bytes.fromhex(shown["receipt"][2:])) == receipt()
