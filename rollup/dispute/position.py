"""Where a claim stands in the game's tree: generalised indexes and what they commit to.

A position is `2 ** depth + index at depth`. A claim at a position commits to the trace up to and
with the position's *trace index*: the index of its rightmost leaf.

Source: OP specs, fault-proof/stage-one/fault-dispute-game.md, "Position"; LibPosition.
"""

from __future__ import annotations

from typing import Final, NewType

from chain.errors import StemmaError

Position = NewType("Position", int)
"""A generalised index, at least 1."""

ROOT: Final = Position(1)


class ClaimAboveSplit(StemmaError):
    """A position of the output roots was asked about its execution trace."""


def depth(position: Position) -> int:
    """How many halvings lead here."""
    return position.bit_length() - 1


def index_at_depth(position: Position) -> int:
    """Counted from the left among the positions of the same depth."""
    return position ^ (1 << depth(position))


def parent(position: Position) -> Position:
    """One halving less."""
    return Position(position >> 1)


def move(position: Position, *, is_attack: bool) -> Position:
    """Where an answer to a claim stands: attack `2p`, defend `2(p | 1)`."""
    return Position(2 * position if is_attack else 2 * (position | 1))


def right_index(position: Position, at_depth: int) -> Position:
    """The rightmost position under this one at a greater depth."""
    levels = at_depth - depth(position)
    return Position((position << levels) | ((1 << levels) - 1))


def trace_index(position: Position, max_depth: int) -> int:
    """Index of the last leaf, at `max_depth`, to which a claim here commits."""
    return index_at_depth(right_index(position, max_depth))


def trace_ancestor(position: Position) -> Position:
    """The highest position that commits to the same trace index."""
    ones = (~position & (position + 1)).bit_length() - 1
    return Position((position >> ones) or 1)


def trace_ancestor_bounded(position: Position, split_depth: int) -> Position:
    """The same, but below the split depth. Raises ClaimAboveSplit for a position that is not."""
    if depth(position) <= split_depth:
        raise ClaimAboveSplit(f"position {position} is not below the split depth {split_depth}")
    ancestor = trace_ancestor(position)
    if depth(ancestor) <= split_depth:
        return right_index(ancestor, split_depth + 1)
    return ancestor
