"""Every committed artifact belongs to its source: by the hashes of source and modules, always; byte
for byte with a compiler, for a share of them, or with STEMMA_ARTIFACTS=all for all (three minutes).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted(
    [
        *(ROOT / "genesis" / "predeploys").glob("*.vy"),
        *(ROOT / "rollup" / "settlement" / "contracts").glob("*.vy"),
        *(ROOT / "rollup" / "settlement" / "contracts" / "step").glob("*.vy"),
        *(ROOT / "rollup" / "settlement" / "contracts" / "inputs").glob("*.vy"),
    ]
)
EIP170_CODE_LIMIT = 24_576
SHARE = 6
"""One source of so many is compiled, by its hash: whoever changes a source draws anew."""


def _compiled_here():
    if os.environ.get("STEMMA_ARTIFACTS") == "all":
        return SOURCES
    return [
        source for source in SOURCES if hashlib.sha256(source.read_bytes()).digest()[0] % SHARE == 0
    ]


def _artifact(source: Path) -> Path:
    folder = next(folder for folder in source.parents if (folder / "artifacts").is_dir())
    return folder / "artifacts" / f"{source.stem}.json"


def _build_contracts():
    path = ROOT / "scripts" / "build_contracts.py"
    spec = importlib.util.spec_from_file_location("build_contracts", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_sources_and_no_orphaned_artifacts():
    artifacts = {
        *(ROOT / "genesis" / "predeploys" / "artifacts").glob("*.json"),
        *(ROOT / "rollup" / "settlement" / "artifacts").glob("*.json"),
    }
    assert {_artifact(source) for source in SOURCES} == artifacts
    assert len(artifacts) > 30


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_artifact_names_its_source_and_fits_an_account(source):
    artifact = json.loads(_artifact(source).read_text())
    assert artifact["source"] == source.relative_to(ROOT).as_posix()
    assert artifact["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    for module, digest in artifact["modules_sha256"].items():
        assert hashlib.sha256((ROOT / module).read_bytes()).hexdigest() == digest, module
    assert 0 < len(artifact["runtime_bytecode"]) // 2 - 1 <= EIP170_CODE_LIMIT


@pytest.mark.parametrize("source", _compiled_here(), ids=lambda path: path.stem)
def test_artifact_is_what_the_compiler_makes_of_its_source(source):
    vyper = pytest.importorskip("vyper", reason="vyper is not installed (extra: dev)")
    compiler = json.loads(_artifact(source).read_text())["compiler"]
    if compiler != f"vyper {vyper.__version__}":
        pytest.skip(f"artifact built by {compiler}, installed is vyper {vyper.__version__}")
    assert _build_contracts().build(source) == _artifact(source).read_text()


def test_l1_block_has_its_words_in_the_slots_of_op_stack():
    layout = json.loads(_artifact(ROOT / "genesis/predeploys/L1Block.vy").read_text())
    assert {name: entry["slot"] for name, entry in layout["storage_layout"].items()} == {
        "packedNumberAndTimestamp": 0,
        "basefee": 1,
        "hash": 2,
        "packedSequenceNumberAndScalars": 3,
        "batcherHash": 4,
        "l1FeeOverhead": 5,
        "l1FeeScalar": 6,
        "blobBaseFee": 7,
        "packedOperatorFee": 8,
    }
