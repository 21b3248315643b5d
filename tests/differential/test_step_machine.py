"""Random programs on the fast path and on the step machine: equal before every opcode.

pc, gas, depth, stack, memory and refund are compared opcode by opcode; then success, gas, output,
logs, accounts. Of some steps the witness is made: it must prove the step by itself, and not when a
bit of it is changed. STEMMA_STEP_PROGRAMS sets how many cases of four programs run.
"""

from __future__ import annotations

import os
import random

import pytest
from evm_fuzz import random_case
from step_machine import begun, on_fast_path, on_steps

from evm.forks import OSAKA, PRAGUE
from evm.step.errors import WitnessError
from evm.step.stepping import step
from evm.step.trace import Trace

CASES = int(os.environ.get("STEMMA_STEP_PROGRAMS", "60"))
FIRST = int(os.environ.get("STEMMA_STEP_SEED", "0"))
BLOCK = 20
TOO_LONG = 30_000
"""Opcodes whose stacks and memories are too many to keep; a few programs in a thousand."""
PROOFS_PER_CASE = 4


def _case(seed: int):
    rnd = random.Random(seed)
    is_osaka = rnd.random() < 0.3
    return random_case(rnd, is_osaka=is_osaka), OSAKA if is_osaka else PRAGUE, rnd


@pytest.mark.parametrize("first", range(FIRST, FIRST + CASES, BLOCK))
def test_programs_agree_before_every_opcode(first):
    for seed in range(first, first + BLOCK):
        case, rules, _ = _case(seed)
        expected = on_fast_path(case, rules)
        if len(expected.seen) > TOO_LONG:
            continue
        told = on_steps(case, rules)
        for number, (theirs, ours) in enumerate(zip(expected.seen, told.seen, strict=False)):
            assert ours == theirs, f"seed {seed}, opcode {number}"
        assert told == expected, f"seed {seed}"


@pytest.mark.parametrize("first", range(FIRST, FIRST + CASES, BLOCK))
def test_witnesses_prove_their_steps_and_no_others(first):
    for seed in range(first, first + BLOCK):
        case, rules, rnd = _case(seed)
        begin = begun(case, rules)
        trace = Trace(begin.first, begin.opener, begin.rules)
        for index in {rnd.randrange(trace.steps) for _ in range(PROOFS_PER_CASE)}:
            before, witness, after = trace.witness(index)
            commitment = before.commitment
            assert step(commitment, witness, begin.rules) == after.commitment
            assert after.commitment == trace.commitment(index + 1)
            changed = bytearray(witness)
            changed[rnd.randrange(len(witness))] ^= 1 << rnd.randrange(8)
            with pytest.raises(WitnessError):
                step(commitment, bytes(changed), begin.rules)
