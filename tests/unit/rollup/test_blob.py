"""Blobs: what is refused, and the hash that names one."""

from __future__ import annotations

import hashlib

import pytest

from chain.errors import DecodeError, EncodeError
from rollup.wire.blob import (
    BLOB_BYTES,
    BLOB_CAPACITY_BYTES,
    blob_cell_proofs,
    blob_commitment,
    blob_proof,
    blob_versioned_hash,
    decode_blob,
    encode_blob,
    is_valid_blob_proof,
)


def changed(at, value, data=b"hello"):
    blob = bytearray(encode_blob(data))
    blob[at] = value
    return bytes(blob)


def test_layout_of_a_short_blob():
    blob = encode_blob(b"hello")
    assert blob[:10] == b"\x00\x00\x00\x00\x05hello"
    assert not any(blob[10:])


def test_nothing_is_a_blob_too():
    assert decode_blob(encode_blob(b"")) == b""
    assert decode_blob(bytes(BLOB_BYTES)) == b""


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (bytes(BLOB_BYTES - 1), "expected 131072 bytes"),
        (changed(1, 1), "encoding version 1"),
        (changed(2, 255), "declares 16711685 bytes"),
        (changed(0, 0x40), "outside of the encoded data"),
        (changed(64, 0x80), "outside of the encoded data"),
        (changed(20, 1), "outside of the encoded data"),
        (changed(BLOB_BYTES - 1, 1), "outside of the encoded data"),
    ],
)
def test_refused_blob_names_the_reason(blob, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_blob(blob)


def test_data_longer_than_a_blob_is_not_written():
    with pytest.raises(EncodeError, match="at most 130044"):
        encode_blob(bytes(BLOB_CAPACITY_BYTES + 1))


def test_commitment_proof_and_versioned_hash_belong_together():
    blob = encode_blob(b"frames")
    commitment = blob_commitment(blob)
    proof = blob_proof(blob, commitment)
    assert is_valid_blob_proof(blob, commitment, proof)
    assert not is_valid_blob_proof(encode_blob(b"others"), commitment, proof)
    assert not is_valid_blob_proof(blob, commitment[:-1], proof)
    assert blob_versioned_hash(blob) == b"\x01" + hashlib.sha256(commitment).digest()[1:]
    assert len(blob_cell_proofs(blob)) == 128


def test_element_beyond_the_field_has_no_commitment():
    with pytest.raises(DecodeError, match="no commitment"):
        blob_commitment(b"\xff" * BLOB_BYTES)
