"""What may be done in a game and what it does: the contract's rules, refusals by the same names.

Each function checks everything first and changes the game only then. Times are L1 timestamps in
seconds. Source: OP specs, fault-proof/stage-one/fault-dispute-game.md; the contract is
rollup/settlement/contracts/FaultDisputeGame.vy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from chain.crypto.keccak import keccak256
from chain.errors import Recovery, StemmaError
from chain.types import ZERO_ADDRESS, Address, Hash32, Wei

from .claim import Claim, claim_name
from .clock import Clock, extended
from .game import Checkpoint, Game, GameStatus
from .position import Position, depth, index_at_depth
from .position import move as moved
from .split import (
    ExecutionBounds,
    VmStatus,
    execution_bounds,
    expected_status,
    find_trace_ancestor,
)

StepVerifier = Callable[[bytes, bytes, Hash32], Hash32]
"""The machine: (state, witness, local context) → commitment after the step; raises StemmaError."""


class GameRefused(StemmaError):
    """The contract would revert; `name` is that of its error."""

    recovery: ClassVar[Recovery] = Recovery.STOP

    def __init__(self, name: str, why: str) -> None:
        """Keep the name beside the reason."""
        super().__init__(f"{name}: {why}")
        self.name = name


def _require(condition: bool, name: str, why: str) -> None:
    if not condition:
        raise GameRefused(name, why)


def _require_running(game: Game) -> None:
    _require(
        game.status is GameStatus.IN_PROGRESS, "GameNotInProgress", f"it ended {game.status.name}"
    )


def _claim(game: Game, index: int) -> Claim:
    _require(0 <= index < len(game.claims), "NoSuchClaim", f"{index} of {len(game.claims)} claims")
    return game.claims[index]


# ------------------------------------------------------------------------------------------ moves


def move(
    game: Game,
    index: int,
    value: Hash32,
    *,
    is_attack: bool,
    claimant: Address,
    bond_wei: int,
    now: int,
    disputed: Hash32 | None = None,
) -> int:
    """Answer the claim `index`; the new claim's index. Raises GameRefused.

    `disputed`, if given, has to be the value of that claim.
    """
    _require_running(game)
    parent = _claim(game, index)
    _require(
        disputed is None or disputed == parent.value,
        "InvalidDisputedClaimIndex", f"claim {index} is {parent.value.hex()}",
    )  # fmt: skip
    rules = game.parameters
    position = moved(parent.position, is_attack=is_attack)
    next_depth = depth(position)
    _require(
        is_attack or (index != 0 and next_depth != rules.split_depth + 2),
        "CannotDefendRootClaim", f"claim {index} is the root of the game or of a trace",
    )  # fmt: skip
    _require(
        index != 0 or game.number_challenger is None,
        "L2BlockNumberChallenged", "the root claim is decided already",
    )  # fmt: skip
    _require(next_depth <= rules.max_depth, "GameDepthExceeded", f"depth {next_depth}")
    if next_depth == rules.split_depth + 1:
        expected = expected_status(game, index, is_attack=is_attack)
        _require(
            _has_status(value, expected),
            "UnexpectedRootClaim", f"status {value[0]}, expected {expected.name}",
        )  # fmt: skip
    bond = rules.bond_wei(position)
    _require(bond_wei == bond, "IncorrectBondAmount", f"{bond_wei} wei, expected {bond}")
    used_s = game.challenger_used_s(index, now)
    _require(used_s != rules.clocks.max_clock_s, "ClockTimeExceeded", f"claim {index}")
    name = claim_name(value, position, index)
    _require(name not in game.names, "ClaimAlreadyExists", f"{value.hex()} at {position}")
    clock = Clock(extended(used_s, next_depth, rules.split_depth, rules.clocks), now)
    game.names.add(name)
    game.children[index].append(len(game.claims))
    game.paid_wei[claimant] += bond
    game.claims.append(Claim(index, ZERO_ADDRESS, claimant, Wei(bond), value, position, clock))
    return len(game.claims) - 1


def _has_status(value: Hash32, expected: VmStatus) -> bool:
    if expected is VmStatus.INVALID:
        return value[0] in (VmStatus.INVALID, VmStatus.PANIC)
    return value[0] == expected


# ------------------------------------------------------------------------------------------- step


def step_ends(game: Game, index: int, *, is_attack: bool) -> tuple[Hash32, Claim, ExecutionBounds]:
    """What a step against claim `index` goes from and to: the commitment before, the claim of the
    commitment after, and the trace's bounds. Raises GameRefused.
    """
    _require_running(game)
    claim = _claim(game, index)
    rules = game.parameters
    _require(
        depth(claim.position) == rules.max_depth,
        "InvalidParent", f"depth {depth(claim.position)}, expected {rules.max_depth}",
    )  # fmt: skip
    assert claim.parent_index is not None  # noqa: S101 - it stands at the greatest depth
    bounds = execution_bounds(game, index)
    leaves = 1 << (rules.max_depth - rules.split_depth - 1)
    if not is_attack:
        # Answers stand at even positions, so the one to the right is in the same trace.
        right = Position(claim.position + 1)
        after = find_trace_ancestor(game, right, claim.parent_index, is_global=False)
        return claim.value, game.claims[after], bounds
    if index_at_depth(claim.position) % leaves == 0:
        _require(
            bounds.inputs_root is not None,
            "InputsNotProven", f"L1 has not computed what L2 block {bounds.l2_number} is made of",
        )  # fmt: skip
        return bounds.prestate, claim, bounds
    left = Position(claim.position - 1)
    before = find_trace_ancestor(game, left, claim.parent_index, is_global=False)
    return game.claims[before].value, claim, bounds


def step(
    game: Game,
    index: int,
    state_data: bytes,
    proof: bytes,
    *,
    is_attack: bool,
    claimant: Address,
    verifier: StepVerifier,
) -> None:
    """Counter a claim at the greatest depth by running one step. Raises GameRefused, and what the
    verifier raises.
    """
    before, after, bounds = step_ends(game, index, is_attack=is_attack)
    claim = game.claims[index]
    _require(
        keccak256(state_data)[1:] == before[1:],
        "InvalidPrestate", f"the state's commitment is not {before.hex()}",
    )  # fmt: skip
    is_valid = verifier(state_data, proof, bounds.pending) == after.value
    agrees = (depth(claim.position) - depth(after.position)) % 2 == 0
    _require(agrees != is_valid, "ValidStep", f"the step does not counter claim {index}")
    _require(not claim.is_countered, "DuplicateStep", f"claim {index} is countered already")
    game.claims[index] = replace(claim, countered_by=claimant)


# ---------------------------------------------------------------------------------------- verdict


def challenge_number(game: Game, who: Address, number: int) -> None:
    """Throw out a root claim that is of block `number`, where the game says another."""
    _require_running(game)
    _require(game.number_challenger is None, "L2BlockNumberChallenged", "by somebody before")
    _require(number != game.subject.l2_number, "BlockNumberMatches", f"both are {number}")
    game.number_challenger = who


def resolve_claim(game: Game, index: int, now: int, limit: int = 0) -> None:
    """Decide the subgame under a claim, children first; look at `limit` answers, 0 for all.

    Raises GameRefused.
    """
    _require_running(game)
    _claim(game, index)
    _require(
        game.challenger_used_s(index, now) >= game.parameters.clocks.max_clock_s,
        "ClockNotExpired", f"claim {index} may still be answered",
    )  # fmt: skip
    _require(index not in game.resolved, "ClaimAlreadyResolved", f"claim {index}")
    checkpoint = game.checkpoints.get(index, Checkpoint())
    children = game.children[index]
    end = len(children)
    if limit and limit < end - checkpoint.looked_at:
        end = checkpoint.looked_at + limit
    looked_at = children[checkpoint.looked_at : end]
    unresolved = [child for child in looked_at if child not in game.resolved]
    _require(not unresolved, "OutOfOrderResolution", f"answers {unresolved} are not resolved")
    leftmost, winner = checkpoint.leftmost, checkpoint.countered_by
    for child in map(game.claims.__getitem__, looked_at):
        if not child.is_countered and child.position < leftmost:
            leftmost, winner = child.position, child.claimant
    if end == len(children):
        _close_subgame(game, index, winner)
    else:
        game.checkpoints[index] = Checkpoint(end, leftmost, winner)


def _close_subgame(game: Game, index: int, winner: Address) -> None:
    claim = game.claims[index]
    game.resolved.add(index)
    if winner == ZERO_ADDRESS:
        winner = claim.countered_by
    if index == 0 and game.number_challenger is not None:
        winner = game.number_challenger
    if winner == ZERO_ADDRESS:
        game.credit_wei[claim.claimant] += claim.bond_wei
        return
    game.credit_wei[winner] += claim.bond_wei
    game.claims[index] = replace(claim, countered_by=winner)


def resolve(game: Game, now: int) -> GameStatus:
    """Pronounce the verdict once the root claim is resolved. Raises GameRefused."""
    _require_running(game)
    _require(0 in game.resolved, "OutOfOrderResolution", "the root claim is not resolved")
    is_lost = game.root.is_countered
    game.status = GameStatus.CHALLENGER_WINS if is_lost else GameStatus.DEFENDER_WINS
    game.resolved_at = now
    return game.status
