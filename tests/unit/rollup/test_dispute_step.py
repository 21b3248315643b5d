"""Games to the last step, on the contracts: lies lose, truth stands, each refusal by its name."""

from __future__ import annotations

import pytest
from contract_bench import call_data
from counter_machine import CounterOutputs, output_root
from dispute_bench import VERIFIER, GameOnBench, end, new_game, refusal
from dispute_games import HONEST, LIAR, LyingOutputs
from settlement import INPUTS_ROOT

from rollup.dispute.game import GameStatus
from rollup.dispute.position import Position, depth
from rollup.dispute.split import execution_bounds
from rollup.dispute.strategy import Move, Step, next_actions
from rollup.dispute.trace import SplitTrace, StepData

HONEST_TRACE = SplitTrace(CounterOutputs())
NAMES = ["InvalidParent", "InvalidPrestate", "ValidStep", "DuplicateStep", "UnexpectedRootClaim"]


def play(game: GameOnBench, liar: SplitTrace) -> int:
    """Both sides in turn until neither has anything to do; the number of transactions."""
    sent, quiet = 0, 0
    while quiet < 2:
        quiet += 1
        for who, trace in ((HONEST, HONEST_TRACE), (LIAR, liar)):
            for action in next_actions(game.read(), trace):
                outcome = game.act(action, who)
                if who == HONEST:
                    assert outcome.succeeded, (action, outcome.output)
                if outcome.succeeded:
                    sent, quiet = sent + 1, 0
    return sent


@pytest.mark.parametrize("first_false", [1, 5, 8])
@pytest.mark.parametrize("first_lie", [0, 2, 5, 1000])
def test_a_lie_about_any_block_and_step_is_beaten_and_pays(first_false, first_lie):
    liar = LyingOutputs(first_false, first_lie, b"lie")
    game = new_game(liar.output_root(8), 8, creator=LIAR, split=4, deepest=9)
    play(game, SplitTrace(liar))
    claims = game.read().claims
    assert end(game) is GameStatus.CHALLENGER_WINS
    paid = sum(claim.bond_wei for claim in claims)
    assert game.view("credit(address)", ["uint256"], HONEST) == paid


@pytest.mark.parametrize("first_lie", [0, 4, 5])
def test_a_true_claim_stands_against_whoever_attacks_it_to_the_last_step(first_lie):
    liar = LyingOutputs(3, first_lie, b"lie")
    game = new_game(output_root(8), 8, creator=HONEST, split=4, deepest=9)
    play(game, SplitTrace(liar))
    assert end(game) is GameStatus.DEFENDER_WINS


def test_a_game_of_the_full_depth_takes_at_most_58_moves_and_a_step():
    liar = LyingOutputs(1000, 3, b"lie")
    game = new_game(liar.output_root(2000), 2000, creator=LIAR)
    sent = play(game, SplitTrace(liar))
    moves = game.view("claimDataLen()", ["uint256"]) - 1
    assert (moves, sent) == (58, 59)
    assert end(game) is GameStatus.CHALLENGER_WINS


@pytest.fixture(scope="module")
def leaf():
    """A game at its last step: the game, and the step that the honest side would make."""
    liar = LyingOutputs(3, 3, b"lie")
    game = new_game(liar.output_root(8), 8, creator=LIAR, split=4, deepest=8)
    while True:
        for who, trace in ((HONEST, HONEST_TRACE), (LIAR, SplitTrace(liar))):
            for action in next_actions(game.read(), trace):
                if isinstance(action, Step):
                    return game, action
                assert game.act(action, who).succeeded


def test_a_step_is_refused_by_name(leaf):
    game, step = leaf
    data = step.data

    def tried(action):
        return refusal(game.act(action, HONEST), NAMES)

    assert tried(Step(1, True, data)) == "InvalidParent"
    other = StepData(data.state_data[:-1] + b"\x01", data.proof)
    assert tried(Step(step.claim_index, step.is_attack, other)) == "InvalidPrestate"
    assert tried(Step(step.claim_index, not step.is_attack, data)) == "InvalidPrestate"
    absent = call_data("step(uint256,bool,bytes,bytes)", 99, True, data.state_data, data.proof)
    assert "no claim has this index" in game.bench.send(game.game, absent).reason
    assert game.act(step, HONEST).succeeded
    assert game.claim(step.claim_index).countered_by == HONEST
    assert tried(step) == "DuplicateStep"


def test_a_true_claim_cannot_be_stepped_on():
    honest_path = new_game(output_root(4), 4, creator=HONEST, split=2, deepest=6)
    liar = SplitTrace(LyingOutputs(1, 0, b"lie"))
    play(honest_path, liar)
    state = honest_path.read()
    leaves = [i for i, c in enumerate(state.claims) if depth(c.position) == 6]
    assert any(state.claims[index].claimant == HONEST for index in leaves)
    for index in leaves:
        claim = state.claims[index]
        if claim.claimant == HONEST:
            data = HONEST_TRACE.step_data(state, index, claim.position)
            assert refusal(honest_path.act(Step(index, True, data), LIAR), NAMES) == "ValidStep"
            after = Position(claim.position + 1)
            data = HONEST_TRACE.step_data(state, index, after)
            refused = refusal(honest_path.act(Step(index, False, data), LIAR), NAMES)
            assert refused == "ValidStep"


def test_whoever_begins_a_trace_has_to_say_how_it_ends():
    game = new_game(output_root(4), 4, creator=HONEST, split=2, deepest=5)
    for parent in (0, 1):
        assert game.act(Move(parent, True, output_root(1)), LIAR).succeeded
    for status in (0, 3, 9):
        value = bytes([status]) + bytes(31)
        assert refusal(game.act(Move(2, True, value), LIAR), NAMES) == "UnexpectedRootClaim"
    assert game.act(Move(2, True, b"\x01" + bytes(31)), LIAR).succeeded
    assert game.act(Move(2, True, b"\x02" + bytes(31)), LIAR).succeeded


def test_a_trace_is_bound_to_its_outputs_its_block_the_l1_and_the_inputs():
    game = new_game(output_root(4), 4, creator=HONEST, split=2, deepest=5)
    for parent in (0, 1):
        game.act(Move(parent, True, output_root(1)), LIAR)
    game.act(Move(2, True, b"\x01" + bytes(31)), LIAR)
    bounds = execution_bounds(game.read(), 3)
    assert bounds.agreed == output_root(0)
    assert (bounds.l2_number, bounds.inputs_root) == (1, INPUTS_ROOT)
    assert game.view("traceBounds(uint256)", ["bytes32"], 3) == bounds.pending
    outcome = game.send(LIAR, "traceBounds(uint256)", 2)
    assert refusal(outcome, ["ClaimAboveSplit"]) == "ClaimAboveSplit"
    assert game.view("vm()", ["address"]) == VERIFIER
