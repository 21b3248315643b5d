"""Calls of contracts on L1: how a question is put, and how an answer is read. No network here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chain import abi
from chain.types import Address


@dataclass(frozen=True, slots=True)
class View:
    """A question to a contract, and the types of its answer."""

    to: Address
    data: bytes
    returns: tuple[str, ...]

    def read(self, output: bytes) -> Any:  # noqa: ANN401 - the ABI's values
        """The answer; one value comes bare. Raises DecodeError."""
        values = abi.decode(self.returns, output)
        return values[0] if len(values) == 1 else values


def encode_call(signature: str, *arguments: Any) -> bytes:  # noqa: ANN401 - the ABI's values
    """Calldata of `name(type,…)` for types without tuples."""
    inner = signature[signature.index("(") + 1 : -1]
    return abi.selector(signature) + abi.encode(inner.split(",") if inner else [], arguments)


def view(to: Address, signature: str, returns: str, *arguments: Any) -> View:  # noqa: ANN401
    """A question by its signature; `returns` are types parted by commas."""
    return View(to, encode_call(signature, *arguments), tuple(returns.split(",")))
