"""A game in words: who says what, where the sides agree, where they split."""

from __future__ import annotations

from dataclasses import dataclass

from chain.types import checksum_address

from .game import Game
from .position import ClaimAboveSplit, depth, trace_index
from .position import move as moved
from .split import block_number, execution_bounds


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Both sides' last word: they agree on claim `agreed` (None: where all begins) and split on
    `disputed`, its index; `last` is the newest claim of that course.
    """

    agreed: int | None
    disputed: int
    last: int


def disagreement(game: Game) -> Disagreement:
    """Where the deepest course of the game has come to."""
    last = max(range(len(game.claims)), key=lambda index: depth(game.claims[index].position))
    path = [last]
    while (parent := game.claims[path[-1]].parent_index) is not None:
        path.append(parent)
    agreed, disputed = None, 0
    for upper, lower in zip(path[:0:-1], path[-2::-1], strict=True):
        if is_attack(game, lower):
            disputed = upper
        else:
            agreed = upper
        if depth(game.claims[lower].position) == game.parameters.split_depth + 1:
            # A new question: the steps of one block.
            agreed, disputed = None, lower
    return Disagreement(agreed, disputed, last)


def is_attack(game: Game, index: int) -> bool:
    """Whether a claim disagrees with its parent."""
    claim = game.claims[index]
    parent = game.parent_of(claim)
    return parent is not None and moved(parent.position, is_attack=True) == claim.position


def place(game: Game, index: int) -> str:
    """What a claim is about: an output root, or the state after a step of a block."""
    claim, rules = game.claims[index], game.parameters
    if depth(claim.position) <= rules.split_depth:
        number = block_number(game.subject, claim.position, rules.split_depth)
        return f"output root of L2 block {number}"
    leaves = 1 << (rules.max_depth - rules.split_depth - 1)
    step = trace_index(claim.position, rules.max_depth) % leaves
    return f"state after step {step} of L2 block {execution_bounds(game, index).l2_number}"


def sentence(game: Game, index: int) -> str:
    """One claim in one line."""
    claim = game.claims[index]
    who = checksum_address(claim.claimant)
    answer = "claims"
    if claim.parent_index is not None:
        verb = "disagrees with" if is_attack(game, index) else "agrees with"
        answer = f"{verb} {claim.parent_index}, says"
    fate = ""
    if claim.is_countered:
        fate = f"  [countered by {checksum_address(claim.countered_by)}]"
    return f"{index:>4}  {who} {answer}: {place(game, index)} is 0x{claim.value.hex()}{fate}"


def summary(game: Game) -> list[str]:
    """Where the sides agree and where they split, in a few lines."""
    where = disagreement(game)
    subject = game.subject
    lines = []
    if len(game.claims) == 1:
        return [f"nobody has answered the claim: {place(game, 0)} is 0x{game.root.value.hex()}"]
    try:
        bounds = execution_bounds(game, where.last)
        lines.append(f"they agree on the output root 0x{bounds.agreed.hex()}")
        disputed = f"is its output root 0x{bounds.disputed.hex()}?"
        lines.append(f"they split on L2 block {bounds.l2_number}: {disputed}")
        beginning = "the block's first state, which L1 makes itself"
    except ClaimAboveSplit:
        beginning = f"the anchor, L2 block {subject.starting_number}"
    agreed = beginning if where.agreed is None else place(game, where.agreed)
    lines.append(f"they agree up to: {agreed}")
    lines.append(f"they split on: claim {where.disputed}, {place(game, where.disputed)}")
    lines.append(f"the last word: {sentence(game, where.last).strip()}")
    return lines
