"""Solidity declarations as text: the parser behind `genesis.interfaces`.

`function f(uint256 a, (bytes32 x, uint64 y) s) payable returns (bool ok)` and
`event E(address indexed who, uint256 amount)` become values that know their canonical signature,
their selector or topic, and their entry in an ABI JSON. This is the "human-readable ABI" of ethers
and viem, restricted to the types in `_ELEMENTARY`. It knows none of our precompiles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chain.abi import event_topic, selector
from chain.errors import StemmaError
from chain.types import Hash32

_ELEMENTARY = re.compile(r"(?:uint(?:8|16|64|256)|bytes32|bytes|address|bool|string)(?:\[\])?")
_DECLARATION = re.compile(
    r"(?P<kind>function|event)\s+(?P<name>\w+)\s*\((?P<inputs>.*?)\)"
    r"\s*(?P<mutability>payable|view)?\s*(?:returns\s*\((?P<outputs>[^()]*)\))?",
    re.DOTALL,
)


class DeclarationError(StemmaError):
    """A Solidity declaration that this parser does not read."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed name; `components` are the members where the type is a tuple."""

    name: str
    type: str
    indexed: bool = False
    components: tuple[Parameter, ...] = ()

    @property
    def canonical_type(self) -> str:
        """The type as signatures spell it: tuples as `(uint256,bytes32)`."""
        if self.components:
            return "(" + ",".join(each.canonical_type for each in self.components) + ")"
        return self.type

    def abi_json(self, *, in_event: bool) -> dict[str, Any]:
        """Entry of `inputs` or `outputs` in an ABI JSON."""
        entry: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.components:
            entry["components"] = [each.abi_json(in_event=False) for each in self.components]
        if in_event:
            entry["indexed"] = self.indexed
        return entry


def signature_of(name: str, inputs: Sequence[Parameter]) -> str:
    """Canonical signature, the preimage of a selector or a topic."""
    return name + "(" + ",".join(each.canonical_type for each in inputs) + ")"


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a contract; `mutability` is nonpayable, payable or view."""

    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    mutability: str
    selector: bytes

    @property
    def signature(self) -> str:
        """Canonical signature, for example `freeze(uint256)`."""
        return signature_of(self.name, self.inputs)

    @property
    def input_types(self) -> list[str]:
        """Canonical types of the arguments, in order."""
        return [each.canonical_type for each in self.inputs]

    @property
    def output_types(self) -> list[str]:
        """Canonical types of the results, in order."""
        return [each.canonical_type for each in self.outputs]

    def abi_json(self) -> dict[str, Any]:
        """Entry of an ABI JSON."""
        return {
            "type": "function",
            "name": self.name,
            "stateMutability": self.mutability,
            "inputs": [each.abi_json(in_event=False) for each in self.inputs],
            "outputs": [each.abi_json(in_event=False) for each in self.outputs],
        }


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a contract; `topic` is its first topic."""

    name: str
    inputs: tuple[Parameter, ...]
    topic: Hash32

    @property
    def signature(self) -> str:
        """Canonical signature, the preimage of the topic."""
        return signature_of(self.name, self.inputs)

    @property
    def indexed(self) -> tuple[Parameter, ...]:
        """Parameters that travel as topics."""
        return tuple(each for each in self.inputs if each.indexed)

    @property
    def plain(self) -> tuple[Parameter, ...]:
        """Parameters that travel as data."""
        return tuple(each for each in self.inputs if not each.indexed)

    def abi_json(self) -> dict[str, Any]:
        """Entry of an ABI JSON."""
        return {
            "type": "event",
            "name": self.name,
            "anonymous": False,
            "inputs": [each.abi_json(in_event=True) for each in self.inputs],
        }


def _split_parameters(text: str) -> list[str]:
    """Split at the commas that lie outside parentheses."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def parse_parameters(text: str) -> tuple[Parameter, ...]:
    """Read `uint256 indexed a, (bytes32 x, uint64 y) s`. Raises DeclarationError."""
    return tuple(_parse_parameter(part) for part in _split_parameters(text))


def _parse_parameter(text: str) -> Parameter:
    if text.startswith("("):
        members, _, name = text[1:].rpartition(")")
        return Parameter(name.strip(), "tuple", components=parse_parameters(members))
    match text.split():
        case [type_, name]:
            indexed = False
        case [type_, "indexed", name]:
            indexed = True
        case _:
            raise DeclarationError(f"parameter {text!r}: expected a type, [indexed] and a name")
    if not _ELEMENTARY.fullmatch(type_):
        raise DeclarationError(f"parameter {text!r}: unknown type {type_!r}")
    return Parameter(name, type_, indexed)


def parse_declaration(text: str) -> Function | Event:
    """Read one `function …` or `event …`. Raises DeclarationError."""
    # A tuple argument closes a parenthesis of its own, so the lazy match grows until all fits.
    match = _DECLARATION.fullmatch(" ".join(text.split()))
    if match is None:
        raise DeclarationError(f"not a declaration: {text!r}")
    name, inputs = match["name"], parse_parameters(match["inputs"])
    if match["kind"] == "event":
        return Event(name, inputs, event_topic(signature_of(name, inputs)))
    outputs = parse_parameters(match["outputs"] or "")
    mutability = match["mutability"] or "nonpayable"
    return Function(name, inputs, outputs, mutability, selector(signature_of(name, inputs)))
