"""Opcodes without effects, as Python: how to write them and what they give for constants.

The first argument is the top of the stack. Opcodes that occur rarely call the interpreter's own
function (`pure`). Source: yellow paper, appendix H. Knows neither gas nor memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..instructions import INSTRUCTIONS
from .symbols import Kind, Symbol, condition, constant, ring, word

Writer = Callable[..., Symbol]
Folder = Callable[..., int]

SIGN: Final = 2**255


def pure(opcode: int) -> Folder:
    """An instruction of the interpreter that reads nothing but its operands, as a function."""
    instruction = INSTRUCTIONS[opcode]
    if instruction is None:
        raise LookupError(f"opcode {opcode:#x} is no instruction")
    frame: Any = None

    def function(*operands: int) -> int:
        stack = list(reversed(operands))
        instruction(frame, stack, 0)
        return stack[0]

    return function


def _div(left: Symbol, right: Symbol) -> Symbol:
    if right.is_constant:
        return word(f"{left.word()} // {right.source}") if right.value else constant(0)
    return word(f"{left.word()} // {right.source} if {right.source} else 0")


def _mod(left: Symbol, right: Symbol) -> Symbol:
    if right.is_constant:
        return word(f"{left.word()} % {right.source}") if right.value else constant(0)
    return word(f"{left.word()} % {right.source} if {right.source} else 0")


def _addmod(left: Symbol, right: Symbol, modulus: Symbol) -> Symbol:
    total = f"({left.word()} + {right.word()}) % {modulus.source}"
    return word(f"{total} if {modulus.source} else 0")


def _mulmod(left: Symbol, right: Symbol, modulus: Symbol) -> Symbol:
    product = f"({left.word()} * {right.word()}) % {modulus.source}"
    return word(f"{product} if {modulus.source} else 0")


def _and(left: Symbol, right: Symbol) -> Symbol:
    # One side in range is enough to bring the result into range.
    if left.kind is Kind.RING:
        left, right = right, left
    return word(f"{left.word()} & {right.ring()}")


def _shl(shift: Symbol, value: Symbol) -> Symbol:
    if shift.is_constant:
        return ring(f"{value.ring()} << {shift.value}") if shift.value < 256 else constant(0)
    return word(f"({value.word()} << {shift.source}) & M if {shift.source} < 256 else 0")


def _shr(shift: Symbol, value: Symbol) -> Symbol:
    if shift.is_constant:
        return word(f"{value.word()} >> {shift.value}") if shift.value < 256 else constant(0)
    return word(f"{value.word()} >> {shift.source} if {shift.source} < 256 else 0")


def _byte(position: Symbol, value: Symbol) -> Symbol:
    if position.is_constant:
        if position.value > 31:
            return constant(0)
        return word(f"({value.word()} >> {8 * (31 - position.value)}) & 255")
    return word(f"byte({position.word()}, {value.word()})")


def _called(function: str) -> Writer:
    def write(*operands: Symbol) -> Symbol:
        return word(f"{function}({', '.join([operand.word() for operand in operands])})")

    return write


def _compared(sign: str) -> Writer:
    return lambda left, right: condition(f"{left.word()} {sign} {right.word()}")


def _compared_signed(sign: str) -> Writer:
    return lambda left, right: condition(f"({left.word()} ^ S) {sign} ({right.word()} ^ S)")


WRITERS: Final[dict[int, tuple[int, Writer]]] = {
    0x01: (2, lambda a, b: ring(f"{a.ring()} + {b.ring()}")),
    0x02: (2, lambda a, b: ring(f"{a.ring()} * {b.ring()}")),
    0x03: (2, lambda a, b: ring(f"{a.ring()} - {b.ring()}")),
    0x04: (2, _div),
    0x05: (2, _called("sdiv")),
    0x06: (2, _mod),
    0x07: (2, _called("smod")),
    0x08: (3, _addmod),
    0x09: (3, _mulmod),
    0x0B: (2, _called("signextend")),
    0x10: (2, _compared("<")),
    0x11: (2, _compared(">")),
    0x12: (2, _compared_signed("<")),
    0x13: (2, _compared_signed(">")),
    0x14: (2, _compared("==")),
    0x15: (1, lambda a: condition(f"not {a.truth()}")),
    0x16: (2, _and),
    0x17: (2, lambda a, b: word(f"{a.word()} | {b.word()}")),
    0x18: (2, lambda a, b: word(f"{a.word()} ^ {b.word()}")),
    0x19: (1, lambda a: word(f"{a.word()} ^ M")),
    0x1A: (2, _byte),
    0x1B: (2, _shl),
    0x1C: (2, _shr),
    0x1D: (2, _called("sar")),
    0x1E: (1, lambda a: word(f"256 - {a.word()}.bit_length()")),
}
"""By opcode: how many operands it takes and its source."""

READ_TWICE: Final[dict[int, int]] = {0x04: 1, 0x06: 1, 0x08: 2, 0x09: 2, 0x1B: 0, 0x1C: 0}
"""By opcode: the operand that its source names twice, and that has to be simple therefore."""

FOLDERS: Final[dict[int, Folder]] = {opcode: pure(opcode) for opcode in WRITERS}
"""By opcode: its result for operands that are known."""

FUNCTIONS: Final[dict[str, Folder]] = {
    "sdiv": pure(0x05),
    "smod": pure(0x07),
    "signextend": pure(0x0B),
    "byte": pure(0x1A),
    "sar": pure(0x1D),
}
"""What the source of WRITERS calls by name."""
