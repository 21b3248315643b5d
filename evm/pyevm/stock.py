"""Code run opcode by opcode on py-evm's own opcode objects, for the forks before Berlin.

Their prices differ from those that are written into the loop of `interpreter.py`; the table of the
fork has them all. Slower, and nothing that is new runs here. Knows no fork.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth.exceptions import InvalidInstruction
from eth.vm.code_stream import CodeStream

if TYPE_CHECKING:
    from .computation import Computation


def run_stock(computation: Computation, code: bytes) -> None:
    """Run code in a frame until it stops.

    Raises py-evm's Halt at its end, and VMError where the frame fails.
    """
    stream = computation.code = CodeStream(code)
    opcodes, peek = computation.opcodes, stream.peek
    while True:
        value = peek()
        opcode = opcodes.get(value)
        if opcode is None:
            raise InvalidInstruction(f"invalid opcode: {value:#x}")
        stream.program_counter += 1
        opcode(computation)
