"""Reading, writing and moving memory. What its growth costs is in `evm/pyevm/memory.py`."""

from __future__ import annotations

from ...gas_prices import COPY_WORD
from ..frame import Frame
from ..memory import grow, touch
from .gas import charge, words


def mload(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops an offset; pushes the word there. Yellow paper, 0x51."""
    # STACK
    offset = stack[-1]
    # GAS
    gas = touch(frame.memory, offset, 32, gas)
    # OPERATION
    stack[-1] = int.from_bytes(frame.memory[offset : offset + 32], "big")
    return gas


def mstore(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops an offset and a word; writes it there. Yellow paper, 0x52."""
    # STACK
    offset, value = stack.pop(), stack.pop()
    # GAS
    gas = touch(frame.memory, offset, 32, gas)
    # OPERATION
    frame.memory[offset : offset + 32] = value.to_bytes(32, "big")
    return gas


def mstore8(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops an offset and a word; writes its lowest byte there. Yellow paper, 0x53."""
    # STACK
    offset, value = stack.pop(), stack.pop()
    # GAS
    gas = touch(frame.memory, offset, 1, gas)
    # OPERATION
    frame.memory[offset] = value & 0xFF
    return gas


def msize(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the size of memory in bytes. Yellow paper, 0x59."""
    # OPERATION
    stack.append(len(frame.memory))
    return gas


def mcopy(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops target, source and size; copies memory, whose ranges may overlap. EIP-5656."""
    # STACK
    target, source, size = stack.pop(), stack.pop(), stack.pop()
    # GAS
    memory, end = frame.memory, max(target, source) + size
    if size and end > len(memory):
        gas = grow(memory, end, gas)
    gas = charge(gas, COPY_WORD * words(size), "MCOPY")
    # OPERATION
    if size:
        memory[target : target + size] = memory[source : source + size]
    return gas
