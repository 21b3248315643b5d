"""Phase RUN: one opcode of the innermost frame."""

from __future__ import annotations

from functools import lru_cache

from .errors import ExceptionalHalt, Missing
from .instructions import OPCODES, Opcode
from .machine import MAX_STACK, Machine
from .structures.words import depth_of, words_in

STOP = 0x00


@lru_cache(maxsize=16)
def table_of(opcodes: frozenset[int]) -> tuple[Opcode | None, ...]:
    """The table's lines by opcode; None for what is not defined."""
    return tuple([OPCODES.get(value) if value in opcodes else None for value in range(256)])


def opcode_at(m: Machine) -> int:
    """The opcode that the frame is at; STOP past the end of the code."""
    pc, length = m.pc, m.code_length
    if pc >= length:
        return STOP
    chunk = m.opener.chunk(m.code, depth_of(words_in(length)), pc >> 5)
    m.chunk = chunk.data
    return m.chunk[pc & 31]


def step_run(m: Machine) -> None:
    """Run the opcode, fail at it, or begin to load what it lacks."""
    m.open_frame()
    opcode = table_of(m.rules.opcodes)[opcode_at(m)]
    effects, size, gas = m.effects_name, m.stack_size, m.gas
    if (
        opcode is None
        or size < opcode.pops
        or size - opcode.pops + opcode.pushes > MAX_STACK
        or gas < opcode.gas
    ):
        m.fail(effects)
        return
    pc, stack, memory, memory_words = m.pc, m.stack, m.memory, m.memory_words
    m.gas = gas - opcode.gas
    try:
        opcode.run(m)
    except ExceptionalHalt:
        m.fail(effects)
    except Missing as missing:
        m.pc, m.gas, m.stack, m.stack_size = pc, gas, stack, size
        m.memory, m.memory_words = memory, memory_words
        m.put_back(effects)
        m.load(missing)
