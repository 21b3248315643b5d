"""The interpreter loop: EVM code run to its end on plain ints, py-evm for the rare opcodes.

Three tiers. Opcodes that make up most of any trace are written into the loop, where the stack, the
memory and the gas are local variables. Less common ones are functions of their own
(`instructions.py`). Calls, creations and account queries go to py-evm's own opcode objects. Gas,
output, logs and state are those of py-evm's loop (tests/differential). What a frame *is* lies in
`computation.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from eth.exceptions import (
    FullStack,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfGas,
    Revert,
)

from .instructions import INSTRUCTIONS
from .memory import grow
from .program import PROGRAMS, Program

if TYPE_CHECKING:
    from .computation import Computation

MASK: Final = 2**256 - 1


def _static_gas() -> tuple[int, ...]:
    """Constant gas of the opcodes that the loop or `instructions` run; 0 for py-evm's."""
    costs = {
        0: (0x00, 0xF3, 0xFD, 0x55),
        1: (0x5B,),
        2: (0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3A, 0x3D, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46,
            0x48, 0x50, 0x58, 0x59, 0x5A, 0x5F),
        3: (0x01, 0x03, *range(0x10, 0x1E), 0x35, 0x37, 0x39, 0x3E, 0x51, 0x52, 0x53, 0x5E,
            *range(0x60, 0xA0)),
        5: (0x02, 0x04, 0x05, 0x06, 0x07, 0x0B, 0x47),
        8: (0x08, 0x09, 0x56),
        10: (0x0A, 0x57),
        30: (0x20,),
        100: (0x5C, 0x5D),
        375: (0xA0, 0xA1, 0xA2, 0xA3, 0xA4),
    }  # fmt: skip
    table = [0] * 256
    for cost, opcodes in costs.items():
        for opcode in opcodes:
            table[opcode] = cost
    return tuple(table)


STATIC_GAS: Final = _static_gas()


def run(computation: Computation, code: bytes) -> None:
    """Run code in a frame until it stops; leaves output, gas and return data on the frame.

    Raises py-evm's VMError where the frame ends in an exception or a revert.
    """
    program = Program(code) if computation.msg.is_create else PROGRAMS.get(code)
    try:
        _loop(computation, program)
    except IndexError:
        # Only the stack is indexed without a check: popping an empty list is the underflow test.
        raise InsufficientStack("stack underflow") from None


def _run_stock(opcode: Callable[[Computation], None], computation: Computation) -> None:
    """Run one of py-evm's opcodes; an IndexError from in there is a bug, not a stack underflow."""
    try:
        opcode(computation)
    except IndexError as error:
        raise RuntimeError(f"opcode {opcode!r} at depth {computation.msg.depth}") from error


# One function on purpose: its locals are the registers of the machine, and a call per opcode would
# cost more than the opcode. The order of the tests follows how often opcodes occur.
def _loop(computation: Computation, program: Program) -> None:  # noqa: C901
    code, pushes, jump_targets = program.code, program.pushes, program.jump_targets
    stack = computation.stack
    memory = computation.memory
    meter = computation.meter
    opcodes = computation.opcodes
    push, pop = stack.append, stack.pop
    static_gas, instructions, from_bytes, mask = STATIC_GAS, INSTRUCTIONS, int.from_bytes, MASK
    gas = meter.gas_remaining
    pc = 0
    while True:
        op = code[pc]
        gas -= static_gas[op]
        if gas < 0:
            raise OutOfGas(f"out of gas at pc {pc}, opcode {op:#x}")
        if op >= 0x60 and op < 0xA0:
            if op < 0x80:  # PUSH1..PUSH32
                value, pc = pushes[pc]
                push(value)
                if len(stack) > 1024:
                    raise FullStack("stack limit reached 1024 (1023)")
                continue
            if op < 0x90:  # DUP1..DUP16
                push(stack[0x7F - op])
                if len(stack) > 1024:
                    raise FullStack("stack limit reached 1024 (1023)")
            else:  # SWAP1..SWAP16
                other = 0x8E - op
                stack[-1], stack[other] = stack[other], stack[-1]
        elif op == 0x5B:  # JUMPDEST
            pass
        elif op == 0x57:  # JUMPI
            target = pop()
            if pop():
                if target not in jump_targets:
                    raise InvalidJumpDestination("invalid jump destination")
                pc = target
                continue
        elif op == 0x56:  # JUMP
            target = pop()
            if target not in jump_targets:
                raise InvalidJumpDestination("invalid jump destination")
            pc = target
            continue
        elif op == 0x01:  # ADD
            left = pop()
            stack[-1] = (left + stack[-1]) & mask
        elif op == 0x52:  # MSTORE
            offset, value = pop(), pop()
            if offset + 32 > len(memory):
                gas = grow(memory, offset + 32, gas)
            memory[offset : offset + 32] = value.to_bytes(32, "big")
        elif op == 0x51:  # MLOAD
            offset = stack[-1]
            if offset + 32 > len(memory):
                gas = grow(memory, offset + 32, gas)
            stack[-1] = from_bytes(memory[offset : offset + 32], "big")
        elif op == 0x50:  # POP
            pop()
        elif op == 0x15:  # ISZERO
            stack[-1] = 0 if stack[-1] else 1
        elif op == 0x03:  # SUB
            left = pop()
            stack[-1] = (left - stack[-1]) & mask
        elif op == 0x16:  # AND
            left = pop()
            stack[-1] &= left
        elif op == 0x14:  # EQ
            left = pop()
            stack[-1] = 1 if left == stack[-1] else 0
        elif op == 0x10:  # LT
            left = pop()
            stack[-1] = 1 if left < stack[-1] else 0
        elif op == 0x11:  # GT
            left = pop()
            stack[-1] = 1 if left > stack[-1] else 0
        elif op == 0x1C:  # SHR
            shift = pop()
            stack[-1] = stack[-1] >> shift if shift < 256 else 0
        elif op == 0x1B:  # SHL
            shift = pop()
            stack[-1] = (stack[-1] << shift) & mask if shift < 256 else 0
        elif op == 0x5F:  # PUSH0
            push(0)
            if len(stack) > 1024:
                raise FullStack("stack limit reached 1024 (1023)")
        elif op == 0x02:  # MUL
            left = pop()
            stack[-1] = (left * stack[-1]) & mask
        elif op == 0x04:  # DIV
            left, right = pop(), stack[-1]
            stack[-1] = left // right if right else 0
        elif op == 0x06:  # MOD
            left, right = pop(), stack[-1]
            stack[-1] = left % right if right else 0
        elif op == 0x17:  # OR
            left = pop()
            stack[-1] |= left
        elif op == 0x18:  # XOR
            left = pop()
            stack[-1] ^= left
        elif op == 0x19:  # NOT
            stack[-1] ^= mask
        elif op == 0x5A:  # GAS
            push(gas)
            if len(stack) > 1024:
                raise FullStack("stack limit reached 1024 (1023)")
        elif op == 0x58:  # PC
            push(pc)
            if len(stack) > 1024:
                raise FullStack("stack limit reached 1024 (1023)")
        elif op == 0x00:  # STOP
            meter.gas_remaining = gas
            return
        elif op == 0xF3 or op == 0xFD:  # RETURN, REVERT
            offset, size = pop(), pop()
            if size and offset + size > len(memory):
                gas = grow(memory, offset + size, gas)
            computation.output = bytes(memory[offset : offset + size]) if size else b""
            meter.gas_remaining = gas
            if op == 0xFD:
                raise Revert(computation.output)
            return
        else:
            instruction = instructions[op]
            if instruction is not None:
                gas = instruction(computation, stack, gas)
                if len(stack) > 1024:
                    raise FullStack("stack limit reached 1024 (1023)")
            else:
                opcode = opcodes.get(op)
                if opcode is None:
                    raise InvalidInstruction(f"invalid opcode: {op:#x}")
                meter.gas_remaining = gas
                _run_stock(opcode, computation)
                gas = meter.gas_remaining
        pc += 1
