"""Chains of EEST and ethereum/tests through the Engine API: VALID or not, as it is written."""

from __future__ import annotations

import pytest
from chain_fixtures import chain_cases
from engine_fixtures import NETWORKS, disagreement
from fixtures import parameters


def merged_cases(path):
    """The chains of a file that have payloads: those after the merge."""
    return (case for case in chain_cases(path) if case.fork in NETWORKS)


@pytest.mark.parametrize(
    "case",
    parameters(
        ("eest/blockchain_tests", "ethereum_tests/BlockchainTests_InvalidBlocks"),
        merged_cases,
        sample_files=25,
    ),
)
def test_chain_through_the_engine_api(case):
    assert disagreement(case) is None
