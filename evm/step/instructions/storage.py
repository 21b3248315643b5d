"""Permanent and transient storage of the account that a frame works on."""

from __future__ import annotations

from ..errors import ExceptionalHalt
from ..machine import Machine
from ..slots import read_slot, read_transient, write_slot, write_transient
from ..state import Flag


def sload(m: Machine) -> None:
    """Pops a slot; pushes the value stored there. Yellow paper, 0x54; EIP-2929."""
    # STACK
    slot = m.pop()
    # GAS, OPERATION
    m.push(read_slot(m, m.call.address, m.call.generation, slot))
    # PROGRAM COUNTER
    m.pc += 1


def sstore(m: Machine) -> None:
    """Pops a slot and a value; stores it there. Yellow paper, 0x55; EIP-214, 2200, 2929, 3529."""
    require_writable(m)
    # STACK
    slot, value = m.pop(), m.pop()
    # GAS, OPERATION
    write_slot(m, m.call.address, m.call.generation, slot, value)
    # PROGRAM COUNTER
    m.pc += 1


def tload(m: Machine) -> None:
    """Pops a slot; pushes its value in transient storage. EIP-1153."""
    # STACK
    slot = m.pop()
    # OPERATION
    m.push(read_transient(m, m.call.address, slot))
    # PROGRAM COUNTER
    m.pc += 1


def tstore(m: Machine) -> None:
    """Pops a slot and a value; keeps it there until the transaction ends. EIP-214, 1153."""
    require_writable(m)
    # STACK
    slot, value = m.pop(), m.pop()
    # OPERATION
    write_transient(m, m.call.address, slot, value)
    # PROGRAM COUNTER
    m.pc += 1


def require_writable(m: Machine) -> None:
    """Raise ExceptionalHalt in a static call."""
    if m.call.flags & Flag.STATIC:
        raise ExceptionalHalt("write protection")
