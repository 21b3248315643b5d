"""Chains of the field: blocks in, the head or the refusal that is written comes out."""

from __future__ import annotations

import pytest
from chain_fixtures import chain_cases, disagreement
from fixtures import parameters


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
    ),
)
def test_chain_of_ethereum(case):
    assert disagreement(case) is None


@pytest.mark.parametrize("case", parameters(("eest/blockchain_tests",), chain_cases))
def test_chain_of_eest(case):
    assert disagreement(case) is None
