"""Which two output roots a disputed trace lies between, and the state in which it begins.

A trace below the split depth shows how one L2 block leads from the *agreed* output root, left of
it, to the *disputed* one. Source: OP's FaultDisputeGame, `_findStartingAndDisputedOutputs` and
`_findTraceAncestor`; docs/protocol/one-step.md, "The first and the last state".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from chain.crypto.keccak import keccak256
from chain.types import ZERO_HASH, Hash32

from .claim import Claim
from .game import Game, Subject
from .position import (
    ClaimAboveSplit,
    Position,
    depth,
    index_at_depth,
    parent,
    trace_ancestor,
    trace_ancestor_bounded,
    trace_index,
)

STATE_BYTES: Final = 129


class VmStatus(IntEnum):
    """First byte of a step commitment."""

    VALID = 0
    INVALID = 1
    PANIC = 2
    UNFINISHED = 3


@dataclass(frozen=True, slots=True)
class ExecutionBounds:
    """What a trace starts from and what it is measured by.

    The inputs root is over the blocks behind `starting_number` up to `claimed_number`; `encode`
    has neither. Of a game whose inputs are computed `by_l1` it is over block `l2_number` alone, and
    None as long as L1 has not computed it.
    """

    agreed: Hash32
    disputed: Hash32
    l2_number: int
    l1_head: Hash32
    inputs_root: Hash32 | None
    starting_number: int
    claimed_number: int
    by_l1: bool = False

    def encode(self) -> bytes:
        """The 136 bytes that the first state's `pending` names; zeros for unknown inputs."""
        return (
            self.agreed
            + self.disputed
            + self.l2_number.to_bytes(8, "big")
            + self.l1_head
            + (self.inputs_root or ZERO_HASH)
        )

    @property
    def pending(self) -> Hash32:
        """The name of these bounds: all that the first state says, and the step's local context."""
        return keccak256(self.encode())

    @property
    def first_state(self) -> bytes:
        """Phase *block begin* ‖ pending ‖ zeros."""
        return b"\x00" + self.pending + bytes(STATE_BYTES - 33)

    @property
    def prestate(self) -> Hash32:
        """Commitment before the first step."""
        return Hash32(bytes([VmStatus.UNFINISHED]) + keccak256(self.first_state)[1:])


def find_trace_ancestor(game: Game, position: Position, start: int, *, is_global: bool) -> int:
    """Index of the claim, on the way from `start` up to the root, that commits to the trace index
    of `position`: among all depths, or only those below the split depth.
    """
    split = game.parameters.split_depth
    wanted = trace_ancestor(position) if is_global else trace_ancestor_bounded(position, split)
    index: int | None = start
    while index is not None and game.claims[index].position != wanted:
        index = game.claims[index].parent_index
    if index is None:
        raise AssertionError(f"no claim above {start} stands at {wanted}")
    return index


def execution_bounds(game: Game, claim_index: int) -> ExecutionBounds:
    """The bounds of the trace that a claim below the split depth belongs to.

    Raises ClaimAboveSplit for other claims.
    """
    split = game.parameters.split_depth
    claim = game.claims[claim_index]
    if depth(claim.position) <= split:
        raise ClaimAboveSplit(f"claim {claim_index} is an output root, not a step of a trace")
    exec_root, index = claim, claim_index
    while depth(claim.position) > split:
        assert claim.parent_index is not None  # noqa: S101 - the root stands above the split
        exec_root, index = claim, claim.parent_index
        claim = game.claims[index]
    return bounds_below(game, index, is_attack=parent(exec_root.position) == claim.position)


def bounds_below(game: Game, output_index: int, *, is_attack: bool) -> ExecutionBounds:
    """The bounds of a trace that begins by an answer to the last output root `output_index`."""
    claim = game.claims[output_index]
    if is_attack:
        disputed = claim
        agreed = game.subject.starting_root
        if index_at_depth(claim.position) > 0:
            agreed = _value_at(game, Position(claim.position - 1), output_index)
    else:
        agreed = claim.value
        right = Position(claim.position + 1)
        disputed = game.claims[find_trace_ancestor(game, right, output_index, is_global=True)]
    subject, split = game.subject, game.parameters.split_depth
    return ExecutionBounds(
        agreed=agreed,
        disputed=disputed.value,
        l2_number=block_number(subject, disputed.position, split),
        l1_head=subject.l1_head,
        inputs_root=_inputs_root(game, agreed, disputed.position),
        starting_number=subject.starting_number,
        claimed_number=subject.l2_number,
        by_l1=subject.inputs_root is None,
    )


def _inputs_root(game: Game, agreed: Hash32, disputed: Position) -> Hash32 | None:
    subject = game.subject
    if subject.inputs_root is not None:
        return subject.inputs_root
    behind = trace_index(disputed, game.parameters.split_depth) + 1
    if subject.starting_number + behind > subject.l2_number:
        return ZERO_HASH  # the claimed block itself is agreed on: such a trace has nothing to do
    return game.proven_inputs.get(agreed)


def agreed_roots(game: Game) -> list[Hash32]:
    """The output roots at which the traces of a game begin, each once."""
    first = game.parameters.split_depth + 1
    traces = [i for i, claim in enumerate(game.claims) if depth(claim.position) == first]
    return list(dict.fromkeys(execution_bounds(game, index).agreed for index in traces))


def block_number(subject: Subject, position: Position, split_depth: int) -> int:
    """The L2 block that an output root at a position is of: never one behind the claimed block."""
    number = subject.starting_number + trace_index(position, split_depth) + 1
    return min(number, subject.l2_number)


def expected_status(game: Game, output_index: int, *, is_attack: bool) -> VmStatus:
    """What the root of a trace has to say: INVALID where its author disagrees with the disputed
    output root, else VALID.
    """
    if is_attack:
        return VmStatus.INVALID
    split = game.parameters.split_depth
    right = Position(game.claims[output_index].position + 1)
    disputed = game.claims[find_trace_ancestor(game, right, output_index, is_global=True)]
    is_opposed = depth(disputed.position) % 2 == split % 2
    return VmStatus.INVALID if is_opposed else VmStatus.VALID


def _value_at(game: Game, position: Position, start: int) -> Hash32:
    found: Claim = game.claims[find_trace_ancestor(game, position, start, is_global=True)]
    return found.value
