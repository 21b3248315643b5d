"""Games that ask L1 what a block is made of: lies about inputs lose, and need no guardian."""

from __future__ import annotations

import pytest
from actors import dev_account
from disputed_world import HONEST, LIAR, DisputedWorld

from chain.abi import selector
from chain.txpool import TransactionPool
from chain.types import Hash32
from node.rpc.backend import Backend, QueryLimits
from node.rpc.parameters import block_number_or_tag
from node.rpc.stemma import StemmaNamespace
from rollup.dispute.bundle import check, from_json, to_json
from rollup.dispute.evidence import check_step, evidence_from_json, evidence_of
from rollup.dispute.explain_step import step_lines
from rollup.dispute.faults import Fault, FaultKind, FaultyOutputs
from rollup.dispute.game import GameStatus
from rollup.dispute.input_lies import INPUT_LIES
from rollup.dispute.outputs import ChainOutputs
from rollup.dispute.refused_batches import refused_of
from rollup.dispute.split import execution_bounds
from rollup.dispute.trace import SplitTrace
from rollup.l1.calls import encode_call

ALICE, BOB = dev_account("account1"), dev_account("account2")


@pytest.fixture
def world():
    """A deposit from L1, and around it blocks of a transfer each."""
    world = DisputedWorld(window=300)
    world.deposit(BOB, to=b"\x77" * 20, mint=10**15)
    world.miner.mine()
    built = []
    while len(built) < 4 or len(built[-4].transactions) < 3:
        world.sequencer.send(ALICE, value=len(built) + 1)
        built.append(world.sequencer.build())
    world.with_deposit, world.claimed = built[-4].number, built[-1].number
    world.reach(world.claimed)
    return world


def honest_view(world):
    return ChainOutputs(world.verifier.engine)


def lying_view(world, kind, number):
    return FaultyOutputs(honest_view(world), Fault(kind, number), has_proven_inputs=True)


WORDS = {
    FaultKind.TRANSACTIONS: "among the block's inputs is none rather than 0x",
    FaultKind.DEPOSIT: "among the block's inputs is 1000000000000001 rather than 1000000000000000",
    FaultKind.ORIGIN: "L1 origin among the block's inputs is",
}


@pytest.mark.parametrize("kind", list(INPUT_LIES), ids=lambda kind: kind.value)
def test_a_lie_about_inputs_is_beaten_at_the_first_step_with_what_l1_computes(world, kind):
    number = world.with_deposit
    outputs, lie = honest_view(world), lying_view(world, kind, number)
    game = world.claim(LIAR, lie.output_root(world.claimed), world.claimed)
    moves, steps, unproven = game.play(SplitTrace(outputs), SplitTrace(lie))
    assert (moves, steps, unproven) == (58, [], [number])
    # Whoever steps before L1 knows is refused by name, and so is whoever asks for the bounds.
    leaf = len(game.read().claims) - 1
    data = outputs.steps(execution_bounds(game.read(), leaf)).step_data(0)
    step = encode_call("step(uint256,bool,bytes,bytes)", leaf, True, data.state_data, data.proof)
    early = world.call(HONEST, game.address, step)
    assert early == (False, selector("InputsNotProven()"))
    bounds = encode_call("traceBounds(uint256)", leaf)
    assert world.call(HONEST, game.address, bounds) == (False, selector("InputsNotProven()"))
    world.prove_inputs(world.verifier.engine.block_by_number(number - 1))
    moves, steps, unproven = game.play(SplitTrace(outputs), SplitTrace(lie))
    assert (moves, len(steps), unproven) == (0, 1, [])
    said = step_lines(game.read(), outputs)
    assert said[0].startswith("one step decides: block begin, step 0 of ")
    assert any(WORDS[kind] in line for line in said), said
    assert any(line.startswith("rule") and "what L1 gives it" in line for line in said), said
    check_offline(game, outputs)
    assert game.end() is GameStatus.CHALLENGER_WINS


def check_offline(game, outputs):
    """The game and its step as a bundle, taken again."""
    state = game.read()
    exported = to_json(state, {}, evidence_of(state, outputs))
    again = from_json(exported)
    assert check(again) == []
    (evidence,) = evidence_from_json(exported, again)
    assert check_step(again, evidence) is None
    again.proven_inputs = {}
    assert "InputsNotProven" in check_step(again, evidence)


def test_a_true_claim_stands_against_whoever_has_other_inputs(world):
    number = world.with_deposit + 1
    outputs, lie = honest_view(world), lying_view(world, FaultKind.TRANSACTIONS, number)
    game = world.claim(HONEST, outputs.output_root(world.claimed), world.claimed)
    assert game.play(SplitTrace(outputs), SplitTrace(lie)) == (58, [], [])
    # L1 computes the true inputs, whoever asks it to: the liar's step leads nowhere.
    world.prove_inputs(world.verifier.engine.block_by_number(number - 1))
    ((call, succeeded, refusal),), _ = game.turn(LIAR, SplitTrace(lie))
    assert call.says == "step: attack claim 58"
    assert (succeeded, refusal) == (False, selector("InvalidPrestate()"))
    assert game.end() is GameStatus.DEFENDER_WINS


def test_a_lie_about_execution_behind_the_first_step_needs_no_inputs(world):
    number = world.with_deposit + 2
    outputs, lie = honest_view(world), lying_view(world, FaultKind.OUTPUT_ROOT, number)
    game = world.claim(LIAR, lie.output_root(world.claimed), world.claimed)
    moves, steps, unproven = game.play(SplitTrace(outputs), SplitTrace(lie))
    assert (moves, len(steps), unproven) == (58, 1, [])
    assert game.end() is GameStatus.CHALLENGER_WINS


class RootLiar:
    """Lies about the claim itself alone: all blocks before it, and its own below, are true."""

    def __init__(self, outputs):
        self.true, self.root = SplitTrace(outputs), Hash32(b"\x66" * 32)

    def claim_at(self, game, parent_index, position):
        if position == 1:
            return self.root
        if parent_index is not None and position.bit_length() > game.parameters.split_depth + 1:
            return Hash32(bytes(1) + self.root[1:])
        return self.true.claim_at(game, parent_index, position)

    def step_data(self, game, claim_index, position):
        return self.true.step_data(game, claim_index, position)


def test_where_the_claimed_block_itself_is_agreed_on_nothing_has_to_be_proven(world):
    outputs = honest_view(world)
    lie = RootLiar(outputs)
    game = world.claim(LIAR, lie.root, world.claimed)
    _, steps, unproven = game.play(SplitTrace(outputs), lie)
    assert unproven == []
    assert len(steps) == 1
    assert game.end() is GameStatus.CHALLENGER_WINS


def test_a_claim_of_a_block_that_has_had_no_time_is_refused(world):
    future = (world.miner.head.timestamp - world.spec.timestamp) // 2 + 60
    root = Hash32(b"\x55" * 32)
    assert world.claim(LIAR, root, future) == selector("BlockInFuture()")


def test_a_block_that_fell_back_to_deposits_is_proven_with_the_batch_that_failed():
    world = DisputedWorld(window=300)
    bad = world.fall_back(ALICE)
    engine = world.verifier.engine
    block = engine.block_by_number(3)
    assert refused_of(world.verifier.store, block.hash) == bad.transactions
    backend = Backend(engine, TransactionPool(chain_id=world.config.l2_chain_id), QueryLimits())
    told = StemmaNamespace(backend).refused_transactions
    assert told(block_number_or_tag("0x3")) == ["0x02c0", "0xf8"]
    assert told(block_number_or_tag("0x2")) == []
    # After a restart it is known as well.
    outputs = ChainOutputs(world.verifier.restarted().engine)
    lie = FaultyOutputs(outputs, Fault(FaultKind.BASE_FEE, 3), has_proven_inputs=True)
    while world.miner.head.timestamp < block.header.timestamp:
        world.miner.mine()
    game = world.claim(LIAR, lie.output_root(3), 3)
    _, steps, unproven = game.play(SplitTrace(outputs), SplitTrace(lie))
    assert (steps, unproven) == ([], [3])
    world.prove_inputs(engine.block_by_number(2))
    _, steps, _ = game.play(SplitTrace(outputs), SplitTrace(lie))
    assert len(steps) == 1
    assert game.end() is GameStatus.CHALLENGER_WINS
