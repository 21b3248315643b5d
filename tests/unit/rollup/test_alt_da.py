"""Alt-DA commitments: both types, and what is none."""

from __future__ import annotations

import pytest

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, EncodeError
from rollup.wire.alt_da import GenericCommitment, Keccak256Commitment, decode_commitment


def test_keccak_commitment_names_its_data():
    commitment = Keccak256Commitment(keccak256(b"data"))
    assert commitment.encode() == b"\x01\x00" + keccak256(b"data")
    assert decode_commitment(commitment.encode()) == commitment
    assert commitment.is_of(b"data")
    assert not commitment.is_of(b"other")


@pytest.mark.parametrize("layer", [0x00, 0x0A, 0x0C, 0xFF])
def test_generic_commitment_belongs_to_its_layer(layer):
    commitment = GenericCommitment(layer, b"certificate")
    assert commitment.encode() == b"\x01\x01" + bytes((layer,)) + b"certificate"
    assert decode_commitment(commitment.encode()) == commitment


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "version 0x,"),
        (b"\x00\x00" + bytes(32), "version 0x00"),
        (b"\x01\x01", "no body"),
        (b"\x01\x00" + bytes(31), "31 bytes"),
        (b"\x01\x00" + bytes(33), "33 bytes"),
        (b"\x01\x02" + bytes(32), "unknown type 2"),
    ],
)
def test_malformed_commitment_is_refused(data, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_commitment(data)


def test_fields_out_of_range_are_not_written():
    with pytest.raises(EncodeError):
        Keccak256Commitment(b"short").encode()
    with pytest.raises(EncodeError):
        GenericCommitment(256, b"").encode()
