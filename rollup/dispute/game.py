"""The state of one game: its subject, its claims, its verdict. For rules see transitions.py."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum

from chain.types import ZERO_ADDRESS, Address, Hash32, Wei

from .bond import required_bond
from .claim import Claim
from .clock import ClockLimits, challenger_used_s
from .position import ROOT, Position, depth


class GameStatus(IntEnum):
    """The verdict of a game."""

    IN_PROGRESS = 0
    CHALLENGER_WINS = 1
    DEFENDER_WINS = 2


@dataclass(frozen=True, slots=True)
class GameParameters:
    """What is the same for all games of a type."""

    max_depth: int
    split_depth: int
    clocks: ClockLimits
    base_bond_wei: int
    bond_growth_wad: int

    def bond_wei(self, position: Position) -> Wei:
        """Bond of a claim at a position."""
        return required_bond(depth(position), self.base_bond_wei, self.bond_growth_wad)


@dataclass(frozen=True, slots=True)
class Subject:
    """What one game is about: the anchor it starts from, and the block that is claimed.

    Whoever makes the game names the `inputs_root`; None where L1 computes of each block what it is
    made of.
    """

    starting_root: Hash32
    starting_number: int
    l2_number: int
    l1_head: Hash32
    inputs_root: Hash32 | None


@dataclass(slots=True)
class Checkpoint:
    """How far resolve_claim has looked at the answers to a claim."""

    looked_at: int = 0
    leftmost: int = 2**128 - 1
    countered_by: Address = ZERO_ADDRESS


@dataclass(slots=True)
class Game:
    """One game. `children` lists the answers to each claim in the order in which they came.

    `proven_inputs` is what L1 has computed: inputs roots, by the output root of the block before.
    """

    parameters: GameParameters
    subject: Subject
    claims: list[Claim]
    children: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    resolved: set[int] = field(default_factory=set)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)
    credit_wei: defaultdict[Address, int] = field(default_factory=lambda: defaultdict(int))
    paid_wei: defaultdict[Address, int] = field(default_factory=lambda: defaultdict(int))
    number_challenger: Address | None = None
    status: GameStatus = GameStatus.IN_PROGRESS
    resolved_at: int = 0
    names: set[Hash32] = field(default_factory=set)
    proven_inputs: dict[Hash32, Hash32] = field(default_factory=dict)

    @property
    def root(self) -> Claim:
        """The claim that the game is about."""
        return self.claims[0]

    def parent_of(self, claim: Claim) -> Claim | None:
        """The claim that this one answers; None for the root."""
        return None if claim.parent_index is None else self.claims[claim.parent_index]

    def challenger_used_s(self, index: int, now: int) -> int:
        """Seconds used by the side that may answer a claim."""
        claim = self.claims[index]
        parent = self.parent_of(claim)
        return challenger_used_s(
            claim.clock,
            None if parent is None else parent.clock,
            now,
            self.parameters.clocks.max_clock_s,
        )


def game_of(parameters: GameParameters, subject: Subject, claims: list[Claim]) -> Game:
    """A game from its list of claims, as read from L1 or as begun with the root alone."""
    assert claims, "a game has a root claim"  # noqa: S101 - the caller's duty
    assert claims[0].position == ROOT  # noqa: S101
    game = Game(parameters, subject, list(claims))
    for index, claim in enumerate(claims):
        game.paid_wei[claim.claimant] += claim.bond_wei
        if claim.parent_index is not None:
            game.children[claim.parent_index].append(index)
            game.names.add(claim.name)
    return game
