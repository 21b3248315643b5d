"""Lies about single steps of real blocks, beaten on the contracts by the verifier of steps."""

from __future__ import annotations

import pytest
from dispute_bench import end
from dispute_games import HONEST, LIAR
from planted_lies import BLOCKS, ENDS_AT, lying, whole_chain
from real_dispute import RealDispute, play

from rollup.dispute.explain_step import step_lines
from rollup.dispute.faults import FaultKind
from rollup.dispute.game import GameStatus
from rollup.dispute.outputs import ChainOutputs
from rollup.dispute.trace import SplitTrace


@pytest.mark.parametrize("kind", list(FaultKind), ids=lambda kind: kind.value)
def test_a_lie_about_a_step_is_beaten_by_the_verifier_at_that_step(kind):
    chain = whole_chain()
    outputs, liar = ChainOutputs(chain), lying(kind)
    inputs = outputs.inputs_root(1, BLOCKS)
    dispute = RealDispute.about(chain, liar.output_root(BLOCKS), LIAR, inputs)
    moves, steps = play(dispute, SplitTrace(outputs), SplitTrace(liar))
    assert moves == 58
    ((who, step, outcome),) = steps
    assert who == HONEST
    said = step_lines(dispute.game.read(), outputs)
    assert said[0].startswith(f"one step decides: {ENDS_AT[kind]}, step ")
    assert any(line.startswith("claimed") and "rather than" in line for line in said), said
    assert outcome.succeeded, outcome.output
    claims = dispute.game.read().claims
    assert claims[step.claim_index].countered_by == HONEST
    assert end(dispute.game) is GameStatus.CHALLENGER_WINS
    paid = sum(claim.bond_wei for claim in claims)
    assert dispute.game.view("credit(address)", ["uint256"], HONEST) == paid
    assert dispute.game.view("credit(address)", ["uint256"], LIAR) == 0
