"""MODEXP, P256VERIFY and BN254 pairing on L1 at each fork's price, against the step machine's."""

from __future__ import annotations

import random

import pytest
from precompile_inputs import inputs, words
from step_runs import Step
from step_verifier import Judge, StepVerifier

from evm.forks import FJORD, JOVIAN, KARST, OSAKA
from evm.step.names import NOTHING
from evm.step.opener import LiveOpener, encode_witness, witness_items
from evm.step.state import NO_EFFECTS, Call, Context, Frame, Phase, State
from evm.step.stepping import record
from evm.step.structures.words import data_tree
from evm.step_rules import step_rules_of
from rollup.settlement.step_verifier import ForkRules, fork_rules

MODEXP, PAIRING, P256 = 0x05, 0x08, 0x100
MOST_GAS = 1 << 24
FORKS = {rules.name: step_rules_of(rules) for rules in (FJORD, JOVIAN, KARST, OSAKA)}
ENOUGH = 5_000_000


@pytest.fixture(scope="module")
def verifiers():
    return {name: StepVerifier(fork_rules(rules)) for name, rules in FORKS.items()}


def step_of(fork, number, data, gas):
    at = number.to_bytes(20, "big")
    call = Call(
        1, 0, at, at, 0, at, 0, data_tree(data), len(data), 0, 0, NOTHING, NOTHING
    )  # fmt: skip
    frame = Frame(0, gas, 0, NOTHING, 0, NOTHING, NOTHING, 0, NOTHING, 0, call)
    state = State(Phase.PRECOMPILE, NOTHING, Context(NOTHING, NOTHING), NO_EFFECTS, frame)
    after, witness = record(state, LiveOpener({}.get), FORKS[fork])
    first, *items = witness_items(witness)
    return Step(Phase.PRECOMPILE, 0, first, encode_witness(items), after.commitment, f"{number:#x}")


def priced(judge, fork, number, data):
    """With enough gas, with as much as it costs, with one less."""
    result = FORKS[fork].run_precompile(number.to_bytes(20, "big"), data, ENOUGH)
    price = ENOUGH - result.gas_left
    for gas in (ENOUGH, price, price - 1) if result.succeeded else (ENOUGH,):
        judge.step(step_of(fork, number, data, gas))
    return price


def test_the_bits_of_each_fork():
    prices, pairing = ForkRules.OSAKA_PRICES, ForkRules.SHORT_PAIRING
    found = {name: fork_rules(rules) & (prices | pairing) for name, rules in FORKS.items()}
    assert found == {"fjord": 0, "jovian": 0, "karst": prices | pairing, "osaka": prices}


@pytest.mark.parametrize(("fork", "price"), [("fjord", 3_450), ("karst", 6_900), ("osaka", 6_900)])
def test_p256_is_verified_on_an_l1_without_it(verifiers, fork, price):
    judge, rnd = Judge(verifiers[fork]), random.Random(7212)
    right = inputs(P256, random.Random(2))
    assert priced(judge, fork, P256, right) == price
    place = rnd.randrange(160)
    spoilt = right[:place] + bytes((right[place] ^ 1,)) + right[place + 1 :]
    for data in (spoilt, right[:-1], right + b"\x00", right + right, b"", bytes(160)):
        judge.step(step_of(fork, P256, data, price))
    judge.mutants(step_of(fork, P256, right, price), rnd, 6)
    assert judge.found.wrong == []
    assert not judge.found.unsupported
    assert max(judge.found.gas()) < MOST_GAS


def exponentiations():
    """Lengths at which a price changes, and numbers that are all zeros or all ones.

    A base of no bytes stands beside no modulus: to the power of 0, py-evm takes it for 0.
    """
    rnd = random.Random(7883)
    sizes = [(0, 0, 0), (1, 0, 1), (0, 33, 0), (8, 1, 8), (9, 32, 9)]
    sizes += [(33, 1, 1), (1, 1, 33), (33, 33, 33), (64, 3, 64), (1, 40, 1)]
    for base, exponent, modulus in sizes:
        head = words(base, exponent, modulus, size=32)
        size = base + exponent + modulus
        for body in (rnd.randbytes(size), bytes(size), b"\xff" * size, rnd.randbytes(size // 2)):
            yield head + body
    yield from (b"", bytes(95), words(1, 1, size=32), words(2, 2, 2, size=32)[:-1])


@pytest.mark.parametrize("fork", ["jovian", "karst"])
def test_modexp_costs_what_the_fork_says(verifiers, fork):
    judge = Judge(verifiers[fork])
    for data in exponentiations():
        priced(judge, fork, MODEXP, data)
    assert judge.found.wrong == []
    assert not judge.found.unsupported


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("length", [1_024, 1_025, 2**32, 2**64, 2**64 + 1, 2**255])
def test_from_osaka_on_longer_numbers_fail(verifiers, place, length):
    sizes = [1, 1, 1]
    sizes[place] = length
    data = words(*sizes, size=32) + b"\x03" * 9
    judge = Judge(verifiers["karst"])
    judge.step(step_of("karst", MODEXP, data, 2**40 if length > 1_024 else ENOUGH))
    assert judge.found.wrong == []
    assert not judge.found.unsupported


def test_a_power_modulo_nothing_has_no_bytes(verifiers):
    """Whatever is raised: L1 need not be asked, and may refuse such lengths."""
    judge = Judge(verifiers["jovian"])
    for base, exponent in ((2_000, 1), (1, 3_000), (1_025, 40)):
        data = words(base, exponent, 0, size=32) + b"\x03" * 50
        judge.step(step_of("jovian", MODEXP, data, ENOUGH))
    assert judge.found.wrong == []
    assert not judge.found.unsupported


def test_longer_numbers_are_refused_by_name_before_osaka(verifiers):
    judge = Judge(verifiers["jovian"])
    judge.step(step_of("jovian", MODEXP, words(1, 1, 1_025, size=32) + b"\x03" * 9, ENOUGH))
    assert judge.found.unsupported == {"0x5": 1}


def test_karst_takes_no_long_pairing(verifiers):
    """The gas is enough for 301 pairs, and L1 would take them."""
    judge = Judge(verifiers["karst"])
    judge.step(step_of("karst", PAIRING, bytes(192 * 301), 12_000_000))
    assert judge.found.wrong == []
    assert not judge.found.unsupported
