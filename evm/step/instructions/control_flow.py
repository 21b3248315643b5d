"""Where the program goes: jumps, and what it can tell of itself."""

from __future__ import annotations

from ..errors import ExceptionalHalt
from ..machine import Machine
from ..structures.words import depth_of, words_in


def jump(m: Machine) -> None:
    """Pops where to go on. Yellow paper, 0x56."""
    # STACK
    target = m.pop()
    # OPERATION
    _require_target(m, target)
    # PROGRAM COUNTER
    m.pc = target


def jumpi(m: Machine) -> None:
    """Pops where to go on and whether to. Yellow paper, 0x57."""
    # STACK
    target, condition = m.pop(), m.pop()
    # OPERATION
    if condition:
        _require_target(m, target)
    # PROGRAM COUNTER
    m.pc = target if condition else m.pc + 1


def pc(m: Machine) -> None:
    """Pushes where it stands itself. Yellow paper, 0x58."""
    # OPERATION
    m.push(m.pc)
    # PROGRAM COUNTER
    m.pc += 1


def gas_left(m: Machine) -> None:
    """Pushes the gas that is left behind it. Yellow paper, 0x5a."""
    # OPERATION
    m.push(m.gas)
    # PROGRAM COUNTER
    m.pc += 1


def jumpdest(m: Machine) -> None:
    """Can be jumped to. Yellow paper, 0x5b."""
    # PROGRAM COUNTER
    m.pc += 1


def _require_target(m: Machine, target: int) -> None:
    """The chunk of the target is opened and read from its first opcode on."""
    if target < m.code_length:
        depth = depth_of(words_in(m.code_length))
        if m.opener.chunk(m.code, depth, target >> 5).is_jump_target(target & 31):
            return
    raise ExceptionalHalt("invalid jump destination")
