"""Growing the memory of a frame and what it costs (yellow paper, C_mem).

A memory is a plain bytearray whose length is always a multiple of 32; nobody holds a view of it,
so it grows in place. It knows no frame and no opcode.
"""

from __future__ import annotations

from eth.exceptions import OutOfGas


def grow(memory: bytearray, end: int, gas: int) -> int:
    """Extend memory so that byte `end - 1` exists and return the gas left. Raises OutOfGas.

    Cost of w words: 3·w + w²/512, less what the present size has already cost.
    """
    before = len(memory) >> 5
    after = (end + 31) >> 5
    if after <= before:
        return gas
    cost = 3 * (after - before) + (after * after >> 9) - (before * before >> 9)
    if cost > gas:
        raise OutOfGas(f"out of gas: memory of {after} words costs {cost}, {gas} left")
    memory.extend(bytes((after - before) << 5))
    return gas - cost


def touch(memory: bytearray, offset: int, size: int, gas: int) -> int:
    """Extend memory for `size` bytes at `offset`; an empty range never extends it."""
    if size and offset + size > len(memory):
        return grow(memory, offset + size, gas)
    return gas
