"""EVM code made ready to run: push constants read once, jump targets found once.

A program depends on nothing but its bytes, so programs of deployed code are kept between calls,
up to a bound on their total size. Init code runs once and is never kept.
"""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import Final

JUMPDEST: Final = 0x5B
PUSH1: Final = 0x60
PUSH32: Final = 0x7F
INVALID: Final = 0xFE
MAX_CACHED_CODE_BYTES: Final = 1 << 21
"""Bound on the code whose programs are kept; a program takes near 60 bytes for each of code."""


class Program:
    """Code with a STOP behind it, the constants of its pushes and its valid jump targets."""

    __slots__ = ("code", "jump_targets", "pushes")

    def __init__(self, code: bytes) -> None:
        # One zero byte behind the end is the STOP that running off the end means.
        self.code = code + b"\x00"
        self.pushes: dict[int, tuple[int, int]] = {}
        self.jump_targets: set[int] = set()
        pc, end = 0, len(code)
        while pc < end:
            op = code[pc]
            if op == JUMPDEST:
                self.jump_targets.add(pc)
            elif PUSH1 <= op <= PUSH32:
                size = op - PUSH1 + 1
                data = code[pc + 1 : pc + 1 + size].ljust(size, b"\x00")
                following = pc + 1 + size
                self.pushes[pc] = (int.from_bytes(data, "big"), min(following, end))
                pc += size
            pc += 1


@lru_cache(maxsize=64)
def without(code: bytes, undefined: frozenset[int]) -> bytes:
    """The same code with INVALID for each opcode that a fork does not have."""
    allowed, pc = bytearray(code), 0
    while pc < len(code):
        op = code[pc]
        if PUSH1 <= op <= PUSH32:
            pc += op - PUSH1 + 1
        elif op in undefined:
            allowed[pc] = INVALID
        pc += 1
    return bytes(allowed)


class ProgramCache:
    """Programs by code, oldest out first, bounded by total code size; any thread may ask."""

    __slots__ = ("_adding", "_limit_bytes", "_programs", "_size_bytes")

    def __init__(self, limit_bytes: int = MAX_CACHED_CODE_BYTES) -> None:
        self._programs: dict[bytes, Program] = {}
        self._size_bytes = 0
        self._limit_bytes = limit_bytes
        self._adding = Lock()

    def get(self, code: bytes) -> Program:
        """The program of this code, decoded now or before."""
        program = self._programs.get(code)
        return self._add(code) if program is None else program

    def _add(self, code: bytes) -> Program:
        program = Program(code)
        with self._adding:
            if code not in self._programs:
                self._programs[code] = program
                self._size_bytes += len(code)
            while self._size_bytes > self._limit_bytes and len(self._programs) > 1:
                oldest = next(iter(self._programs))
                del self._programs[oldest]
                self._size_bytes -= len(oldest)
        return program


PROGRAMS: Final = ProgramCache()
"""Of this process. What is in it changes speed, never results."""
