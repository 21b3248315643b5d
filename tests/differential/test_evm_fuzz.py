"""Random programs end alike on py-evm, our interpreter, as transpiled Python, revm and EELS.

STEMMA_FUZZ_CASES sets how many cases of four programs each seed runs; `scripts/fuzz_evm.py` runs
them by the hundred thousand. EELS joins where `make bench-tools` has put it.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import evm_eels
import pytest
from evm_coverage import Coverage
from evm_engines import Case, Prior, ours, policy, stock, transpiled
from evm_fuzz import (
    EAGER,
    NEVER,
    Campaign,
    Mismatch,
    compare,
    compare_with_eels,
    compare_with_revm,
    differences,
    random_case,
    smallest,
)
from evm_programs import CONTRACTS, STRANGER, descent, program
from evm_transactions import on_eels, random_block

CASES = int(os.environ.get("STEMMA_FUZZ_CASES", "24"))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
needs_eels = pytest.mark.skipif(not evm_eels.is_there(), reason=evm_eels.MISSING)
STOPS = (b"\x00",) * 3


@pytest.mark.parametrize("seed", range(4))
def test_random_programs_end_alike_on_every_machine(seed):
    rnd, coverage = random.Random(seed), Coverage()
    for _ in range(CASES):
        mismatches = compare(random_case(rnd), rnd, coverage=coverage)
        assert not mismatches, str(mismatches[0])
    assert 0 < coverage.cases["succeeded"] < CASES


def test_revm_agrees_with_all_of_them():
    rnd = random.Random(5)
    for _ in range(2 * CASES):
        case = replace(random_case(rnd), has_storage=False)
        mismatches = compare_with_revm(case)
        assert not mismatches, str(mismatches[0])


@needs_eels
@pytest.mark.parametrize("fork", ["prague", "osaka"])
def test_eels_agrees_under(fork):
    rnd = random.Random(fork)
    for _ in range(CASES):
        mismatches = compare_with_eels(random_case(rnd, is_osaka=fork == "osaka"), fork)
        assert not mismatches, str(mismatches[0])


@needs_eels
@pytest.mark.parametrize("fork", ["prague", "osaka"])
def test_eels_takes_and_refuses_the_same_transactions_under(fork):
    rnd, taken = random.Random(fork), []
    for _ in range(2 * CASES):
        block, ending = random_block(rnd, fork)
        assert on_eels(block) == ending, block
        taken += ending.taken
    assert len(taken) > sum(taken) > 0


def test_frames_beyond_the_depth_limit_are_refused_alike():
    rnd, deepest = random.Random(11), 0
    for _ in range(2):
        coverage = Coverage()
        case = Case((descent(rnd), *STOPS), b"", 2**38, 0)
        assert not compare(case, rnd, coverage=coverage)
        deepest = max(deepest, coverage.deepest)
    assert deepest == 1024


@pytest.mark.parametrize("target", [CONTRACTS[1], STRANGER, bytes(19) + b"\x04"])
def test_a_delegation_is_followed_once_and_never_to_a_precompile(target):
    call = b"\x5f" * 5 + b"\x73" + STRANGER + b"\x5a\xf1\x3d\x5f\x55"
    delegated = Prior(STRANGER, 1, 0, b"\xef\x01\x00" + target)
    case = Case(
        (call, b"\x30\x5f\x52\x60\x20\x5f\xf3", b"", b""), b"", 100_000, 0, False, (delegated,)
    )
    assert not compare(case, random.Random(0))


@pytest.mark.parametrize(("modulus", "power"), [(0xFD, 1), (1, 0), (0, 0)])
def test_nothing_to_the_power_of_nothing_is_one(modulus, power):
    size = b"\x60\x20\x60\x40\x52"  # lengths: nothing, nothing, a word
    value = b"\x60" + bytes((modulus,)) + b"\x60\x60\x52"
    call = b"\x60\x20\x5f\x60\x80\x5f\x60\x05\x5a\xfa\x60\x20\x5f\xf3"
    case = Case((size + value + call, b"", b"", b""), b"", 100_000, 0)
    assert not compare(case, random.Random(0), with_revm=True, with_eels=evm_eels.is_there())
    assert int.from_bytes(stock(case).output, "big") == power


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
        with policy(NEVER):
            assert endings == [ours(replace(case, gas=gas)) for gas in range(used + 2)]
        assert endings[used].succeeded


def test_a_case_depends_on_seed_and_number_alone():
    first, second = (random_case(random.Random("3 14")) for _ in range(2))
    assert first == second
    assert transpiled(first, EAGER) == transpiled(second, EAGER)


def test_coverage_tells_what_was_reached():
    call = b"\x5f" * 5 + b"\x73" + CONTRACTS[1] + b"\x5a\xf1"
    campaign = Coverage()
    stock(Case((call, b"\x5f\x5f\xfd", b"", b""), b"", 100_000, 0), campaign)
    assert campaign.programs_run == 2
    assert campaign.deepest == 1
    assert dict(campaign.cases) == {"succeeded": 1}
    assert dict(campaign.frames) == {"succeeded": 1, "reverted": 1}
    assert campaign.opcodes == {0x5F, 0x73, 0x5A, 0xF1, 0xFD, 0x00}


def test_a_campaign_counts_what_it_ran():
    campaign = Campaign(with_revm=False)
    assert campaign.run(random.Random(1), with_eels=False) == []
    assert "in 1 cases" in campaign.line(1.0)
    assert "0 mismatches" in campaign.line(1.0)


def test_differences_name_the_place():
    first, second = {"gas": 1, "logs": (1, (2, 3))}, {"gas": 1, "logs": (1, (2, 4))}
    assert list(differences(first, second)) == [(".logs[1][1]", 3, 4)]


def test_a_disagreement_is_cut_down_to_what_it_takes():
    def judge(mismatch, case):
        return (
            Mismatch(case, mismatch.engines, mismatch.endings) if b"\x20" in case.codes[0] else None
        )

    case = Case((b"\x5f\x50\x60\x01\x20\x50\x00", b"\x5f", b"\x5f", b"\x5f"), b"", 1, 0, True)
    found = smallest(Mismatch(case, ("one", "other"), (1, 2)), judge)
    assert found.case.codes == (b"\x20", b"", b"", b"")
    assert not found.case.has_storage
