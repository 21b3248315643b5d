"""Bits and bytes of words."""

from __future__ import annotations

from ..frame import Frame
from .words import MASK, signed


def and_(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes the bits that both have. Yellow paper, 0x16."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = left & right
    return gas


def or_(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes the bits that either has. Yellow paper, 0x17."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = left | right
    return gas


def xor(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes the bits that just one of them has. Yellow paper, 0x18."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = left ^ right
    return gas


def not_(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a; pushes the bits that it lacks. Yellow paper, 0x19."""
    # STACK
    value = stack[-1]
    # OPERATION
    stack[-1] = value ^ MASK
    return gas


def byte(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops i and a; pushes byte i of a, counted from the highest, 0 past the end. Y.p., 0x1a."""
    # STACK
    position, value = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = (value >> (8 * (31 - position))) & 0xFF if position < 32 else 0
    return gas


def shl(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops n and a; pushes a moved left by n bits. EIP-145."""
    # STACK
    shift, value = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = (value << shift) & MASK if shift < 256 else 0
    return gas


def shr(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops n and a; pushes a moved right by n bits. EIP-145."""
    # STACK
    shift, value = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = value >> shift if shift < 256 else 0
    return gas


def sar(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops n and a; pushes a moved right by n bits with its sign behind it. EIP-145."""
    # STACK
    shift, value = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = (signed(value) >> min(shift, 256)) & MASK
    return gas


def clz(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a; pushes how many zero bits it begins with, 256 for 0. EIP-7939."""
    # STACK
    value = stack[-1]
    # OPERATION
    stack[-1] = 256 - value.bit_length()
    return gas
