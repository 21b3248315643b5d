"""Precompiles on the one-step verifier, which asks L1's own, against the step machine's."""

from __future__ import annotations

import random

import pytest
from precompile_inputs import inputs, spoilt
from step_runs import Step
from step_verifier import Judge, StepVerifier

from evm.forks import PRAGUE
from evm.step.names import NOTHING
from evm.step.opener import LiveOpener, encode_witness, witness_items
from evm.step.state import NO_EFFECTS, Call, Context, Frame, Phase, State
from evm.step.stepping import record
from evm.step.structures.words import data_tree
from evm.step_rules import step_rules_of

MODEXP = 0x05
RULES = step_rules_of(PRAGUE)
CASES = dict.fromkeys(range(1, 18), 4) | {0x07: 2, 0x08: 1, 0x0C: 1, 0x0E: 1, 0x0F: 1}


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    return StepVerifier()


def _step(number: int, data: bytes, gas: int) -> Step:
    at = number.to_bytes(20, "big")
    call = Call(
        1, 0, at, at, 0, at, 0, data_tree(data), len(data), 0, 0, NOTHING, NOTHING
    )  # fmt: skip
    frame = Frame(0, gas, 0, NOTHING, 0, NOTHING, NOTHING, 0, NOTHING, 0, call)
    state = State(Phase.PRECOMPILE, NOTHING, Context(NOTHING, NOTHING), NO_EFFECTS, frame)
    after, witness = record(state, LiveOpener({}.get), RULES)
    first, *items = witness_items(witness)
    return Step(Phase.PRECOMPILE, 0, first, encode_witness(items), after.commitment, f"{number:#x}")


@pytest.mark.parametrize("number", range(1, 0x12), ids=hex)
def test_a_precompile_ends_as_on_the_step_machine(verifier, number):
    rnd = random.Random(number)
    judge = Judge(verifier)
    for _ in range(CASES[number]):
        data = inputs(number, rnd)
        judge.step(_step(number, data, 5_000_000))
        judge.step(_step(number, spoilt(data, rnd), 5_000_000))
        judge.step(_step(number, data, rnd.choice((0, 10, 100))))
    judge.step(_step(number, b"", 5_000_000))
    assert judge.found.wrong == []
    if number != MODEXP:  # which L1 may refuse for numbers of more than 1,024 bytes
        assert not judge.found.unsupported
