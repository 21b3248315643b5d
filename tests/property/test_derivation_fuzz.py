"""A seeded share of scripts/fuzz_derivation.py: hostile L1 data, two verifiers, no halt."""

from __future__ import annotations

import pytest
from derivation_fuzz import DerivationFuzzer


@pytest.mark.parametrize("seed", range(4))
def test_hostile_l1_data_leaves_two_verifiers_on_one_chain(seed):
    fuzzer = DerivationFuzzer(seed)
    fuzzer.run(1_500)
    assert fuzzer.l2_blocks > 0
    assert len(fuzzer.rules) > 25
