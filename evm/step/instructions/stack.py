"""What moves words about on the stack: POP, PUSH, DUP, SWAP."""

from __future__ import annotations

from collections.abc import Callable

from ..machine import Machine
from ..structures.words import depth_of, words_in

Instruction = Callable[[Machine], None]


def pop(m: Machine) -> None:
    """Pops a word and forgets it. Yellow paper, 0x50."""
    # STACK
    m.pop()
    # PROGRAM COUNTER
    m.pc += 1


def push0(m: Machine) -> None:
    """Pushes 0. EIP-3855."""
    # OPERATION
    m.push(0)
    # PROGRAM COUNTER
    m.pc += 1


def push(size: int) -> Instruction:
    """PUSH1 to PUSH32."""

    def instruction(m: Machine) -> None:
        """Pushes the bytes behind it, zeros past the end of the code. Y.p., 0x60 to 0x7f."""
        # OPERATION
        m.push(int.from_bytes(_immediate(m, size), "big"))
        # PROGRAM COUNTER
        m.pc += 1 + size

    return instruction


def _immediate(m: Machine, size: int) -> bytes:
    """The bytes behind the opcode; they may reach into the next chunk, which is then opened too."""
    index, start = m.pc >> 5, (m.pc & 31) + 1
    data = m.chunk[start : start + size]
    chunk_count = words_in(m.code_length)
    if len(data) < size and index + 1 < chunk_count:
        following = m.opener.chunk(m.code, depth_of(chunk_count), index + 1)
        data += following.data[: size - len(data)]
    return data.ljust(size, b"\x00")


def dup(position: int) -> Instruction:
    """DUP1 to DUP16."""

    def instruction(m: Machine) -> None:
        """Pushes the word at a position again, 1 being the top. Yellow paper, 0x80 to 0x8f."""
        # STACK
        stack, size = m.stack, m.stack_size
        for _ in range(position - 1):
            m.pop()
        word = m.pop()
        # OPERATION
        m.stack, m.stack_size = stack, size
        m.push(word)
        # PROGRAM COUNTER
        m.pc += 1

    return instruction


def swap(position: int) -> Instruction:
    """SWAP1 to SWAP16."""

    def instruction(m: Machine) -> None:
        """Exchanges the top with the word at a position below it. Yellow paper, 0x90 to 0x9f."""
        # STACK
        top = m.pop()
        between = [m.pop() for _ in range(position - 1)]
        other = m.pop()
        # OPERATION
        m.push(top)
        for word in reversed(between):
            m.push(word)
        m.push(other)
        # PROGRAM COUNTER
        m.pc += 1

    return instruction
