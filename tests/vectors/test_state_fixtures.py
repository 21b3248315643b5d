"""State tests of the field: EEST's for Prague, and the older ones whose Cancun rules still hold.

A seeded sample runs; STEMMA_STATE_CASES=100000 runs them all.
"""

from __future__ import annotations

import os

import pytest
from state_fixtures import disagreement, sample, state_cases
from vectors import vectors_root

ROOT = vectors_root()
COUNT = int(os.environ.get("STEMMA_STATE_CASES", "500"))
# Pure-Python pairings and blake2 rounds take seconds to minutes a case.
TOO_SLOW = ("bls_12_381", "blake2", "Blake2", "stTimeConsuming", "ecpairing")
# Cancun expects 0x10 to be no precompile, and so cold; under Prague it is one.
BLS_ADDRESSES = ("create2collisionSelfdestructedRevert", "failed_tx_xcf416c53")


def test_eest_prague_state_tests():
    cases = sample(state_cases(ROOT / "eest/state_tests", "Prague", TOO_SLOW), COUNT)
    assert cases
    failures = [f"{case.name}: {why}" for case in cases if (why := disagreement(case))]
    assert failures == []


def test_legacy_cancun_state_tests():
    folder = ROOT / "ethereum_tests/GeneralStateTests"
    cases = sample(state_cases(folder, "Cancun", TOO_SLOW + BLS_ADDRESSES), COUNT)
    assert cases
    failures = [f"{case.name}: {why}" for case in cases if (why := disagreement(case))]
    assert failures == []


@pytest.mark.parametrize("name", ["G1ADD", "G2ADD", "g1add"])
def test_eest_bls_precompiles_one_of_each(name):
    folder = ROOT / "eest/state_tests/prague/eip2537_bls_12_381_precompiles"
    cases = [
        case for case in state_cases(folder, "Prague", ("msm", "pairing")) if name in case.name
    ]
    if not cases:
        pytest.skip(f"no case is named {name}")
    assert disagreement(cases[0]) is None
