"""The interpreter loop: EVM code run to its end on plain ints, py-evm for the rare opcodes.

Opcodes that make up most of any trace are written into the loop, where the stack, the memory and
the gas are local variables. Less common ones are functions of their own (`instructions.py`). Calls,
creations and account queries go to py-evm's own opcode objects. Jumps are counted, and where code
is hot, Python made from it runs in the loop's place (`transpiler/`). Gas, output, logs and state
are those of py-evm's loop (tests/differential). What a frame *is* lies in `computation.py`.
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

from .costs import STATIC_GAS
from .instructions import INSTRUCTIONS
from .memory import grow
from .transpiler.hot import HOT_CODES, HotCode

if TYPE_CHECKING:
    from .computation import Computation

MASK: Final = 2**256 - 1


def run(computation: Computation, code: bytes) -> None:
    """Run code in a frame until it stops; leaves output, gas and return data on the frame.

    Raises py-evm's VMError where the frame ends in an exception or a revert.
    """
    hot = HOT_CODES.once(code) if computation.msg.is_create else HOT_CODES.get(code)
    hot.frames += 1
    try:
        _drive(computation, hot)
    except IndexError:
        # Only the stack is indexed without a check: popping an empty list is the underflow test.
        raise InsufficientStack("stack underflow") from None


def _drive(computation: Computation, hot: HotCode) -> None:
    """Go from region to region, and through the interpreter where there is none."""
    stack, regions = computation.stack, hot.regions
    position: tuple[int, int] | None = (0, computation.meter.gas_remaining)
    while position is not None:
        pc, gas = position
        if pc < 0:
            position = _loop(computation, hot, ~pc, gas)
            continue
        region = regions.get(pc) or hot.warm_up(pc)
        if region is None:
            position = _loop(computation, hot, pc, gas)
        else:
            position = region(computation, stack, gas)


def _run_stock(opcode: Callable[[Computation], None], computation: Computation) -> None:
    """Run one of py-evm's opcodes; an IndexError from in there is a bug, not a stack underflow."""
    try:
        opcode(computation)
    except IndexError as error:
        raise RuntimeError(f"opcode {opcode!r} at depth {computation.msg.depth}") from error


# One function on purpose: its locals are the registers of the machine, and a call per opcode would
# cost more than the opcode. The order of the tests follows how often opcodes occur.
def _loop(  # noqa: C901
    computation: Computation, hot: HotCode, pc: int, gas: int
) -> tuple[int, int] | None:
    """Interpret from `pc` until the frame is over (None) or a hot place is jumped to."""
    program, heat, hot_visits = hot.program, hot.heat, hot.policy.visits
    code, pushes, jump_targets = program.code, program.pushes, program.jump_targets
    stack = computation.stack
    memory = computation.memory
    meter = computation.meter
    opcodes = computation.opcodes
    push, pop = stack.append, stack.pop
    static_gas, instructions, from_bytes, mask = STATIC_GAS, INSTRUCTIONS, int.from_bytes, MASK
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
                visits = heat.get(target, 0) + 1
                if visits >= hot_visits:
                    return target, gas
                heat[target] = visits
                pc = target
                continue
        elif op == 0x56:  # JUMP
            target = pop()
            if target not in jump_targets:
                raise InvalidJumpDestination("invalid jump destination")
            visits = heat.get(target, 0) + 1
            if visits >= hot_visits:
                return target, gas
            heat[target] = visits
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
            return None
        elif op == 0xF3 or op == 0xFD:  # RETURN, REVERT
            offset, size = pop(), pop()
            if size and offset + size > len(memory):
                gas = grow(memory, offset + size, gas)
            computation.output = bytes(memory[offset : offset + size]) if size else b""
            meter.gas_remaining = gas
            if op == 0xFD:
                raise Revert(computation.output)
            return None
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
