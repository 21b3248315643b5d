"""What the source of a region calls by name: the interpreter's own functions and few more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from eth.exceptions import InvalidJumpDestination, OutOfGas, Revert

from chain.crypto.keccak import keccak256

from ..instructions import INSTRUCTIONS, read_storage, write_storage
from ..memory import grow, touch
from .arithmetic import FUNCTIONS, SIGN
from .effects import STOCK_EFFECTS
from .symbols import MASK

if TYPE_CHECKING:
    from ..computation import Computation

SELFDESTRUCT: Final = 0xFF


def _stock(op: int) -> Callable[[Computation, list[int], int], int]:
    """One of py-evm's opcodes with the face of our instructions."""

    def run(frame: Computation, _stack: list[int], gas: int) -> int:
        meter = frame.meter
        meter.gas_remaining = gas
        opcode = frame.opcodes[op]
        try:
            opcode(frame)
        except IndexError as error:  # a bug, and never a stack underflow
            raise RuntimeError(f"opcode {opcode!r} at depth {frame.msg.depth}") from error
        return meter.gas_remaining

    return run


def leave(frame: Computation, offset: int, size: int, gas: int) -> None:
    """RETURN. Raises OutOfGas."""
    gas = touch(frame.memory, offset, size, gas)
    frame.output = bytes(frame.memory[offset : offset + size]) if size else b""
    frame.meter.gas_remaining = gas


def revert(frame: Computation, offset: int, size: int, gas: int) -> NoReturn:
    """REVERT: raises Revert, or OutOfGas."""
    leave(frame, offset, size, gas)
    raise Revert(frame.output)


NAMESPACE: Final[dict[str, Any]] = {
    "__builtins__": {"len": len, "bytes": bytes, "pow": pow},
    "M": MASK,
    "S": SIGN,
    "C": 2**256,
    "NUL": b"\x00",
    "ZERO": bytes(32),
    "InvalidJumpDestination": InvalidJumpDestination,
    "OutOfGas": OutOfGas,
    "from_bytes": int.from_bytes,
    "grow": grow,
    "instructions": INSTRUCTIONS,
    "keccak256": keccak256,
    "leave": leave,
    "read_storage": read_storage,
    "revert": revert,
    "stock": {op: _stock(op) for op in (*STOCK_EFFECTS, SELFDESTRUCT)},
    "write_storage": write_storage,
    **FUNCTIONS,
}
"""Globals of every region, which also has `targets`, the jump targets of its code."""
