"""The opcodes from Berlin on: one file for each group of them, and this table in front.

An instruction is a function `(frame, stack, gas) -> gas left` in up to four movements. STACK takes
its operands; GAS takes what its price adds to the constant part; OPERATION does the work. The
constant part stands in the table, and whoever runs an instruction has taken it before. The PROGRAM
COUNTER moves to the next opcode behind every instruction, and the stack's limit is checked there.
What reads the program (PUSH, DUP, SWAP, POP, jumps, PC, GAS) has no function: it is the loop's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ... import gas_prices as price
from ..frame import Ending, Instruction
from . import (
    arithmetic,
    bitwise,
    block,
    comparison,
    environment,
    keccak,
    memory,
    storage,
    system,
)
from .log import log


@dataclass(frozen=True, slots=True)
class Opcode:
    """A line of the table.

    Attributes:
        name: as the protocol has it.
        gas: the constant part of its price.
        run: what it does; None where the loop itself does it, or it ends the frame.
        end: what it does where it ends the frame.

    """

    name: str
    gas: int
    run: Instruction | None = None
    end: Ending | None = None


OPCODES: Final[dict[int, Opcode]] = {
    0x00: Opcode("STOP", price.ZERO, end=system.stop),
    0x01: Opcode("ADD", price.VERY_LOW, arithmetic.add),
    0x02: Opcode("MUL", price.LOW, arithmetic.mul),
    0x03: Opcode("SUB", price.VERY_LOW, arithmetic.sub),
    0x04: Opcode("DIV", price.LOW, arithmetic.div),
    0x05: Opcode("SDIV", price.LOW, arithmetic.sdiv),
    0x06: Opcode("MOD", price.LOW, arithmetic.mod),
    0x07: Opcode("SMOD", price.LOW, arithmetic.smod),
    0x08: Opcode("ADDMOD", price.MID, arithmetic.addmod),
    0x09: Opcode("MULMOD", price.MID, arithmetic.mulmod),
    0x0A: Opcode("EXP", price.HIGH, arithmetic.exp),
    0x0B: Opcode("SIGNEXTEND", price.LOW, arithmetic.signextend),
    0x10: Opcode("LT", price.VERY_LOW, comparison.lt),
    0x11: Opcode("GT", price.VERY_LOW, comparison.gt),
    0x12: Opcode("SLT", price.VERY_LOW, comparison.slt),
    0x13: Opcode("SGT", price.VERY_LOW, comparison.sgt),
    0x14: Opcode("EQ", price.VERY_LOW, comparison.eq),
    0x15: Opcode("ISZERO", price.VERY_LOW, comparison.iszero),
    0x16: Opcode("AND", price.VERY_LOW, bitwise.and_),
    0x17: Opcode("OR", price.VERY_LOW, bitwise.or_),
    0x18: Opcode("XOR", price.VERY_LOW, bitwise.xor),
    0x19: Opcode("NOT", price.VERY_LOW, bitwise.not_),
    0x1A: Opcode("BYTE", price.VERY_LOW, bitwise.byte),
    0x1B: Opcode("SHL", price.VERY_LOW, bitwise.shl),
    0x1C: Opcode("SHR", price.VERY_LOW, bitwise.shr),
    0x1D: Opcode("SAR", price.VERY_LOW, bitwise.sar),
    0x1E: Opcode("CLZ", price.LOW, bitwise.clz),
    0x20: Opcode("KECCAK256", price.KECCAK256, keccak.keccak),
    0x30: Opcode("ADDRESS", price.BASE, environment.address),
    0x31: Opcode("BALANCE", price.WARM, environment.balance),
    0x32: Opcode("ORIGIN", price.BASE, environment.origin),
    0x33: Opcode("CALLER", price.BASE, environment.caller),
    0x34: Opcode("CALLVALUE", price.BASE, environment.callvalue),
    0x35: Opcode("CALLDATALOAD", price.VERY_LOW, environment.calldataload),
    0x36: Opcode("CALLDATASIZE", price.BASE, environment.calldatasize),
    0x37: Opcode("CALLDATACOPY", price.VERY_LOW, environment.calldatacopy),
    0x38: Opcode("CODESIZE", price.BASE, environment.codesize),
    0x39: Opcode("CODECOPY", price.VERY_LOW, environment.codecopy),
    0x3A: Opcode("GASPRICE", price.BASE, environment.gasprice),
    0x3B: Opcode("EXTCODESIZE", price.WARM, environment.extcodesize),
    0x3C: Opcode("EXTCODECOPY", price.WARM, environment.extcodecopy),
    0x3D: Opcode("RETURNDATASIZE", price.BASE, environment.returndatasize),
    0x3E: Opcode("RETURNDATACOPY", price.VERY_LOW, environment.returndatacopy),
    0x3F: Opcode("EXTCODEHASH", price.WARM, environment.extcodehash),
    0x40: Opcode("BLOCKHASH", price.BLOCK_HASH, block.blockhash),
    0x41: Opcode("COINBASE", price.BASE, block.coinbase),
    0x42: Opcode("TIMESTAMP", price.BASE, block.timestamp),
    0x43: Opcode("NUMBER", price.BASE, block.number),
    0x44: Opcode("PREVRANDAO", price.BASE, block.prevrandao),
    0x45: Opcode("GASLIMIT", price.BASE, block.gaslimit),
    0x46: Opcode("CHAINID", price.BASE, block.chainid),
    0x47: Opcode("SELFBALANCE", price.LOW, environment.selfbalance),
    0x48: Opcode("BASEFEE", price.BASE, block.basefee),
    0x49: Opcode("BLOBHASH", price.VERY_LOW, environment.blobhash),
    0x4A: Opcode("BLOBBASEFEE", price.BASE, block.blobbasefee),
    0x50: Opcode("POP", price.BASE),
    0x51: Opcode("MLOAD", price.VERY_LOW, memory.mload),
    0x52: Opcode("MSTORE", price.VERY_LOW, memory.mstore),
    0x53: Opcode("MSTORE8", price.VERY_LOW, memory.mstore8),
    0x54: Opcode("SLOAD", price.WARM, storage.sload),
    0x55: Opcode("SSTORE", price.ZERO, storage.sstore),
    0x56: Opcode("JUMP", price.MID),
    0x57: Opcode("JUMPI", price.HIGH),
    0x58: Opcode("PC", price.BASE),
    0x59: Opcode("MSIZE", price.BASE, memory.msize),
    0x5A: Opcode("GAS", price.BASE),
    0x5B: Opcode("JUMPDEST", price.JUMPDEST),
    0x5C: Opcode("TLOAD", price.WARM, storage.tload),
    0x5D: Opcode("TSTORE", price.WARM, storage.tstore),
    0x5E: Opcode("MCOPY", price.VERY_LOW, memory.mcopy),
    0x5F: Opcode("PUSH0", price.BASE),
    **{0x5F + size: Opcode(f"PUSH{size}", price.VERY_LOW) for size in range(1, 33)},
    **{0x7F + depth: Opcode(f"DUP{depth}", price.VERY_LOW) for depth in range(1, 17)},
    **{0x8F + depth: Opcode(f"SWAP{depth}", price.VERY_LOW) for depth in range(1, 17)},
    **{0xA0 + topics: Opcode(f"LOG{topics}", price.LOG, log(topics)) for topics in range(5)},
    0xF0: Opcode("CREATE", price.CREATE, system.create),
    0xF1: Opcode("CALL", price.WARM, system.call),
    0xF2: Opcode("CALLCODE", price.WARM, system.callcode),
    0xF3: Opcode("RETURN", price.ZERO, end=system.return_),
    0xF4: Opcode("DELEGATECALL", price.WARM, system.delegatecall),
    0xF5: Opcode("CREATE2", price.CREATE, system.create2),
    0xFA: Opcode("STATICCALL", price.WARM, system.staticcall),
    0xFD: Opcode("REVERT", price.ZERO, end=system.revert),
    0xFF: Opcode("SELFDESTRUCT", price.SELF_DESTRUCT, end=system.selfdestruct),
}
"""Every opcode of Osaka. Which of them a fork has is for `opcodes.py` to say."""

_INVALID: Final = Opcode("INVALID", price.ZERO)
_ROWS: Final = tuple([OPCODES.get(value, _INVALID) for value in range(256)])
STATIC_GAS: Final = tuple([row.gas for row in _ROWS])
"""The constant part of each price, by opcode."""
INSTRUCTIONS: Final = tuple([row.run for row in _ROWS])
"""By opcode; None where there is none, where it is the loop's, and where it ends the frame."""
ENDINGS: Final = tuple([row.end for row in _ROWS])
"""By opcode; None for all that go on."""
