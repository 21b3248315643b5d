"""Ethereum's precompiles as the step machine asks for them: from input and gas to what came of it.

They are the same functions that the fast path runs, over a frame that has nothing but them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth.exceptions import OutOfGas, VMError

from chain.types import Address

from ..step.rules import PrecompileResult, PrecompileRun

if TYPE_CHECKING:
    from ..forks import MachineRules


class _Input:
    """The part of a message that precompiles read."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def data_as_bytes(self) -> bytes:
        """The same under py-evm's name."""
        return self.data


class _Frame:
    """The part of a frame that precompiles use."""

    __slots__ = ("gas_left", "msg", "output")

    def __init__(self, data: bytes, gas: int) -> None:
        self.msg = _Input(data)
        self.gas_left = gas
        self.output = b""

    def consume_gas(self, amount: int, reason: str) -> None:
        """Take gas. Raises OutOfGas."""
        if amount > self.gas_left:
            raise OutOfGas(f"out of gas: {reason} costs {amount}, {self.gas_left} left")
        self.gas_left -= amount


def precompile_run(rules: MachineRules) -> PrecompileRun:
    """Run the precompiles of a fork."""
    table = rules.precompiles

    def run(address: bytes, data: bytes, gas: int) -> PrecompileResult:
        frame = _Frame(data, gas)
        try:
            table[Address(address)](frame)
        except VMError:
            return PrecompileResult(False, 0, b"")
        return PrecompileResult(True, frame.gas_left, frame.output)

    return run
