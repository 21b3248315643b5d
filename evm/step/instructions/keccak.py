"""The hash of a piece of memory."""

from __future__ import annotations

from chain.crypto.keccak import keccak256

from ... import gas_prices as gas
from ..hashing import begin_hashing
from ..machine import Machine
from ..structures.words import WINDOW_BYTES, depth_of, read_range, words_in
from .numbers import word_of


def keccak(m: Machine) -> None:
    """Pops offset and size; pushes the Keccak-256 of that memory. Yellow paper, 0x20."""
    # STACK
    offset, size = m.pop(), m.pop()
    # GAS
    m.touch(offset, size)
    m.charge(gas.KECCAK256_WORD * words_in(size))
    # PROGRAM COUNTER
    m.pc += 1
    # OPERATION
    if size > WINDOW_BYTES:
        begin_hashing(m, offset, size)
        return
    data = b""
    if size:
        data = read_range(m.opener, m.memory, depth_of(m.memory_words), offset, size)
    m.push(word_of(keccak256(data)))
