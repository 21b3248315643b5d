"""Comparisons of words."""

from __future__ import annotations

from ..machine import Machine
from .numbers import signed


def lt(m: Machine) -> None:
    """Pops a and b; pushes whether a < b. Yellow paper, 0x10."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(1 if left < right else 0)
    # PROGRAM COUNTER
    m.pc += 1


def gt(m: Machine) -> None:
    """Pops a and b; pushes whether a > b. Yellow paper, 0x11."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(1 if left > right else 0)
    # PROGRAM COUNTER
    m.pc += 1


def slt(m: Machine) -> None:
    """Pops a and b; pushes whether a < b in two's complement. Yellow paper, 0x12."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(1 if signed(left) < signed(right) else 0)
    # PROGRAM COUNTER
    m.pc += 1


def sgt(m: Machine) -> None:
    """Pops a and b; pushes whether a > b in two's complement. Yellow paper, 0x13."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(1 if signed(left) > signed(right) else 0)
    # PROGRAM COUNTER
    m.pc += 1


def eq(m: Machine) -> None:
    """Pops a and b; pushes whether they are equal. Yellow paper, 0x14."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(1 if left == right else 0)
    # PROGRAM COUNTER
    m.pc += 1


def iszero(m: Machine) -> None:
    """Pops a; pushes whether it is 0. Yellow paper, 0x15."""
    # STACK
    value = m.pop()
    # OPERATION
    m.push(0 if value else 1)
    # PROGRAM COUNTER
    m.pc += 1
