"""Arithmetic on words of 256 bits, modulo 2**256."""

from __future__ import annotations

from ...gas_prices import EXPONENT_BYTE
from ..frame import Frame
from .gas import charge
from .words import CEILING, MASK, signed


def add(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes a + b. Yellow paper, 0x01."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = (left + right) & MASK
    return gas


def mul(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes a · b. Yellow paper, 0x02."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = (left * right) & MASK
    return gas


def sub(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes a - b. Yellow paper, 0x03."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = (left - right) & MASK
    return gas


def div(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes a / b without its fraction, 0 for b = 0. Yellow paper, 0x04."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = left // right if right else 0
    return gas


def sdiv(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes a / b in two's complement, cut towards zero. Yellow paper, 0x05."""
    # STACK
    left, right = signed(stack.pop()), signed(stack[-1])
    # OPERATION
    if right == 0:
        stack[-1] = 0
    else:
        quotient = abs(left) // abs(right)
        stack[-1] = (-quotient if (left < 0) != (right < 0) else quotient) & MASK
    return gas


def mod(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes what a / b leaves, 0 for b = 0. Yellow paper, 0x06."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = left % right if right else 0
    return gas


def smod(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes what a / b leaves, with the sign of a. Yellow paper, 0x07."""
    # STACK
    left, right = signed(stack.pop()), signed(stack[-1])
    # OPERATION
    if right == 0:
        stack[-1] = 0
    else:
        rest = abs(left) % abs(right)
        stack[-1] = (-rest if left < 0 else rest) & MASK
    return gas


def addmod(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a, b and n; pushes (a + b) mod n without overflow, 0 for n = 0. Y.p., 0x08."""
    # STACK
    left, right, modulus = stack.pop(), stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = (left + right) % modulus if modulus else 0
    return gas


def mulmod(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a, b and n; pushes (a · b) mod n without overflow, 0 for n = 0. Y.p., 0x09."""
    # STACK
    left, right, modulus = stack.pop(), stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = (left * right) % modulus if modulus else 0
    return gas


def exp(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; pushes a to the power of b. Yellow paper, 0x0a; EIP-160."""
    # STACK
    base, exponent = stack.pop(), stack[-1]
    # GAS
    gas = charge(gas, EXPONENT_BYTE * ((exponent.bit_length() + 7) // 8), "EXP")
    # OPERATION
    stack[-1] = pow(base, exponent, CEILING)
    return gas


def signextend(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops b and a; pushes a with the sign of its byte b, counted from the lowest. Y.p., 0x0b."""
    # STACK
    byte, value = stack.pop(), stack[-1]
    # OPERATION
    if byte < 31:
        sign = 1 << (8 * byte + 7)
        stack[-1] = value | (CEILING - sign) if value & sign else value & (sign - 1)
    return gas
