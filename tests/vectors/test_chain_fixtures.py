"""EEST's chains for Prague: blocks in, the head or the refusal that is written comes out.

A seeded sample runs; STEMMA_STATE_CASES=100000 runs them all.
"""

from __future__ import annotations

import json
import os
import random

from state_fixtures import state_of
from vectors import vectors_root

from chain.block import decode_block
from chain.errors import StemmaError
from chain.storage import ChainStore, MemoryStore
from evm.engine import ExecutionEngine
from genesis.config import ChainConfig

FOLDER = vectors_root() / "eest/blockchain_tests"
COUNT = int(os.environ.get("STEMMA_STATE_CASES", "150"))
# Pure-Python pairings take seconds to minutes a case.
TOO_SLOW = ("bls_12_381",)


def chains() -> list[tuple[str, dict]]:
    found = []
    for path in sorted(FOLDER.rglob("*.json")):
        if not any(part in str(path) for part in TOO_SLOW):
            tests = json.loads(path.read_text())
            found += [(f"{path.stem}/{name[-90:]}", test) for name, test in tests.items()]
    return [(name, test) for name, test in found if test["network"] == "Prague"]


def disagreement(test: dict) -> str | None:
    genesis = decode_block(bytes.fromhex(test["genesisRLP"][2:]))
    changes = state_of(test["pre"]).take_changes()
    store = ChainStore(MemoryStore())
    engine = ExecutionEngine.open(store, ChainConfig.ethereum(1), (genesis, changes))
    for number, block in enumerate(test["blocks"]):
        refusal = None
        try:
            engine.import_block(decode_block(bytes.fromhex(block["rlp"][2:])))
        except StemmaError as error:
            refusal = error
        expected = block.get("expectException")
        if (refusal is None) != (expected is None):
            return f"block {number}: refusal expected: {expected}; got: {refusal}"
    head = "0x" + engine.heads.unsafe.hash.hex()
    return None if head == test["lastblockhash"] else f"head {head}"


def test_eest_prague_chains():
    cases = chains()
    cases = random.Random(1).sample(cases, min(COUNT, len(cases)))
    assert cases
    failures = [f"{name}: {why}" for name, test in cases if (why := disagreement(test))]
    assert failures == []
