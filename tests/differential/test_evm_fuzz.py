"""Random programs end alike on py-evm, on our interpreter, as transpiled Python and on revm.

STEMMA_FUZZ_CASES sets how many cases of four programs each seed runs; `scripts/fuzz_evm.py` runs
them by the hundred thousand.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest
from evm_engines import Case, interpreted, ours, policy, stock
from evm_fuzz import compare, compare_with_revm, random_case
from evm_programs import program

from evm.pyevm.transpiler.hot import EAGER

CASES = int(os.environ.get("STEMMA_FUZZ_CASES", "40"))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("seed", range(4))
def test_random_programs_end_alike_on_every_machine(seed):
    rnd = random.Random(seed)
    endings = {True: 0, False: 0}
    for _ in range(CASES):
        succeeded, mismatches = compare(random_case(rnd), rnd, with_revm=False)
        assert not mismatches, str(mismatches[0])
        endings[succeeded] += 1
    assert min(endings.values()) > 0


def test_revm_agrees_with_all_of_them():
    rnd = random.Random(5)
    for _ in range(2 * CASES):
        case = replace(random_case(rnd), has_storage=False)
        mismatches = compare_with_revm(case)
        assert not mismatches, str(mismatches[0])


def test_out_of_gas_comes_at_the_same_point_for_every_amount_of_gas():
    rnd = random.Random(7)
    tried = 0
    while tried < 3:
        case = Case((program(rnd), b"\x00", b"\x5f\x54", b"\x5f\x5f\xfd"), b"", 60_000, 0)
        full = stock(case)
        used = case.gas - full.gas_left
        if not full.succeeded or not 200 < used < 4_000:
            continue
        tried += 1
        with policy(EAGER):
            endings = [ours(replace(case, gas=gas)) for gas in range(used + 2)]
        assert endings == [interpreted(replace(case, gas=gas)) for gas in range(used + 2)]
        assert endings[used].succeeded
