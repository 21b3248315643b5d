"""The dispute game in Vyper and its rules in Python: the same courses, the same refusals."""

from __future__ import annotations

from random import Random

from counter_machine import BadWitness, CounterOutputs, output_root, step
from dispute_bench import GameOnBench, new_game, refusal
from dispute_games import HONEST, LIAR, LyingOutputs

from chain.crypto.keccak import keccak256
from chain.types import Hash32
from rollup.dispute import position as positions
from rollup.dispute import transitions
from rollup.dispute.game import Game, GameStatus
from rollup.dispute.position import ClaimAboveSplit, depth
from rollup.dispute.split import execution_bounds, expected_status
from rollup.dispute.strategy import Move, Step, next_actions
from rollup.dispute.trace import SplitTrace, StepData
from rollup.dispute.transitions import GameRefused

NAMES = [
    "GameNotInProgress", "InvalidDisputedClaimIndex", "CannotDefendRootClaim", "GameDepthExceeded",
    "UnexpectedRootClaim", "IncorrectBondAmount", "ClockTimeExceeded", "ClaimAlreadyExists",
    "InvalidParent", "InvalidPrestate", "ValidStep", "DuplicateStep", "ClockNotExpired",
    "ClaimAlreadyResolved", "OutOfOrderResolution",
]  # fmt: skip


class Pair:
    """One game twice: as a contract and as rules."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        split, deepest = self.random.choice(((2, 6), (3, 7), (4, 8)))
        start = self.random.randint(0, 3)
        number = start + self.random.randint(1, 2**split)
        liar = LyingOutputs(start + 1, self.random.randint(0, 6), b"x")
        self.traces = (SplitTrace(CounterOutputs()), SplitTrace(liar))
        root = self.random.choice((output_root(number), liar.output_root(number)))
        self.bench: GameOnBench = new_game(
            root, number, creator=LIAR, split=split, deepest=deepest, start=start
        )
        self.rules: Game = self.bench.read()
        self.seen: set[str] = set()

    @property
    def now(self) -> int:
        return self.bench.bench.now

    def both(self, action: Move | Step, who: bytes) -> None:
        outcome = self.bench.act(action, who)
        refused = self._by_rules(action, who)
        if refused == "BadWitness":
            assert not outcome.succeeded
        else:
            assert refusal(outcome, NAMES) == refused, action
        self.seen.add(refused or type(action).__name__)
        if isinstance(action, Step) and refused is None:
            self.both(action, who)

    def _by_rules(self, action: Move | Step, who: bytes) -> str | None:
        try:
            if isinstance(action, Step):
                transitions.step(
                    self.rules, action.claim_index, action.data.state_data, action.data.proof,
                    is_attack=action.is_attack, claimant=who, verifier=step,
                )  # fmt: skip
            else:
                parent = self.rules.claims[action.parent_index]
                target = positions.move(parent.position, is_attack=action.is_attack)
                transitions.move(
                    self.rules, action.parent_index, action.value, is_attack=action.is_attack,
                    claimant=who, bond_wei=self.rules.parameters.bond_wei(target), now=self.now,
                )  # fmt: skip
        except BadWitness:
            return "BadWitness"
        except GameRefused as error:
            return error.name
        return None

    def random_action(self) -> Move | Step:
        random, game = self.random, self.rules
        if random.random() < 0.5:
            actions = next_actions(game, random.choice(self.traces))
            if actions:
                return random.choice(actions)
        index = random.randrange(max(0, len(game.claims) - 8), len(game.claims))
        claim, is_attack = game.claims[index], random.random() < 0.5
        if index and depth(claim.position) > game.parameters.split_depth and random.random() < 0.1:
            return Step(index, is_attack, StepData(bytes(129), b""))
        target = positions.move(claim.position, is_attack=is_attack)
        trace = random.choice(self.traces)
        try:
            if depth(target) > game.parameters.max_depth and random.random() < 0.8:
                leaf = positions.Position(claim.position + (not is_attack))
                data = trace.step_data(game, index, leaf)
                if random.random() < 0.1:
                    data = StepData(data.state_data, data.proof[:-1])
                return Step(index, is_attack, data)
            value = trace.claim_at(game, index, target)
        except (ValueError, AssertionError):
            value = keccak256(random.randbytes(4))
        is_trace_root = depth(target) == game.parameters.split_depth + 1
        if is_trace_root and (index or is_attack) and random.random() < 0.8:
            value = Hash32(bytes([expected_status(game, index, is_attack=is_attack)]) + value[1:])
        return Move(index, is_attack, value)

    def resolve_some(self) -> None:
        for index in self.random.sample(range(len(self.rules.claims)), 1):
            limit = self.random.choice((0, 1, 2))
            outcome = self.bench.resolve_claim(index, limit)
            refused = None
            try:
                transitions.resolve_claim(self.rules, index, self.now, limit)
            except GameRefused as error:
                refused = error.name
            assert refusal(outcome, NAMES) == refused, index
            self.seen.add(refused or "resolved")

    def compare(self) -> None:
        assert self.bench.read().claims == self.rules.claims
        for who in (HONEST, LIAR):
            credit = self.bench.view("credit(address)", ["uint256"], who)
            assert credit == self.rules.credit_wei[who]
        for index in range(len(self.rules.claims)):
            try:
                bounds = execution_bounds(self.rules, index).pending
            except ClaimAboveSplit:
                continue
            assert self.bench.view("traceBounds(uint256)", ["bytes32"], index) == bounds

    def play(self) -> None:
        for _ in range(35):
            self.both(self.random_action(), self.random.choice((HONEST, LIAR)))
            if self.random.random() < 0.2:
                self.bench.bench.advance(self.random.choice((1, 10, 99, 300, 450)))
            if self.random.random() < 0.1:
                self.resolve_some()
        self.compare()
        self.bench.bench.advance(2000)
        for index in reversed(range(len(self.rules.claims))):
            if index not in self.rules.resolved:
                while self.bench.view("getNumToResolve(uint256)", ["uint256"], index) > 2:
                    assert self.bench.resolve_claim(index, 1).succeeded
                    transitions.resolve_claim(self.rules, index, self.now, 1)
                assert self.bench.resolve_claim(index).succeeded
                transitions.resolve_claim(self.rules, index, self.now)
                self.resolve_some()
        self.both(Move(0, True, Hash32(bytes(32))), LIAR)
        assert self.bench.send(HONEST, "resolve()").succeeded
        status = transitions.resolve(self.rules, self.now)
        assert self.bench.view("status()", ["uint8"]) == status
        assert status is not GameStatus.IN_PROGRESS
        self.compare()


def test_the_contract_follows_the_rules_on_random_courses_through_every_refusal():
    seen = set()
    for seed in range(12):
        pair = Pair(seed)
        pair.play()
        seen |= pair.seen
    assert seen >= {*NAMES, "BadWitness", "Move", "Step", "resolved"} - {
        "InvalidDisputedClaimIndex", "IncorrectBondAmount", "GameNotInProgress",
    }  # fmt: skip
