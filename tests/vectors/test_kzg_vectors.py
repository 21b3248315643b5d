"""KZG of blobs against c-kzg-4844's vectors and blobs that travelled on a real network."""

from __future__ import annotations

import json
import re

import pytest
from vectors import vectors_root

from chain.errors import DecodeError
from rollup.wire.blob import (
    blob_cell_proofs,
    blob_commitment,
    blob_proof,
    is_valid_blob_proof,
    versioned_hash,
)

ROOT = vectors_root()
FIELD = re.compile(r"^\s*(\w+): (?:'(0x[0-9a-f]*)'|(null|true|false))$", re.MULTILINE)


def cases(function):
    files = sorted((ROOT / "kzg" / "tests" / function).rglob("data.yaml"))
    return [pytest.param(path, id=path.parent.name) for path in files]


def read(path):
    """The fields of a case; null, true and false as they are in Python."""
    words = {"null": None, "true": True, "false": False}
    return {
        name: words[word] if word else bytes.fromhex(digits[2:])
        for name, digits, word in FIELD.findall(path.read_text())
    }


@pytest.mark.parametrize("path", cases("blob_to_kzg_commitment"))
def test_commitment(path):
    case = read(path)
    if case["output"] is None:
        with pytest.raises(DecodeError, match="no commitment"):
            blob_commitment(case["blob"])
    else:
        assert blob_commitment(case["blob"]) == case["output"]


@pytest.mark.parametrize("path", cases("compute_blob_kzg_proof"))
def test_proof(path):
    case = read(path)
    if case["output"] is None:
        with pytest.raises(DecodeError, match="no proof"):
            blob_proof(case["blob"], case["commitment"])
    else:
        assert blob_proof(case["blob"], case["commitment"]) == case["output"]


@pytest.mark.parametrize("path", cases("verify_blob_kzg_proof"))
def test_verification(path):
    case = read(path)
    valid = is_valid_blob_proof(case["blob"], case["commitment"], case["proof"])
    assert valid == bool(case["output"])


@pytest.mark.parametrize("path", cases("compute_cells_and_kzg_proofs"))
def test_cell_proofs(path):
    text = path.read_text()
    blob = read(path)["blob"]
    if text.rstrip().endswith("output: null"):
        with pytest.raises(DecodeError, match="no cell proofs"):
            blob_cell_proofs(blob)
        return
    listed = re.findall(r"0x[0-9a-f]+", text[text.index("output:") :])
    assert [proof.hex() for proof in blob_cell_proofs(blob)] == [item[2:] for item in listed[128:]]


def test_blobs_of_a_real_block():
    path = ROOT / "op_stack" / "beacon" / "eth_v1_beacon_blob_sidecars_7422094_goerli.json"
    sidecars = json.loads(path.read_text())["data"]
    assert len(sidecars) == 5
    for sidecar in sidecars:
        blob, commitment, proof = (
            bytes.fromhex(sidecar[name][2:]) for name in ("blob", "kzg_commitment", "kzg_proof")
        )
        assert is_valid_blob_proof(blob, commitment, proof)
        assert blob_commitment(blob) == commitment
        assert versioned_hash(commitment)[:1] == b"\x01"
