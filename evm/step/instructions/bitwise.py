"""Bits and bytes of words."""

from __future__ import annotations

from ..machine import Machine
from .numbers import MASK, signed


def and_(m: Machine) -> None:
    """Pops a and b; pushes the bits that both have. Yellow paper, 0x16."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(left & right)
    # PROGRAM COUNTER
    m.pc += 1


def or_(m: Machine) -> None:
    """Pops a and b; pushes the bits that either has. Yellow paper, 0x17."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(left | right)
    # PROGRAM COUNTER
    m.pc += 1


def xor(m: Machine) -> None:
    """Pops a and b; pushes the bits that just one of them has. Yellow paper, 0x18."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(left ^ right)
    # PROGRAM COUNTER
    m.pc += 1


def not_(m: Machine) -> None:
    """Pops a; pushes the bits that it lacks. Yellow paper, 0x19."""
    # STACK
    value = m.pop()
    # OPERATION
    m.push(value ^ MASK)
    # PROGRAM COUNTER
    m.pc += 1


def byte(m: Machine) -> None:
    """Pops i and a; pushes byte i of a, counted from the highest, 0 past the end. Y.p., 0x1a."""
    # STACK
    position, value = m.pop(), m.pop()
    # OPERATION
    m.push((value >> (8 * (31 - position))) & 0xFF if position < 32 else 0)
    # PROGRAM COUNTER
    m.pc += 1


def shl(m: Machine) -> None:
    """Pops n and a; pushes a moved left by n bits. EIP-145."""
    # STACK
    shift, value = m.pop(), m.pop()
    # OPERATION
    m.push((value << shift) & MASK if shift < 256 else 0)
    # PROGRAM COUNTER
    m.pc += 1


def shr(m: Machine) -> None:
    """Pops n and a; pushes a moved right by n bits. EIP-145."""
    # STACK
    shift, value = m.pop(), m.pop()
    # OPERATION
    m.push(value >> shift if shift < 256 else 0)
    # PROGRAM COUNTER
    m.pc += 1


def sar(m: Machine) -> None:
    """Pops n and a; pushes a moved right by n bits with its sign behind it. EIP-145."""
    # STACK
    shift, value = m.pop(), m.pop()
    # OPERATION
    m.push((signed(value) >> min(shift, 256)) & MASK)
    # PROGRAM COUNTER
    m.pc += 1


def clz(m: Machine) -> None:
    """Pops a; pushes how many zero bits it begins with, 256 for 0. EIP-7939."""
    # STACK
    value = m.pop()
    # OPERATION
    m.push(256 - value.bit_length())
    # PROGRAM COUNTER
    m.pc += 1
