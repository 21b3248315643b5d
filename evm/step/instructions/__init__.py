"""The opcodes of Cancun and later: one file for each group of them, and this table in front.

An instruction is a function over a `Machine` in up to four movements: STACK takes its operands, GAS
takes what its price adds to the constant part, OPERATION does the work, PROGRAM COUNTER goes on.
The constant part stands in the table, with how many words it takes and gives: whoever runs an
instruction has seen to both before. It raises `ExceptionalHalt` where the frame fails and `Missing`
where it needs what the world map lacks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from ... import gas_prices as gas
from ..machine import Machine
from . import (
    arithmetic,
    bitwise,
    block,
    comparison,
    control_flow,
    environment,
    keccak,
    memory,
    stack,
    storage,
    system,
)
from .log import log


class Opcode(NamedTuple):
    """A line of the table.

    Attributes:
        name: as the protocol has it.
        pops: words that it takes from the stack.
        pushes: words that are on the stack instead of them when it is done, in the end.
        gas: the constant part of its price.
        run: what it does.

    """

    name: str
    pops: int
    pushes: int
    gas: int
    run: Callable[[Machine], None]


OPCODES: Final[dict[int, Opcode]] = {
    0x00: Opcode("STOP", 0, 0, gas.ZERO, system.stop),
    0x01: Opcode("ADD", 2, 1, gas.VERY_LOW, arithmetic.add),
    0x02: Opcode("MUL", 2, 1, gas.LOW, arithmetic.mul),
    0x03: Opcode("SUB", 2, 1, gas.VERY_LOW, arithmetic.sub),
    0x04: Opcode("DIV", 2, 1, gas.LOW, arithmetic.div),
    0x05: Opcode("SDIV", 2, 1, gas.LOW, arithmetic.sdiv),
    0x06: Opcode("MOD", 2, 1, gas.LOW, arithmetic.mod),
    0x07: Opcode("SMOD", 2, 1, gas.LOW, arithmetic.smod),
    0x08: Opcode("ADDMOD", 3, 1, gas.MID, arithmetic.addmod),
    0x09: Opcode("MULMOD", 3, 1, gas.MID, arithmetic.mulmod),
    0x0A: Opcode("EXP", 2, 1, gas.HIGH, arithmetic.exp),
    0x0B: Opcode("SIGNEXTEND", 2, 1, gas.LOW, arithmetic.signextend),
    0x10: Opcode("LT", 2, 1, gas.VERY_LOW, comparison.lt),
    0x11: Opcode("GT", 2, 1, gas.VERY_LOW, comparison.gt),
    0x12: Opcode("SLT", 2, 1, gas.VERY_LOW, comparison.slt),
    0x13: Opcode("SGT", 2, 1, gas.VERY_LOW, comparison.sgt),
    0x14: Opcode("EQ", 2, 1, gas.VERY_LOW, comparison.eq),
    0x15: Opcode("ISZERO", 1, 1, gas.VERY_LOW, comparison.iszero),
    0x16: Opcode("AND", 2, 1, gas.VERY_LOW, bitwise.and_),
    0x17: Opcode("OR", 2, 1, gas.VERY_LOW, bitwise.or_),
    0x18: Opcode("XOR", 2, 1, gas.VERY_LOW, bitwise.xor),
    0x19: Opcode("NOT", 1, 1, gas.VERY_LOW, bitwise.not_),
    0x1A: Opcode("BYTE", 2, 1, gas.VERY_LOW, bitwise.byte),
    0x1B: Opcode("SHL", 2, 1, gas.VERY_LOW, bitwise.shl),
    0x1C: Opcode("SHR", 2, 1, gas.VERY_LOW, bitwise.shr),
    0x1D: Opcode("SAR", 2, 1, gas.VERY_LOW, bitwise.sar),
    0x1E: Opcode("CLZ", 1, 1, gas.LOW, bitwise.clz),
    0x20: Opcode("KECCAK256", 2, 1, gas.KECCAK256, keccak.keccak),
    0x30: Opcode("ADDRESS", 0, 1, gas.BASE, environment.address),
    0x31: Opcode("BALANCE", 1, 1, gas.WARM, environment.balance),
    0x32: Opcode("ORIGIN", 0, 1, gas.BASE, environment.origin),
    0x33: Opcode("CALLER", 0, 1, gas.BASE, environment.caller),
    0x34: Opcode("CALLVALUE", 0, 1, gas.BASE, environment.callvalue),
    0x35: Opcode("CALLDATALOAD", 1, 1, gas.VERY_LOW, environment.calldataload),
    0x36: Opcode("CALLDATASIZE", 0, 1, gas.BASE, environment.calldatasize),
    0x37: Opcode("CALLDATACOPY", 3, 0, gas.VERY_LOW, environment.calldatacopy),
    0x38: Opcode("CODESIZE", 0, 1, gas.BASE, environment.codesize),
    0x39: Opcode("CODECOPY", 3, 0, gas.VERY_LOW, environment.codecopy),
    0x3A: Opcode("GASPRICE", 0, 1, gas.BASE, environment.gasprice),
    0x3B: Opcode("EXTCODESIZE", 1, 1, gas.WARM, environment.extcodesize),
    0x3C: Opcode("EXTCODECOPY", 4, 0, gas.WARM, environment.extcodecopy),
    0x3D: Opcode("RETURNDATASIZE", 0, 1, gas.BASE, environment.returndatasize),
    0x3E: Opcode("RETURNDATACOPY", 3, 0, gas.VERY_LOW, environment.returndatacopy),
    0x3F: Opcode("EXTCODEHASH", 1, 1, gas.WARM, environment.extcodehash),
    0x40: Opcode("BLOCKHASH", 1, 1, gas.BLOCK_HASH, block.blockhash),
    0x41: Opcode("COINBASE", 0, 1, gas.BASE, block.coinbase),
    0x42: Opcode("TIMESTAMP", 0, 1, gas.BASE, block.timestamp),
    0x43: Opcode("NUMBER", 0, 1, gas.BASE, block.number),
    0x44: Opcode("PREVRANDAO", 0, 1, gas.BASE, block.prevrandao),
    0x45: Opcode("GASLIMIT", 0, 1, gas.BASE, block.gaslimit),
    0x46: Opcode("CHAINID", 0, 1, gas.BASE, block.chainid),
    0x47: Opcode("SELFBALANCE", 0, 1, gas.LOW, environment.selfbalance),
    0x48: Opcode("BASEFEE", 0, 1, gas.BASE, block.basefee),
    0x49: Opcode("BLOBHASH", 1, 1, gas.VERY_LOW, environment.blobhash),
    0x4A: Opcode("BLOBBASEFEE", 0, 1, gas.BASE, block.blobbasefee),
    0x50: Opcode("POP", 1, 0, gas.BASE, stack.pop),
    0x51: Opcode("MLOAD", 1, 1, gas.VERY_LOW, memory.mload),
    0x52: Opcode("MSTORE", 2, 0, gas.VERY_LOW, memory.mstore),
    0x53: Opcode("MSTORE8", 2, 0, gas.VERY_LOW, memory.mstore8),
    0x54: Opcode("SLOAD", 1, 1, gas.WARM, storage.sload),
    0x55: Opcode("SSTORE", 2, 0, gas.ZERO, storage.sstore),
    0x56: Opcode("JUMP", 1, 0, gas.MID, control_flow.jump),
    0x57: Opcode("JUMPI", 2, 0, gas.HIGH, control_flow.jumpi),
    0x58: Opcode("PC", 0, 1, gas.BASE, control_flow.pc),
    0x59: Opcode("MSIZE", 0, 1, gas.BASE, memory.msize),
    0x5A: Opcode("GAS", 0, 1, gas.BASE, control_flow.gas_left),
    0x5B: Opcode("JUMPDEST", 0, 0, gas.JUMPDEST, control_flow.jumpdest),
    0x5C: Opcode("TLOAD", 1, 1, gas.WARM, storage.tload),
    0x5D: Opcode("TSTORE", 2, 0, gas.WARM, storage.tstore),
    0x5E: Opcode("MCOPY", 3, 0, gas.VERY_LOW, memory.mcopy),
    0x5F: Opcode("PUSH0", 0, 1, gas.BASE, stack.push0),
    **{
        0x5F + size: Opcode(f"PUSH{size}", 0, 1, gas.VERY_LOW, stack.push(size))
        for size in range(1, 33)
    },
    **{
        0x7F + at: Opcode(f"DUP{at}", at, at + 1, gas.VERY_LOW, stack.dup(at))
        for at in range(1, 17)
    },
    **{
        0x8F + at: Opcode(f"SWAP{at}", at + 1, at + 1, gas.VERY_LOW, stack.swap(at))
        for at in range(1, 17)
    },
    **{
        0xA0 + topics: Opcode(f"LOG{topics}", 2 + topics, 0, gas.LOG, log(topics))
        for topics in range(5)
    },
    0xF0: Opcode("CREATE", 3, 1, gas.CREATE, system.create),
    0xF1: Opcode("CALL", 7, 1, gas.WARM, system.call),
    0xF2: Opcode("CALLCODE", 7, 1, gas.WARM, system.callcode),
    0xF3: Opcode("RETURN", 2, 0, gas.ZERO, system.return_),
    0xF4: Opcode("DELEGATECALL", 6, 1, gas.WARM, system.delegatecall),
    0xF5: Opcode("CREATE2", 4, 1, gas.CREATE, system.create2),
    0xFA: Opcode("STATICCALL", 6, 1, gas.WARM, system.staticcall),
    0xFD: Opcode("REVERT", 2, 0, gas.ZERO, system.revert),
    0xFF: Opcode("SELFDESTRUCT", 1, 0, gas.SELF_DESTRUCT, system.selfdestruct),
}
"""Every opcode of Osaka. Which of them a fork has is for its `StepRules` to say."""
