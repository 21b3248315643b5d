"""Reading, writing and moving memory. What its growth costs is the machine's to say."""

from __future__ import annotations

from ... import gas_prices as gas
from ..machine import Machine
from ..state import Source
from ..structures.words import change_word, depth_of, read_word, words_in


def mload(m: Machine) -> None:
    """Pops an offset; pushes the word there. Yellow paper, 0x51."""
    # STACK
    offset = m.pop()
    # GAS
    m.touch(offset, 32)
    # OPERATION
    depth, index, start = depth_of(m.memory_words), offset >> 5, offset & 31
    data = read_word(m.opener, m.memory, depth, index)
    if start:
        data += read_word(m.opener, m.memory, depth, index + 1)
    m.push(int.from_bytes(data[start : start + 32], "big"))
    # PROGRAM COUNTER
    m.pc += 1


def mstore(m: Machine) -> None:
    """Pops an offset and a word; writes it there. Yellow paper, 0x52."""
    # STACK
    offset, value = m.pop(), m.pop()
    # GAS
    m.touch(offset, 32)
    # OPERATION
    _write(m, offset, value.to_bytes(32, "big"))
    # PROGRAM COUNTER
    m.pc += 1


def mstore8(m: Machine) -> None:
    """Pops an offset and a word; writes its lowest byte there. Yellow paper, 0x53."""
    # STACK
    offset, value = m.pop(), m.pop()
    # GAS
    m.touch(offset, 1)
    # OPERATION
    _write(m, offset, bytes((value & 0xFF,)))
    # PROGRAM COUNTER
    m.pc += 1


def _write(m: Machine, offset: int, data: bytes) -> None:
    """Write at most 32 bytes into the one word, or the two, that they lie in."""
    depth, index, start = depth_of(m.memory_words), offset >> 5, offset & 31
    head, tail = data[: 32 - start], data[32 - start :]
    m.memory = change_word(
        m.opener, m.memory, depth, index,
        lambda old: old[:start] + head + old[start + len(head) :],
    )  # fmt: skip
    if tail:
        m.memory = change_word(
            m.opener, m.memory, depth, index + 1, lambda old: tail + old[len(tail) :]
        )


def msize(m: Machine) -> None:
    """Pushes the size of memory in bytes. Yellow paper, 0x59."""
    # OPERATION
    m.push(m.memory_length)
    # PROGRAM COUNTER
    m.pc += 1


def mcopy(m: Machine) -> None:
    """Pops target, source and size; copies memory, whose ranges may overlap. EIP-5656."""
    # STACK
    target, source, size = m.pop(), m.pop(), m.pop()
    # GAS
    m.touch(max(target, source), size)
    m.charge(gas.COPY_WORD * words_in(size))
    # PROGRAM COUNTER
    m.pc += 1
    # OPERATION: what is read is memory as it is now, whatever has been written of it meanwhile
    m.copy_to_memory(Source.WORDS, m.memory, m.memory_length, source, target, size)
