"""Lies about single steps of real blocks, beaten on the contracts by the verifier of steps."""

from __future__ import annotations

import pytest
from dispute_bench import end
from dispute_games import HONEST, LIAR
from real_dispute import RealDispute, chain_of

from evm.step.state import Phase
from rollup.dispute.faults import Fault, FaultKind, FaultyOutputs
from rollup.dispute.game import GameStatus
from rollup.dispute.outputs import ChainOutputs
from rollup.dispute.strategy import Move, Step, next_actions
from rollup.dispute.trace import SplitTrace

BLOCKS, FAULT = 3, 2


def play(dispute, honest, liar):
    """Both sides in turn until neither has anything to do; moves, and the honest side's steps."""
    game, moves, steps, quiet = dispute.game, 0, [], 0
    while quiet < 2:
        quiet += 1
        for who, trace in ((HONEST, honest), (LIAR, liar)):
            for action in next_actions(game.read(), trace):
                outcome = game.act(action, who)
                if who == HONEST:
                    assert outcome.succeeded, (action, outcome.output)
                if outcome.succeeded:
                    quiet = 0
                    moves += isinstance(action, Move)
                    if isinstance(action, Step):
                        steps.append((who, action, outcome))
    return moves, steps


@pytest.mark.parametrize(
    "kind", [FaultKind.STORAGE_WRITE, FaultKind.GAS, FaultKind.LOG], ids=lambda kind: kind.value
)
def test_a_lie_about_a_step_is_beaten_by_the_verifier_at_that_step(kind):
    chain = chain_of(BLOCKS)
    outputs = ChainOutputs(chain)
    lying = FaultyOutputs(ChainOutputs(chain), Fault(kind, FAULT))
    inputs = outputs.inputs_root(1, BLOCKS)
    dispute = RealDispute.about(chain, lying.output_root(BLOCKS), LIAR, inputs)
    moves, steps = play(dispute, SplitTrace(outputs), SplitTrace(lying))
    assert moves == 58
    ((who, step, outcome),) = steps
    assert who == HONEST
    assert step.data.state_data[0] == Phase.RUN
    print(f"{kind.value}: {moves} moves, step of {outcome.gas_used} gas")
    claims = dispute.game.read().claims
    assert claims[step.claim_index].countered_by == HONEST
    assert end(dispute.game) is GameStatus.CHALLENGER_WINS
    paid = sum(claim.bond_wei for claim in claims)
    assert dispute.game.view("credit(address)", ["uint256"], HONEST) == paid
    assert dispute.game.view("credit(address)", ["uint256"], LIAR) == 0
