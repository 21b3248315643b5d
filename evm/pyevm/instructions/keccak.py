"""The hash of a piece of memory."""

from __future__ import annotations

from chain.crypto.keccak import keccak256

from ...gas_prices import KECCAK256_WORD
from ..frame import Frame
from ..memory import touch
from .gas import charge, words


def keccak(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops offset and size; pushes the Keccak-256 of that memory. Yellow paper, 0x20."""
    # STACK
    offset, size = stack.pop(), stack[-1]
    # GAS
    gas = touch(frame.memory, offset, size, gas)
    gas = charge(gas, KECCAK256_WORD * words(size), "KECCAK256")
    # OPERATION
    data = bytes(frame.memory[offset : offset + size]) if size else b""
    stack[-1] = int.from_bytes(keccak256(data), "big")
    return gas
