"""Chains of the field by steps: Cancun, Prague and Osaka. STEMMA_FIXTURES=all runs every case."""

from __future__ import annotations

import pytest
from chain_fixtures import chain_cases
from fixtures import parameters
from step_chains import STEPPED, disagreement_on_blocks

TOO_SLOW = (
    "stTimeConsuming", "50000", "stQuadratic", "blake2", "Blake2", "ContractCreationSpam",
    "tstoreCannotBeDosd", "run_until_out_of_gas", "VMTests", "Performance", "static_Call",
)  # fmt: skip


def _cases(path):
    return [case for case in chain_cases(path) if case.fork in STEPPED]


@pytest.mark.parametrize(
    "case",
    parameters(
        (
            "ethereum_tests/BlockchainTests_ValidBlocks",
            "ethereum_tests/BlockchainTests_GeneralStateTests",
            "eest/blockchain_tests",
        ),
        _cases,
        60,
        2,
        TOO_SLOW,
    ),
)
def test_chain_has_its_headers_by_steps(case):
    assert disagreement_on_blocks(case) is None
