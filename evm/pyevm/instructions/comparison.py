"""Comparisons of words; each pushes 1 where it holds, else 0."""

from __future__ import annotations

from ..frame import Frame
from .words import SIGN


def lt(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; is a less than b? Yellow paper, 0x10."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = 1 if left < right else 0
    return gas


def gt(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; is a greater than b? Yellow paper, 0x11."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = 1 if left > right else 0
    return gas


def slt(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; is a less than b in two's complement? Yellow paper, 0x12."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = 1 if left ^ SIGN < right ^ SIGN else 0
    return gas


def sgt(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; is a greater than b in two's complement? Yellow paper, 0x13."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = 1 if left ^ SIGN > right ^ SIGN else 0
    return gas


def eq(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a and b; are they the same? Yellow paper, 0x14."""
    # STACK
    left, right = stack.pop(), stack[-1]
    # OPERATION
    stack[-1] = 1 if left == right else 0
    return gas


def iszero(_frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a; is it 0? Yellow paper, 0x15."""
    # STACK
    value = stack[-1]
    # OPERATION
    stack[-1] = 0 if value else 1
    return gas
