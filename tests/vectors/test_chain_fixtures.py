"""Chains of the field: blocks in, the head or the refusal that is written comes out."""

from __future__ import annotations

import pytest
from chain_fixtures import chain_cases, disagreement
from fixtures import parameters

TOO_SLOW = ("bls_12_381", "stTimeConsuming", "50000", "stQuadratic", "blake2", "bcForkStress")


@pytest.mark.parametrize(
    "case",
    parameters(
        (
            "ethereum_tests/BlockchainTests_ValidBlocks",
            "ethereum_tests/BlockchainTests_InvalidBlocks",
            "ethereum_tests/BlockchainTests_GeneralStateTests",
            "ethereum_tests/BlockchainTests_TransitionTests",
        ),
        chain_cases,
        60,
        2,
        TOO_SLOW,
    ),
)
def test_chain_of_ethereum(case):
    assert disagreement(case) is None


@pytest.mark.parametrize(
    "case", parameters(("eest/blockchain_tests",), chain_cases, 30, 3, TOO_SLOW)
)
def test_chain_of_eest(case):
    assert disagreement(case) is None
