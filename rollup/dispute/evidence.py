"""The single steps of a game as evidence: enough to take each of them again with no node.

What L1 does in `step` is done here by the step machine: the state has to be the one that both sides
have claimed, the witness has to open it, and where it leads decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, StemmaError
from chain.types import Hash32
from evm.step.opener import encode_witness
from evm.step.state import commitment_of
from evm.step.stepping import step
from evm.step_differences import phase_name
from evm.step_rules import step_rules_of_fork

from .faults import HonestOutputs
from .game import Game, GameStatus
from .position import depth
from .split import STATE_BYTES, execution_bounds
from .trace import StepData, step_index
from .transitions import GameRefused, step_ends

_MOST_PROOF_BYTES: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class StepEvidence:
    """A step against a claim at the greatest depth, under the rules of a fork."""

    claim: int
    is_attack: bool
    fork: int
    data: StepData

    @property
    def phase(self) -> str:
        """In which phase the step is."""
        return phase_name(self.data.state_data[0])


def evidence_of(game: Game, outputs: HonestOutputs) -> list[StepEvidence]:
    """For each claim at the greatest depth the step that counters it, where one does.

    Raises TraceUnknown.
    """
    found = []
    for index, claim in enumerate(game.claims):
        if depth(claim.position) != game.parameters.max_depth:
            continue
        steps = outputs.steps(execution_bounds(game, index))
        at = step_index(game, claim.position)
        is_attack = steps.commitment(at) != claim.value
        data = steps.step_data(at if is_attack else at + 1)
        evidence = StepEvidence(index, is_attack, steps.begun.rules.fork, data)
        if check_step(game, evidence) is None:
            found.append(evidence)
    return found


def check_step(game: Game, evidence: StepEvidence) -> str | None:
    """Take the step again; what is wrong with it, None where it counters the claim."""
    try:
        # A verdict ends the game, but not what its steps show.
        running = replace(game, status=GameStatus.IN_PROGRESS)
        before, after, _ = step_ends(running, evidence.claim, is_attack=evidence.is_attack)
        state = evidence.data.state_data
        if len(state) != STATE_BYTES or keccak256(state)[1:] != before[1:]:
            return f"its state is not the one of the commitment 0x{before.hex()}"
        found = _after(evidence)
    except (GameRefused, StemmaError) as error:
        return str(error)
    position = game.claims[evidence.claim].position
    agrees = (depth(position) - depth(after.position)) % 2 == 0
    if agrees == (found == after.value):
        return f"it leads to 0x{found.hex()}, which shows nothing against the claim"
    return None


def _after(evidence: StepEvidence) -> Hash32:
    state = evidence.data.state_data
    witness = encode_witness([state]) + evidence.data.proof
    rules = step_rules_of_fork(evidence.fork)
    return Hash32(step(commitment_of(state), witness, rules))


def evidence_to_json(evidence: StepEvidence) -> dict[str, Any]:
    """As it stands in a bundle."""
    return {
        "claim": evidence.claim,
        "is_attack": evidence.is_attack,
        "fork": evidence.fork,
        "state": "0x" + evidence.data.state_data.hex(),
        "proof": "0x" + evidence.data.proof.hex(),
    }


def evidence_from_json(document: Mapping[str, Any], game: Game) -> list[StepEvidence]:
    """The steps of a bundle; none where it has none. Raises DecodeError."""
    try:
        return [_evidence(item, game) for item in document.get("steps", [])]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DecodeError(f"bundle: steps: {type(error).__name__}: {error}") from error


def _evidence(item: Mapping[str, Any], game: Game) -> StepEvidence:
    claim, is_attack, fork = item["claim"], item["is_attack"], item["fork"]
    if not (type(claim) is int and type(fork) is int and isinstance(is_attack, bool)):
        raise DecodeError(
            "bundle: a step's claim and fork are integers, is_attack is true or false"
        )
    if not 0 <= claim < len(game.claims):
        raise DecodeError(f"bundle: a step against claim {claim} of {len(game.claims)}")
    state, proof = (bytes.fromhex(item[key].removeprefix("0x")) for key in ("state", "proof"))
    if len(state) != STATE_BYTES or len(proof) > _MOST_PROOF_BYTES:
        raise DecodeError(f"bundle: a state of {len(state)} bytes, a proof of {len(proof)}")
    return StepEvidence(claim, is_attack, fork, StepData(state, proof))
