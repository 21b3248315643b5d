"""c-kzg-4844's vectors, every case, against our own door: blobs, points, cells, challenges."""

from __future__ import annotations

import json
import re

import pytest
from vectors import vectors_root

from rollup.da.commitment import (
    commit,
    prove_blob,
    prove_point,
    verify_blob,
    verify_blobs,
    verify_point,
)
from rollup.da.erasure import (
    compute_cells,
    compute_cells_and_proofs,
    recover_cells_and_proofs,
    verify_cell_batch,
)
from rollup.da.errors import DataAvailabilityError
from rollup.da.transcript import blob_challenge, cell_batch_challenge

ROOT = vectors_root() / "kzg" / "tests"
KEY = re.compile(r"^( *)(\w+):(.*)$")


def read(path):
    """A case: the fields of `input` and `output`; the files use a small part of YAML only."""
    text = path.read_text()
    split = text.index("\noutput:")
    given = {}
    name = None
    for line in text[:split].splitlines()[1:]:
        found = KEY.match(line)
        if found and len(found[1]) == 2:
            name = found[2]
            given[name] = found[3] + "\n"
        else:
            given[name] += line + "\n"
    return {key: value(part) for key, part in given.items()}, value(text[split + 8 :])


def value(text):
    """null, a truth, hex, or a list of (lists of) hex or numbers."""
    text = text.strip()
    if text in ("null", "true", "false", "[]"):
        return json.loads(text)
    if text.startswith("'"):
        return bytes.fromhex(text[3:-1])
    if text.startswith("[") and "'" not in text:
        return json.loads(text)
    if text.startswith("- -"):
        return [value("- " + part) for part in re.split(r"(?m)^\s*- - ", "\n" + text)[1:]]
    return [bytes.fromhex(item) for item in re.findall(r"'0x([0-9a-f]*)'", text)]


FUNCTIONS = {
    "blob_to_kzg_commitment": commit,
    "compute_blob_kzg_proof": prove_blob,
    "verify_blob_kzg_proof": verify_blob,
    "verify_blob_kzg_proof_batch": verify_blobs,
    "compute_kzg_proof": prove_point,
    "verify_kzg_proof": verify_point,
    "compute_cells": compute_cells,
    "compute_cells_and_kzg_proofs": compute_cells_and_proofs,
    "verify_cell_kzg_proof_batch": verify_cell_batch,
    "recover_cells_and_kzg_proofs": recover_cells_and_proofs,
    "compute_challenge": blob_challenge,
    "compute_verify_cell_kzg_proof_batch_challenge": cell_batch_challenge,
}
CASES = [pytest.param(path, id=path.parent.name) for path in sorted(ROOT.rglob("data.yaml"))]


def test_every_function_of_the_vectors_is_known():
    assert {folder.name for folder in ROOT.iterdir()} == set(FUNCTIONS)


@pytest.mark.parametrize("path", CASES)
def test_case(path):
    given, expected = read(path)
    function = FUNCTIONS[path.parents[2].name]
    if "cosets_evals" in given:
        given["cosets_evals"] = [b"".join(cell) for cell in given["cosets_evals"]]
    if expected is None:
        with pytest.raises(DataAvailabilityError):
            function(*given.values())
        return
    got = function(*given.values())
    assert flat(got) == flat(expected)


def flat(found):
    if isinstance(found, (list, tuple)):
        return [item for part in found for item in flat(part)]
    return [found]
