"""Random dispute games by the rules alone: the honest side against adversaries of several kinds.

A game is a function of its seed. The adversary moves whenever and wherever the rules let it, with
unlimited bonds; the honest side looks at the game at least once in each clock extension.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from counter_machine import (
    LENGTH,
    UNFINISHED,
    BadWitness,
    CounterOutputs,
    output_root,
    step,
)

from chain.crypto.keccak import keccak256
from chain.types import ZERO_ADDRESS, Address, Hash32, Wei
from rollup.dispute import position as positions
from rollup.dispute import transitions
from rollup.dispute.claim import Claim
from rollup.dispute.clock import Clock, ClockLimits
from rollup.dispute.game import Game, GameParameters, GameStatus, Subject, game_of
from rollup.dispute.split import ExecutionBounds, expected_status
from rollup.dispute.strategy import Move, Step, next_actions, next_resolution
from rollup.dispute.trace import SplitTrace, StepData
from rollup.dispute.transitions import GameRefused

HONEST = Address(b"\x01" * 20)
LIAR = Address(b"\x02" * 20)
DEPTHS = ((2, 6), (3, 7), (4, 9), (6, 12), (30, 58))
CLOCKS = ClockLimits(max_clock_s=1000, extension_s=100)
KINDS = ("random", "stubborn", "clever", "freeloader", "poisoner", "last second")


class LyingSteps:
    """A trace that is true up to a step and false from there on."""

    def __init__(
        self, bounds: ExecutionBounds, first_lie: int, salt: bytes, believed: Hash32
    ) -> None:
        self._bounds, self._first_lie, self._salt = bounds, first_lie, salt
        self._last_status = int(believed != bounds.disputed)
        self._is_known = bounds.agreed in (
            output_root(bounds.l2_number), output_root(bounds.l2_number - 1)
        )  # fmt: skip

    def commitment(self, index: int) -> Hash32:
        if self._is_known and index < self._first_lie:
            return CounterOutputs().steps(self._bounds).commitment(index)
        false = keccak256(self._salt + self._bounds.encode() + index.to_bytes(8, "big"))
        status = UNFINISHED if index < LENGTH else self._last_status
        return Hash32(bytes([status]) + false[1:])

    def step_data(self, index: int) -> StepData:
        if self._is_known:
            return CounterOutputs().steps(self._bounds).step_data(index)
        return StepData(self._bounds.first_state, b"")


class LyingOutputs:
    """A chain that is true below a block and false from there on."""

    def __init__(self, first_false: int, first_lie: int, salt: bytes) -> None:
        self._first_false, self._first_lie, self._salt = first_false, first_lie, salt

    def output_root(self, l2_number: int) -> Hash32:
        if l2_number < self._first_false:
            return output_root(l2_number)
        return keccak256(self._salt + l2_number.to_bytes(8, "big"))

    def steps(self, bounds: ExecutionBounds) -> LyingSteps:
        believed = self.output_root(bounds.l2_number)
        return LyingSteps(bounds, self._first_lie, self._salt, believed)


@dataclass
class Played:
    """How a game ended."""

    game: Game
    kind: str
    is_root_true: bool
    moves: int


class Match:
    """One game under way."""

    def __init__(self, seed: int, depths: tuple[int, int] | None = None) -> None:
        self.random = Random(seed)
        self.kind = self.random.choice(KINDS)
        split, deepest = depths or self.random.choice(DEPTHS)
        blocks = self.random.randint(1, min(2**split, 40))
        start = self.random.randint(0, 5)
        self.is_root_true = self.random.random() < 0.5
        parameters = GameParameters(deepest, split, CLOCKS, 10**6, 1_094_930 * 10**12)
        subject = Subject(
            output_root(start), start, start + blocks, Hash32(b"\x11" * 32), Hash32(b"\x22" * 32)
        )
        salt = self.random.randbytes(4)
        first_false = start + self.random.randint(1, blocks)
        first_lie = self.random.choice((0, 1, 3, 4, 5, 6))
        liar_outputs = LyingOutputs(first_false, first_lie, salt)
        self.honest = SplitTrace(CounterOutputs())
        self.liar = SplitTrace(liar_outputs)
        true = output_root(subject.l2_number)
        root = true if self.is_root_true else liar_outputs.output_root(subject.l2_number)
        creator = HONEST if self.is_root_true else LIAR
        self.now = 10_000
        claim = Claim(
            None, ZERO_ADDRESS, creator, Wei(parameters.bond_wei(positions.ROOT)), root,
            positions.ROOT, Clock(0, self.now),
        )  # fmt: skip
        self.game = game_of(parameters, subject, [claim])

    # The two sides

    def honest_turn(self) -> bool:
        """Do all that the strategy says. Raises GameRefused: it never says what is refused."""
        actions = next_actions(self.game, self.honest)
        for action in actions:
            self.apply(action, HONEST)
        assert not next_actions(self.game, self.honest) or any(
            isinstance(action, Move) for action in actions
        )
        return bool(actions)

    def apply(self, action: Move | Step, who: Address) -> None:
        """Make a move or a step. Raises GameRefused, BadWitness."""
        game = self.game
        if isinstance(action, Step):
            transitions.step(
                game, action.claim_index, action.data.state_data, action.data.proof,
                is_attack=action.is_attack, claimant=who, verifier=step,
            )  # fmt: skip
            return
        parent = game.claims[action.parent_index]
        target = positions.move(parent.position, is_attack=action.is_attack)
        transitions.move(
            game, action.parent_index, action.value, is_attack=action.is_attack, claimant=who,
            bond_wei=game.parameters.bond_wei(target), now=self.now, disputed=parent.value,
        )  # fmt: skip

    def adversary_turn(self) -> None:
        """A few tries of the adversary's kind; what the rules refuse is not done."""
        for _ in range(self.random.randint(1, 4)):
            for action in self._ideas():
                try:
                    self.apply(action, LIAR)
                except (GameRefused, BadWitness):
                    continue

    def _ideas(self) -> list[Move | Step]:
        kind = self.kind
        if kind in ("stubborn", "last second") or (kind == "clever" and self.random.random() < 0.6):
            return list(next_actions(self.game, self.liar))[:8]
        return self._random_ideas()

    def _random_ideas(self) -> list[Move | Step]:
        game, random = self.game, self.random
        index = self._target()
        claim = game.claims[index]
        is_attack = random.random() < 0.6
        if positions.depth(claim.position) == game.parameters.max_depth:
            return [Step(index, is_attack, StepData(random.randbytes(129), b""))]
        target = positions.move(claim.position, is_attack=is_attack)
        return [Move(index, is_attack, self._value(index, target, is_attack=is_attack))]

    def _target(self) -> int:
        """Which claim to answer."""
        game, random = self.game, self.random
        if self.kind == "freeloader":
            honest = [i for i, c in enumerate(game.claims) if c.claimant == HONEST]
            parents = [p for i in honest if (p := game.claims[i].parent_index) is not None]
            if parents:
                return random.choice(parents[-6:])
        if self.kind == "poisoner" and random.random() < 0.5:
            mine = [i for i, c in enumerate(game.claims) if c.claimant == LIAR]
            if mine:
                return random.choice(mine[-6:])
        return random.randrange(max(0, len(game.claims) - 12), len(game.claims))

    def _value(self, index: int, target: positions.Position, *, is_attack: bool) -> Hash32:
        game, random = self.game, self.random
        trace = random.choice((self.honest, self.liar))
        try:
            value = trace.claim_at(game, index, target)
        except (ValueError, AssertionError):
            value = keccak256(random.randbytes(8))
        if random.random() < 0.2:
            value = random.choice(game.claims).value
        if random.random() < 0.1:
            value = keccak256(random.randbytes(8))
        if positions.depth(target) == game.parameters.split_depth + 1:
            status = expected_status(game, index, is_attack=is_attack)
            value = Hash32(bytes([status]) + value[1:])
        return value

    # The course

    def play(self) -> Played:
        """From the root claim to the verdict."""
        extension = CLOCKS.extension_s
        quiet = 0
        limit = 40 if self.kind in ("stubborn", "last second") else 25
        turns = 0
        while quiet < 3 and turns < limit + 60:
            before = len(self.game.claims)
            if turns < limit:
                self._wait_for_the_liar()
                self.adversary_turn()
            self.now += self.random.randint(0, extension - 1)
            self.honest_turn()
            self._resolve(self.random.random() < 0.3)
            quiet = quiet + 1 if len(self.game.claims) == before else 0
            turns += 1
        return self._finish()

    def _wait_for_the_liar(self) -> None:
        """Time passes before the adversary moves: for the last-second kind nearly all it has."""
        self.honest_turn()
        limit = CLOCKS.max_clock_s
        left = [
            limit - self.game.challenger_used_s(index, self.now)
            for index, claim in enumerate(self.game.claims)
            if claim.claimant == HONEST
        ]
        open_s = [seconds for seconds in left if seconds > 1]
        if self.kind == "last second" and open_s and self.random.random() < 0.5:
            self.now += min(open_s) - 1
        elif self.random.random() < 0.1:
            self.now += self.random.randint(0, 200)

    def _resolve(self, is_wanted: bool) -> None:
        while is_wanted and (found := next_resolution(self.game, self.now)) is not None:
            what, index = found
            if what.name == "GAME":
                return
            transitions.resolve_claim(self.game, index, self.now)

    def _finish(self) -> Played:
        self.honest_turn()
        self.now += 2 * CLOCKS.max_clock_s
        while (found := next_resolution(self.game, self.now)) is not None:
            what, index = found
            if what.name == "GAME":
                transitions.resolve(self.game, self.now)
            else:
                transitions.resolve_claim(self.game, index, self.now)
        return Played(self.game, self.kind, self.is_root_true, len(self.game.claims))


def check(played: Played) -> None:
    """The honest side has won, has its bonds back, and no wei is lost or made."""
    game = played.game
    expected = GameStatus.DEFENDER_WINS if played.is_root_true else GameStatus.CHALLENGER_WINS
    assert game.status is expected, (played.kind, game.status)
    assert game.credit_wei[HONEST] >= game.paid_wei[HONEST], played.kind
    assert sum(game.credit_wei.values()) == sum(game.paid_wei.values())
    for claim in game.claims:
        if claim.claimant == HONEST:
            assert claim.countered_by == ZERO_ADDRESS, (played.kind, claim)
    for index in {c.parent_index for c in game.claims if c.claimant == HONEST} - {None}:
        # What the honest side has answered is won by the honest side, not by a freeloader.
        assert game.claims[index].countered_by == HONEST, (played.kind, index)
