"""Single steps of games as evidence: of every phase, taken again with no node and no L1."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from functools import cache

import pytest
from execution import send
from planted_lies import FAULT, chain_of, lying, transactions, whole_chain

from chain.errors import DecodeError
from chain.types import ZERO_ADDRESS, Address, Hash32
from evm.step.machine import Machine
from evm.step.opener import encode_witness
from evm.step.state import Phase, commitment_of
from evm.step.stepping import advance, step
from genesis.allocation import GenesisAccount
from rollup.dispute import bundle, transitions
from rollup.dispute.claim import Claim
from rollup.dispute.clock import Clock, ClockLimits
from rollup.dispute.evidence import check_step, evidence_from_json, evidence_of
from rollup.dispute.explain_step import step_lines
from rollup.dispute.faults import FaultKind, FaultySteps
from rollup.dispute.game import GameParameters, Subject, game_of
from rollup.dispute.outputs import ChainOutputs
from rollup.dispute.position import ROOT
from rollup.dispute.position import move as moved
from rollup.dispute.split import execution_bounds
from rollup.dispute.strategy import Step, next_actions
from rollup.dispute.trace import SplitTrace, step_index

HONEST, LIAR = Address(b"\x01" * 20), Address(b"\x02" * 20)
# Fewer moves than in a real game: 2^11 steps are enough for a small block.
RULES = GameParameters(14, 2, ClockLimits(10_000, 100), 10**12, 1_094_930_000_000_000_000)
HASHER = Address(b"\x64" * 20)
# SSTORE(0, KECCAK256 of 2,000 zero bytes)
LONG_HASH_CODE = bytes.fromhex("6107d05f205f5500")


@cache
def one_block():
    """A chain whose only block has a step of every phase."""
    with_hash = {HASHER: GenesisAccount(nonce=1, code=LONG_HASH_CODE)}
    return chain_of([[*transactions(1), send(1, 2, HASHER)]], extra=with_hash)


@dataclass
class LyingFrom:
    """A liar with no machine: true up to a step, hashes of nothing behind it."""

    honest: ChainOutputs
    first_lie: int

    def output_root(self, number):
        return self.honest.output_root(number) if number < 1 else Hash32(b"\x77" * 32)

    def steps(self, bounds):
        return FaultySteps(self.honest.steps(bounds), bounds, self.first_lie, self.output_root(1))


def play(outputs, liar, number):
    """A whole game by the rules alone, the liar's claim about block `number`."""
    root = liar.output_root(number)
    subject = Subject(
        outputs.output_root(0), 0, number, Hash32(b"\x11" * 32), outputs.inputs_root(1, number)
    )
    begun = Claim(None, ZERO_ADDRESS, LIAR, RULES.bond_wei(ROOT), root, ROOT, Clock(0, 1))
    game, now, quiet = game_of(RULES, subject, [begun]), 1, 0
    while quiet < 2:
        quiet += 1
        for who, trace in ((HONEST, SplitTrace(outputs)), (LIAR, SplitTrace(liar))):
            for action in next_actions(game, trace):
                now += 1
                quiet = 0 if _act(game, action, who, now, outputs) else quiet
    return game


def _act(game, action, who, now, outputs):
    if isinstance(action, Step):
        if who == LIAR:
            return False
        rules = outputs.steps(_bounds(game, action)).begun.rules

        def verifier(state, proof, _):
            return Hash32(step(commitment_of(state), encode_witness([state]) + proof, rules))

        transitions.step(
            game, action.claim_index, action.data.state_data, action.data.proof,
            is_attack=action.is_attack, claimant=who, verifier=verifier,
        )  # fmt: skip
        return True
    position = moved(game.claims[action.parent_index].position, is_attack=action.is_attack)
    transitions.move(
        game, action.parent_index, action.value, is_attack=action.is_attack, claimant=who,
        bond_wei=RULES.bond_wei(position), now=now,
    )  # fmt: skip
    return True


def _bounds(game, action):
    return execution_bounds(game, action.claim_index)


@cache
def first_steps():
    """For each phase the first step of it in the block's trace."""
    outputs = ChainOutputs(one_block())
    steps = outputs.steps(outputs.bounds_of(1))
    machine, found = Machine(steps.begun.first, steps.begun.opener, steps.begun.rules), {}
    for index in range(steps.trace.steps):
        found.setdefault(machine.phase, index)
        advance(machine)
    return found


def document(game, evidence):
    return json.loads(json.dumps(bundle.to_json(game, {}, evidence)))


@pytest.mark.parametrize("phase", [each for each in Phase if each < Phase.VALID])
def test_a_step_of_every_phase_is_taken_again_with_no_node(phase):
    outputs = ChainOutputs(one_block())
    game = play(outputs, LyingFrom(outputs, first_steps()[phase]), 1)
    (evidence,) = evidence_of(game, outputs)
    assert game.claims[evidence.claim].countered_by == HONEST
    assert evidence.data.state_data[0] == phase
    exported = document(game, [evidence])
    again = bundle.from_json(exported)
    assert bundle.check(again) == []
    (read,) = evidence_from_json(exported, again)
    assert check_step(again, read) is None
    lines = step_lines(game, outputs)
    assert lines[0].startswith("one step decides: ")
    assert any("a state that nobody has shown" in line for line in lines)
    assert len(lines) <= 13


@pytest.mark.parametrize(
    "change",
    [
        lambda step: step.update(is_attack=not step["is_attack"]),
        lambda step: step.update(claim=3),
        lambda step: step.update(fork=99),
        lambda step: step.update(state=step["state"][:-2] + "55"),
        lambda step: step.update(proof=step["proof"][:-2] + "55"),
        lambda step: step.update(proof=step["proof"] + "000000"),
        lambda step: step.update(proof="0x"),
    ],
)
def test_evidence_that_is_changed_shows_nothing(change):
    outputs, liar = ChainOutputs(whole_chain()), lying(FaultKind.STORAGE_WRITE)
    game = _storage_game()
    exported = copy.deepcopy(document(game, evidence_of(game, outputs)))
    change(exported["steps"][0])
    (evidence,) = evidence_from_json(exported, game)
    assert check_step(game, evidence) is not None
    assert liar.output_root(FAULT) == game.root.value


@cache
def _storage_game():
    return play(ChainOutputs(whole_chain()), lying(FaultKind.STORAGE_WRITE), FAULT)


def test_a_step_shows_nothing_against_a_claim_that_it_leads_to():
    outputs, game = ChainOutputs(whole_chain()), _storage_game()
    (evidence,) = evidence_of(game, outputs)
    running = game_of(RULES, game.subject, list(game.claims))
    _, after, _ = transitions.step_ends(running, evidence.claim, is_attack=evidence.is_attack)
    at = game.claims.index(after)
    right = outputs.steps(execution_bounds(game, evidence.claim)).commitment(
        step_index(game, after.position)
    )
    other = right if right != after.value else Hash32(b"\x03" * 32)
    running.claims[at] = replace(after, value=other)
    assert "shows nothing against the claim" in check_step(running, evidence)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(steps=[{}]),
        lambda d: d.update(steps=7),
        lambda d: d["steps"][0].update(claim="1"),
        lambda d: d["steps"][0].update(claim=10_000),
        lambda d: d["steps"][0].update(is_attack=1),
        lambda d: d["steps"][0].update(state="0x12"),
        lambda d: d["steps"][0].update(proof="zz"),
    ],
)
def test_what_is_no_evidence_is_refused(change):
    game = _storage_game()
    exported = document(game, evidence_of(game, ChainOutputs(whole_chain())))
    change(exported)
    with pytest.raises(DecodeError):
        evidence_from_json(exported, game)


def test_a_game_that_is_not_at_one_step_yet_has_no_words_for_it():
    outputs, whole = ChainOutputs(whole_chain()), _storage_game()
    for count in (1, 2, 4, 8):
        game = game_of(RULES, whole.subject, list(whole.claims[:count]))
        assert step_lines(game, outputs) == []
        assert evidence_of(game, outputs) == []


def test_a_short_trace_comes_down_to_its_last_step_before_the_greatest_depth():
    outputs = ChainOutputs(whole_chain())
    game = play(outputs, lying(FaultKind.OUTPUT_ROOT), FAULT)
    lines = step_lines(game, outputs)
    assert lines[0].startswith("one step decides: block end, output, step 922 of 923")
    assert any("output root is 0x" in line and "rather than" in line for line in lines)
    cut = [
        bool(step_lines(game_of(RULES, game.subject, list(game.claims[:count])), outputs))
        for count in range(5, len(game.claims) + 1)
    ]
    assert cut == sorted(cut)
    assert cut.count(True) >= 1
