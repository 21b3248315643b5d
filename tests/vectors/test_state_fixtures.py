"""State tests of the field, Frontier to Prague: one transaction, the state and logs behind it."""

from __future__ import annotations

import pytest
from fixtures import parameters
from state_fixtures import disagreement, state_cases

# Long programs: seconds each.
TOO_SLOW = ("stTimeConsuming", "50000", "stQuadratic", "blake2", "Blake2", "ContractCreationSpam")


@pytest.mark.parametrize(
    "case", parameters(("ethereum_tests/GeneralStateTests",), state_cases, 220, 3, TOO_SLOW)
)
def test_state_test_of_ethereum(case):
    assert disagreement(case) is None


@pytest.mark.parametrize("case", parameters(("eest/state_tests",), state_cases))
def test_state_test_of_eest(case):
    assert disagreement(case) is None
