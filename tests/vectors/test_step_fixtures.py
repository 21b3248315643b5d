"""State tests of the field whose message runs by steps: Cancun, Prague and Osaka.

A share of the steps is proven by its witness. STEMMA_FIXTURES=all runs every case.
"""

from __future__ import annotations

import pytest
from fixtures import parameters
from state_fixtures import state_cases
from step_fixtures import disagreement_on_steps

FORKS = ("Cancun", "Prague", "Osaka")
TOO_SLOW = (
    "stTimeConsuming", "50000", "stQuadratic", "blake2", "Blake2", "ContractCreationSpam",
    "tstoreCannotBeDosd", "run_until_out_of_gas",
)  # fmt: skip
WITNESSED_SHARE = 0.01


def _cases(path):
    return [case for case in state_cases(path) if case.fork in FORKS]


@pytest.mark.parametrize(
    "case", parameters(("ethereum_tests/GeneralStateTests",), _cases, 60, 1, TOO_SLOW)
)
def test_state_test_of_ethereum_by_steps(case, monkeypatch):
    assert disagreement_on_steps(case, monkeypatch, WITNESSED_SHARE) is None


@pytest.mark.parametrize("case", parameters(("eest/state_tests",), _cases, 60, 2))
def test_state_test_of_eest_by_steps(case, monkeypatch):
    assert disagreement_on_steps(case, monkeypatch, WITNESSED_SHARE) is None
