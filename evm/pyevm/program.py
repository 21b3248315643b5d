"""EVM code made ready to run: push constants read once, jump targets found once.

A program depends on nothing but its bytes. What is kept of programs is `transpiler/hot.py`'s.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

JUMPDEST: Final = 0x5B
PUSH1: Final = 0x60
PUSH32: Final = 0x7F
INVALID: Final = 0xFE


class Program:
    """Code with a STOP behind it, the constants of its pushes and its valid jump targets.

    `opcodes` are those that occur in it, push data apart.
    """

    __slots__ = ("code", "jump_targets", "opcodes", "pushes")

    def __init__(self, code: bytes) -> None:
        # One zero byte behind the end is the STOP that running off the end means.
        self.code = code + b"\x00"
        self.pushes: dict[int, tuple[int, int]] = {}
        self.jump_targets: set[int] = set()
        self.opcodes: set[int] = set()
        pc, end = 0, len(code)
        while pc < end:
            op = code[pc]
            self.opcodes.add(op)
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
