"""A game as a JSON document that anybody can check without a node.

The check plays the whole game again by the rules: each claim has to be a move that was allowed
when it was made, with its bond and its clock; the verdict has to follow from the claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from chain.errors import DecodeError
from chain.types import ZERO_ADDRESS, Address, Hash32, Wei

from . import transitions
from .claim import Claim
from .clock import ClockLimits, unpack_clock
from .evidence import StepEvidence, evidence_to_json
from .game import Game, GameParameters, GameStatus, Subject, game_of
from .position import ROOT, Position, depth
from .position import move as moved
from .strategy import Resolution, next_resolution

FORMAT: Final = "stemma-dispute-1"
_MAX_CLAIMS: Final = 100_000


def to_json(
    game: Game, about: Mapping[str, Any], steps: Sequence[StepEvidence] = ()
) -> dict[str, Any]:
    """The document; `about` says where the game is (address, chain id), `steps` are its steps."""
    rules, subject = game.parameters, game.subject
    return {
        "format": FORMAT,
        "about": dict(about),
        "parameters": {
            "max_depth": rules.max_depth,
            "split_depth": rules.split_depth,
            "max_clock_s": rules.clocks.max_clock_s,
            "clock_extension_s": rules.clocks.extension_s,
            "base_bond_wei": str(rules.base_bond_wei),
            "bond_growth_wad": str(rules.bond_growth_wad),
        },
        "subject": {
            "starting_root": _hex(subject.starting_root),
            "starting_number": subject.starting_number,
            "l2_number": subject.l2_number,
            "l1_head": _hex(subject.l1_head),
            "inputs_root": None if subject.inputs_root is None else _hex(subject.inputs_root),
        },
        "proven_inputs": {_hex(key): _hex(root) for key, root in game.proven_inputs.items()},
        "claims": [_claim_json(claim) for claim in game.claims],
        "number_challenger": None
        if game.number_challenger is None
        else _hex(game.number_challenger),
        "status": game.status.name,
        "resolved_at": game.resolved_at,
        "steps": [evidence_to_json(each) for each in steps],
    }


def from_json(document: Any) -> Game:  # noqa: ANN401 - JSON
    """Read a document. Raises DecodeError."""
    try:
        if document["format"] != FORMAT:
            raise DecodeError(f"bundle: format {document['format']!r}, expected {FORMAT!r}")
        rules, subject, claims = (document[key] for key in ("parameters", "subject", "claims"))
        if not 1 <= len(claims) <= _MAX_CLAIMS:
            raise DecodeError(f"bundle: {len(claims)} claims, expected 1 to {_MAX_CLAIMS}")
        game = game_of(
            GameParameters(
                _int(rules["max_depth"], 126),
                _int(rules["split_depth"], 126),
                ClockLimits(
                    _int(rules["max_clock_s"], 2**64), _int(rules["clock_extension_s"], 2**64)
                ),
                _int(rules["base_bond_wei"], 2**96),
                _int(rules["bond_growth_wad"], 2**64),
            ),
            Subject(
                Hash32(_bytes(subject["starting_root"], 32)),
                _int(subject["starting_number"], 2**64),
                _int(subject["l2_number"], 2**64),
                Hash32(_bytes(subject["l1_head"], 32)),
                _root_or_none(subject["inputs_root"]),
            ),
            [_claim(item, index) for index, item in enumerate(claims)],
        )
        game.proven_inputs = {
            Hash32(_bytes(key, 32)): Hash32(_bytes(root, 32))
            for key, root in document.get("proven_inputs", {}).items()
        }
        game.status = GameStatus[document["status"]]
        game.resolved_at = _int(document["resolved_at"], 2**64)
        if document["number_challenger"] is not None:
            game.number_challenger = Address(_bytes(document["number_challenger"], 20))
    except (KeyError, TypeError, AttributeError) as error:
        raise DecodeError(f"bundle: {type(error).__name__}: {error}") from error
    return game


def check(game: Game) -> list[str]:
    """Play the game again; what is wrong with it, nothing if all is right."""
    root = game.root
    rules = game.parameters
    if not (rules.split_depth >= 2 and rules.split_depth + 1 < rules.max_depth < 126):
        return [f"depths {rules.split_depth} and {rules.max_depth} make no game"]
    begun = Claim(None, ZERO_ADDRESS, root.claimant, root.bond_wei, root.value, ROOT, root.clock)
    again = game_of(rules, game.subject, [begun])
    again.proven_inputs = game.proven_inputs
    wrong: list[str] = []
    if root.bond_wei != rules.bond_wei(ROOT):
        wrong.append(f"claim 0: bond {root.bond_wei} wei, expected {rules.bond_wei(ROOT)}")
    last = root.clock.stopped_at
    for index, claim in enumerate(game.claims[1:], start=1):
        if (problem := _move_again(again, index, claim, last)) is not None:
            return [*wrong, problem]
        last = claim.clock.stopped_at
    # What single steps have countered stands at the greatest depth.
    for index, claim in enumerate(game.claims):
        if depth(claim.position) == rules.max_depth and claim.is_countered:
            again.claims[index] = claim
    again.number_challenger = game.number_challenger
    if game.status is not GameStatus.IN_PROGRESS:
        wrong += _verdict_again(again, game)
    return wrong


def steps_taken(game: Game) -> list[int]:
    """Claims that a single step has countered; evidence.py checks the step itself."""
    deepest = game.parameters.max_depth
    return [
        index
        for index, claim in enumerate(game.claims)
        if depth(claim.position) == deepest and claim.is_countered
    ]


def _move_again(again: Game, index: int, claim: Claim, not_before: int) -> str | None:
    parent = claim.parent_index
    if parent is None or parent >= index:
        return f"claim {index} answers {parent}, which is not there yet"
    if claim.clock.stopped_at < not_before:
        return f"claim {index} was made before claim {index - 1}"
    position = again.claims[parent].position
    attack = moved(position, is_attack=True) == claim.position
    if not attack and moved(position, is_attack=False) != claim.position:
        return f"claim {index} stands at {claim.position}, which is no answer to {position}"
    try:
        transitions.move(
            again, parent, claim.value, is_attack=attack, claimant=claim.claimant,
            bond_wei=claim.bond_wei, now=claim.clock.stopped_at,
        )  # fmt: skip
    except transitions.GameRefused as error:
        return f"claim {index}: {error}"
    if again.claims[index].clock != claim.clock:
        return f"claim {index}: clock {claim.clock}, expected {again.claims[index].clock}"
    return None


def _verdict_again(again: Game, game: Game) -> list[str]:
    while (found := next_resolution(again, game.resolved_at)) is not None:
        what, index = found
        if what is Resolution.GAME:
            break
        transitions.resolve_claim(again, index, game.resolved_at)
    try:
        transitions.resolve(again, game.resolved_at)
    except transitions.GameRefused as error:
        return [f"verdict {game.status.name}: {error}"]
    wrong = [
        f"claim {index}: countered by {_hex(said.countered_by)}, "
        f"expected {_hex(right.countered_by)}"
        for index, (said, right) in enumerate(zip(game.claims, again.claims, strict=True))
        if said.countered_by != right.countered_by
    ]
    if again.status is not game.status:
        wrong.append(f"verdict {game.status.name}, expected {again.status.name}")
    return wrong


def _claim_json(claim: Claim) -> dict[str, Any]:
    return {
        "parent": claim.parent_index,
        "claimant": _hex(claim.claimant),
        "countered_by": _hex(claim.countered_by),
        "bond_wei": str(claim.bond_wei),
        "value": _hex(claim.value),
        "position": str(claim.position),
        "clock": str(claim.clock.packed),
    }


def _claim(item: Any, index: int) -> Claim:  # noqa: ANN401 - JSON
    parent = item["parent"]
    if (parent is None) != (index == 0):
        raise DecodeError(f"bundle: claim {index} has parent {parent}; only the root has none")
    position = _int(item["position"], 2**127)
    if position < 1 or (index == 0 and position != ROOT):
        raise DecodeError(f"bundle: claim {index} stands at {position}")
    return Claim(
        None if parent is None else _int(parent, index),
        Address(_bytes(item["countered_by"], 20)),
        Address(_bytes(item["claimant"], 20)),
        Wei(_int(item["bond_wei"], 2**96)),
        Hash32(_bytes(item["value"], 32)),
        Position(position),
        unpack_clock(_int(item["clock"], 2**128)),
    )


def _root_or_none(value: str | None) -> Hash32 | None:
    return None if value is None else Hash32(_bytes(value, 32))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _bytes(value: str, size: int) -> bytes:
    try:
        data = bytes.fromhex(value.removeprefix("0x"))
    except ValueError as error:
        raise DecodeError(f"bundle: {value!r} is not hexadecimal") from error
    if len(data) != size:
        raise DecodeError(f"bundle: {value!r}: {len(data)} bytes, expected {size}")
    return data


def _int(value: Any, below: int) -> int:  # noqa: ANN401 - JSON
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 60) or int(text) >= below:
        raise DecodeError(f"bundle: {text[:80]!r} is no integer from 0 below {below}")
    return int(text)
