"""The forks before Berlin against EELS, on random programs with calls, creations and destructions.

Gas, refund, logs and the state root have to be the same; each case is a message, not a transaction.
"""

from __future__ import annotations

import random

import pytest
from early_forks import RULES, on_eels, on_ours, random_case
from evm_eels import MISSING, is_there

CASES = 25


@pytest.mark.skipif(not is_there(), reason=MISSING)
@pytest.mark.parametrize("fork", RULES)
def test_random_programs_end_as_on_eels(fork):
    rnd = random.Random(f"early {fork}")
    endings = []
    for _ in range(CASES):
        case = random_case(rnd, fork)
        ending = on_ours(case, fork)
        assert ending == on_eels(case, fork), case
        endings.append(ending)
    assert any(ending.succeeded for ending in endings)
