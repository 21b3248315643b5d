"""Our precompiles against py-evm's own in pure Python: same output, same gas, same refusals."""

from __future__ import annotations

import random

import pytest
from eth.exceptions import OutOfGas, VMError
from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES
from precompile_inputs import inputs, spoilt

from evm.pyevm.precompiles import PRAGUE


class Frame:
    """As much of a frame as a precompile needs; counts gas."""

    def __init__(self, data: bytes) -> None:
        self.msg = self
        self.data = self.data_as_bytes = data
        self.gas = 10**7
        self.used = 0
        self.output = b""

    def consume_gas(self, amount: int, reason: str) -> None:
        self.used += amount
        if self.used > self.gas:
            raise OutOfGas(reason)


def result(precompile, data: bytes) -> tuple[bytes, int] | None:
    frame = Frame(data)
    try:
        precompile(frame)
    except VMError:
        return None
    return bytes(frame.output), frame.used


@pytest.mark.parametrize("number", [0x05, 0x06, 0x07, 0x08, 0x09, *range(0x0B, 0x12)], ids=hex)
def test_precompile_gives_what_pure_python_gives(number):
    chance = random.Random(number)
    address = number.to_bytes(20, "big")
    for _ in range(6 if number in (0x08, 0x0F) else 12):
        data = spoilt(inputs(number, chance), chance)
        ours, theirs = result(PRAGUE[address], data), result(PRAGUE_PRECOMPILES[address], data)
        assert ours == theirs, data.hex()
