"""The one-step verifier on L1 against the step machine, and against wrong witnesses.

A seeded share; `make verify-steps-on-l1` takes 20,000 steps and 100,000 wrong witnesses.
"""

from __future__ import annotations

import random
from itertools import islice
from statistics import median

import pytest
from evm_engines import Case
from evm_programs import push
from step_runs import WHOLE_CODES, first_state, random_steps, steps_of, world_of
from step_verifier import UNSUPPORTED_STEP, Judge, StepVerifier

from evm.forks import JOVIAN, KARST, PRAGUE
from evm.step.names import NOTHING
from evm.step.state import Phase, State
from evm.step_rules import step_rules_of
from rollup.settlement.step_verifier import ForkRules

STEPS = 600
MUTANTS = 600
MEDIAN_GAS = 109_000
MOST_GAS = 1 << 24
RULES = step_rules_of(PRAGUE)
OF_JOVIAN = ForkRules.BLS | ForkRules.DELEGATIONS | ForkRules.P256 | ForkRules.NATIVES


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    return StepVerifier()


def test_steps_of_random_programs_end_as_on_the_step_machine(verifier):
    judge = Judge(verifier)
    for step in islice(random_steps(random.Random(90125), RULES), STEPS):
        judge.step(step)
    assert judge.found.wrong == []
    assert judge.found.steps == STEPS
    assert sum(judge.found.unsupported.values()) <= STEPS // 50
    assert median(judge.found.gas()) <= MEDIAN_GAS
    assert max(judge.found.gas()) < MOST_GAS


@pytest.mark.parametrize(
    ("fork", "rules"),
    [(JOVIAN, OF_JOVIAN), (KARST, OF_JOVIAN | ForkRules.CLZ)],
    ids=["jovian", "karst"],
)
def test_steps_under_other_forks_end_as_on_the_step_machine(fork, rules):
    judge = Judge(StepVerifier(rules))
    for step in islice(random_steps(random.Random(11), step_rules_of(fork)), STEPS // 3):
        judge.step(step)
    assert judge.found.wrong == []


def test_no_wrong_witness_is_accepted(verifier):
    judge, rnd = Judge(verifier), random.Random(2112)
    steps = random_steps(random.Random(1984), RULES)
    while judge.found.mutants < MUTANTS:
        judge.mutants(next(steps), rnd, 2)
    assert judge.found.wrong == []


def _opcode_case(code: bytes, gas: int = 1_000_000, data: bytes = b"") -> Case:
    return Case((code, b"", b"", b""), data, gas, 0)


@pytest.mark.parametrize(
    ("what", "code", "gas"),
    [
        ("stack underflow", b"\x01", 100),
        ("stack overflow", b"\x5b\x5f\x5f\x56", 10**6),
        ("out of gas", b"\x5f\x5f\x01", 5),
        ("out of gas in memory", push(2**32) + b"\x51", 10**6),
        ("jump to no JUMPDEST", push(0) + b"\x56", 100),
        ("jump past the end", push(2**255) + b"\x56", 100),
        ("jump into the data of a PUSH", push(4) + b"\x56\x60\x5b\x00", 100),
        ("undefined opcode", b"\x0c", 100),
        ("INVALID", b"\xfe", 100),
        ("CLZ before Osaka", b"\x5f\x1e", 100),
        ("return data out of bounds", b"\x60\x01\x5f\x5f\x3e", 100),
        ("SSTORE below the stipend", b"\x5f\x5f\x55", 2_304),
        ("init code too long", push(49_153) + b"\x5f\x5f\xf0", 10**6),
    ],
)
def test_a_frame_that_fails_fails_on_l1(verifier, what, code, gas):
    judge = Judge(verifier)
    steps = list(islice(steps_of(_opcode_case(code, gas), random.Random(1), RULES), 4_000))
    for step in steps[-8:]:
        judge.step(step)
    assert judge.found.wrong == [], what
    assert not judge.found.unsupported


def test_every_push_dup_swap_and_clz_ends_as_on_the_step_machine():
    """Some are rare in random programs: a seeded run of 20,000 steps leaves out a few."""
    pushes = b"".join(bytes((0x5F + n,)) + bytes(range(1, n + 1)) for n in range(33))
    code = pushes + bytes(range(0x80, 0xA0)) + b"\x1e\x5f\x1e"
    rules = step_rules_of(KARST)
    judge, rnd = Judge(StepVerifier(OF_JOVIAN | ForkRules.CLZ)), random.Random(7)
    steps = list(steps_of(_opcode_case(code), random.Random(1), rules))
    assert len(steps) > 33 + 32 + 3
    for step in steps:
        judge.step(step)
        judge.mutants(step, rnd, 2)
    assert judge.found.wrong == []
    assert not judge.found.unsupported


def test_a_long_hash_goes_block_by_block(verifier):
    code = push(7) + push(1_480) + b"\x52" + push(1_500) + push(3) + b"\x20\x50"
    judge = Judge(verifier)
    for step in steps_of(_opcode_case(code), random.Random(1), RULES):
        judge.step(step)
    assert judge.found.wrong == []
    assert len(judge.found.kinds["hash"].gas) == 12


def test_a_phase_that_there_is_not_is_refused_by_name(verifier):
    for phase in (14, 255):
        state = State(phase, NOTHING, NOTHING, NOTHING, NOTHING)
        outcome = verifier.step(state.encode(), b"")
        assert outcome.refused_with(UNSUPPORTED_STEP)
        assert outcome.output[4:] == phase.to_bytes(32, "big") + bytes(32)


@pytest.mark.parametrize("phase", [Phase.VALID, Phase.INVALID])
def test_the_last_state_stays(verifier, phase):
    state = State(phase, b"\x11" * 32, NOTHING, NOTHING, NOTHING)
    outcome = verifier.step(state.encode(), b"")
    assert outcome.output == state.commitment
    assert not verifier.step(state.encode(), b"\x00").succeeded


def test_a_state_of_another_phase_is_not_taken(verifier):
    """A kind that is asked for a step that is not its own refuses it."""
    case = _opcode_case(b"\x5f")
    rnd = random.Random(1)
    state = first_state(case, world_of(case, rnd), rnd, RULES.fork)
    step = next(steps_of(case, random.Random(1), RULES))
    assert step.state == state.encode()
    other = bytes((Phase.LEAVE,)) + step.state[1:]
    assert not verifier.step(other, step.proof).succeeded


def test_a_call_that_is_encoded_otherwise_is_refused(verifier):
    step = next(random_steps(random.Random(5), RULES))
    data = verifier.data(step.state, step.proof)
    for place in (35, 67, 131):
        changed = bytearray(data)
        changed[place] += 32
        assert not verifier.bench.send(verifier.router, bytes(changed)).succeeded
    assert not verifier.bench.send(verifier.router, b"\x00" + data[1:]).succeeded


def test_the_longest_codes_fit_a_transaction(verifier):
    """Init code of 49,152 bytes and a code of 24,576 bytes: created, deposited, loaded."""
    start = 0x30
    head = b"\x38\x61\xc0\x00\x14\x61" + start.to_bytes(2, "big") + b"\x57"
    head += b"\x61\x60\x00\x5f\x5f\x39\x61\x60\x00\x5f\x61\x60\x00\x39"
    head += b"\x5f\x61\xc0\x00\x5f\x5f\xf5\x00"
    deposit = b"\x5b\x61\x60\x00\x5f\x5f\x39\x61\x60\x00\x5f\xf3"
    code = (head.ljust(start, b"\x5b") + deposit).ljust(24_576, b"\x5b")
    judge = Judge(verifier)
    for step in steps_of(_opcode_case(code, 20_000_000), random.Random(3), RULES):
        if step.kind in WHOLE_CODES:
            judge.step(step)
    assert judge.found.wrong == []
    assert set(judge.found.kinds) == WHOLE_CODES
    assert max(judge.found.gas()) < MOST_GAS
