"""Cells of a blob: any half gives it back, and every way to be wrong has its name."""

from __future__ import annotations

import random
from functools import cache

import pytest

from chain.errors import EncodeError, Recovery
from rollup.da.commitment import commit, prove_blob, prove_point, verify_blob, verify_blobs
from rollup.da.erasure import (
    CELL_BYTES,
    CELLS_TO_RECOVER,
    MAX_CELLS_AT_A_TIME,
    Cell,
    extend_blob,
    extend_payload,
    payload_of,
    recover_blob,
    recover_cells_and_proofs,
    verify_cell_batch,
    verify_cells,
)
from rollup.da.errors import MalformedInput, NotEnoughCells, WrongBlob, WrongIndex, WrongProof
from rollup.da.transcript import BLS_MODULUS, blob_challenge
from rollup.wire.blob import BLOB_BYTES, BLOB_CAPACITY_BYTES, encode_blob

PAYLOAD = random.Random(6).randbytes(100_000)


@cache
def extended(payload=PAYLOAD):
    return extend_payload(payload)


def replaced(cell, **fields):
    kept = {"index": cell.index, "data": cell.data, "proof": cell.proof}
    return Cell(**{**kept, **fields})


@pytest.mark.parametrize("seed", range(3))
def test_any_half_gives_the_payload_back_in_any_order(seed):
    half = random.Random(seed).sample(extended().cells, CELLS_TO_RECOVER)
    again = recover_blob(extended().commitment, half)
    assert again == extended()
    assert payload_of(again) == PAYLOAD


def test_the_first_half_is_the_blob():
    data = b"".join(cell.data for cell in extended().cells[:64])
    assert data == encode_blob(PAYLOAD)


def test_one_cell_less_than_half_is_worth_a_retry():
    with pytest.raises(NotEnoughCells, match="63 cells are here, 64 are needed") as caught:
        recover_blob(extended().commitment, extended().cells[:63])
    assert caught.value.recovery is Recovery.RETRY


def test_all_cells_hold():
    verify_cells(extended().commitment, extended().cells)
    verify_cells(extended().commitment, ())


def test_a_wrong_proof_is_named_and_no_other_is_blamed():
    cells = list(extended().cells[:16])
    cells[3] = replaced(cells[3], proof=cells[4].proof)
    cells[11] = replaced(cells[11], data=cells[12].data)
    with pytest.raises(WrongProof) as caught:
        verify_cells(extended().commitment, cells)
    assert caught.value.indices == (3, 11)


def test_a_cell_under_a_wrong_index_is_a_wrong_proof():
    with pytest.raises(WrongProof, match="proof of cell 9 does"):
        verify_cells(extended().commitment, [replaced(extended().cells[8], index=9)])


def test_a_cell_of_another_blob_is_a_wrong_proof():
    other = extended(b"another")
    with pytest.raises(WrongProof):
        verify_cells(extended().commitment, [extended().cells[0], other.cells[1]])


@pytest.mark.parametrize("what", ["proof", "data"])
def test_bytes_that_are_no_point_or_element_blame_their_cell(what):
    cells = list(extended().cells[:8])
    size = 48 if what == "proof" else CELL_BYTES
    cells[5] = replaced(cells[5], **{what: b"\xff" * size})
    with pytest.raises(WrongProof) as caught:
        verify_cells(extended().commitment, cells)
    assert caught.value.indices == (5,)


def test_a_commitment_that_is_no_point_blames_no_cell():
    with pytest.raises(MalformedInput, match="commitment 0xff.*not a point"):
        verify_cells(b"\xff" * 48, extended().cells[:4])


@pytest.mark.parametrize("index", [-1, 128, 2**40])
def test_an_index_that_no_blob_has(index):
    with pytest.raises(WrongIndex, match=f"cell {index}: a blob has cells 0 to 127"):
        Cell(index, bytes(CELL_BYTES), bytes(48))


@pytest.mark.parametrize(
    ("size", "proof"), [(0, 48), (2047, 48), (2049, 48), (2048, 47), (2048, 96)]
)
def test_sizes_that_no_cell_has(size, proof):
    with pytest.raises(MalformedInput, match="cell 1: expected"):
        Cell(1, bytes(size), bytes(proof))


def test_indices_have_to_ascend():
    cells = [cell.data for cell in extended().cells[:65]]
    for indices in ([1, 0, *range(2, 65)], [0, 0, *range(2, 65)]):
        with pytest.raises(WrongIndex, match="expected ascending"):
            recover_cells_and_proofs(indices, cells)


def test_more_cells_than_a_blob_has_are_refused_before_any_work():
    with pytest.raises(WrongIndex, match="129 cells: a blob has 128"):
        recover_cells_and_proofs(list(range(129)), [b""] * 129)


def test_a_batch_is_bounded():
    count = MAX_CELLS_AT_A_TIME + 1
    with pytest.raises(MalformedInput, match=f"at most {MAX_CELLS_AT_A_TIME}"):
        verify_cell_batch([b""] * count, [0] * count, [b""] * count, [b""] * count)


def test_cells_of_two_blobs_make_neither():
    mixed = [*extended().cells[:40], *extended(b"another").cells[40:64]]
    with pytest.raises(WrongBlob, match="expected 0x"):
        recover_blob(extended().commitment, mixed)
    # With one cell more than half the contradiction shows already in the decoding.
    with pytest.raises((MalformedInput, WrongBlob)):
        recover_blob(extended().commitment, [*mixed, extended().cells[64]])


def test_cells_of_another_blob_are_not_taken_for_the_one_asked_for():
    with pytest.raises(WrongBlob):
        recover_blob(extended().commitment, extended(b"another").cells)


def test_payloads_from_nothing_to_all_that_fits():
    for payload in (b"", b"\0", bytes(BLOB_CAPACITY_BYTES)):
        assert payload_of(extend_payload(payload)) == payload
    with pytest.raises(EncodeError, match="at most 130044 fit"):
        extend_payload(bytes(BLOB_CAPACITY_BYTES + 1))


def test_a_blob_of_another_size_or_with_an_element_too_large():
    for blob in (b"", bytes(BLOB_BYTES - 1), b"\xff" * BLOB_BYTES):
        with pytest.raises(MalformedInput):
            extend_blob(blob)
        with pytest.raises(MalformedInput):
            commit(blob)


def test_batches_of_blob_proofs():
    blobs = [encode_blob(b"one"), encode_blob(b"two")]
    commitments = [commit(blob) for blob in blobs]
    proofs = [prove_blob(*pair) for pair in zip(blobs, commitments, strict=True)]
    assert verify_blobs(blobs, commitments, proofs)
    assert not verify_blobs(blobs, commitments, proofs[::-1])
    assert not verify_blob(blobs[0], commitments[0], proofs[1])
    with pytest.raises(MalformedInput, match="2 blobs, 2 commitments, 1 proofs"):
        verify_blobs(blobs, commitments, proofs[:1])


def test_a_blob_proof_is_a_point_proof_at_our_own_challenge():
    """Our transcript is the one ckzg computes inside: both proofs are one and the same."""
    blob = encode_blob(PAYLOAD)
    z = blob_challenge(blob, extended().commitment)
    assert int.from_bytes(z, "big") < BLS_MODULUS
    proof, _ = prove_point(blob, z)
    assert proof == prove_blob(blob, extended().commitment)
