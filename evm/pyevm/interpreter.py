"""The interpreter loop: EVM code run to its end on plain ints.

What reads the program and what most traces are made of is written into the loop, where stack,
memory and gas are local variables; the rest are the functions of `instructions/`. Jumps are
counted, and where code is hot, Python made from it runs in the loop's place (`transpiler/`). Gas,
output, logs and state are those of py-evm's loop (tests/differential). What a frame *is* lies in
`computation.py`.
"""

from __future__ import annotations

from typing import Final

from eth.exceptions import (
    FullStack,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfGas,
)

from .frame import Frame
from .instructions import ENDINGS, INSTRUCTIONS, STATIC_GAS
from .memory import grow
from .program import without
from .transpiler.hot import HOT_CODES, HotCode

MASK: Final = 2**256 - 1
FULL_STACK: Final = "stack limit reached 1024 (1023)"


def run(frame: Frame, code: bytes, undefined: frozenset[int]) -> None:
    """Run code in a frame until it stops; leaves output, gas and return data on the frame.

    `undefined` are opcodes that the fork does not have. Raises py-evm's VMError where the frame
    ends in an exception or a revert.
    """
    codes = HOT_CODES.once if frame.msg.is_create else HOT_CODES.get
    hot = codes(code)
    if not undefined.isdisjoint(hot.program.opcodes):
        hot = codes(without(code, undefined))
    hot.frames += 1
    try:
        _drive(frame, hot)
    except IndexError:
        # Only the stack is indexed without a check: popping an empty list is the underflow test.
        raise InsufficientStack("stack underflow") from None


def _drive(frame: Frame, hot: HotCode) -> None:
    """Go from region to region, and through the interpreter where there is none."""
    stack, regions = frame.stack, hot.regions
    position: tuple[int, int] | None = (0, frame.gas_left)
    while position is not None:
        pc, gas = position
        if pc < 0:
            position = _loop(frame, hot, ~pc, gas)
            continue
        region = regions.get(pc) or hot.warm_up(pc)
        position = _loop(frame, hot, pc, gas) if region is None else region(frame, stack, gas)


# One function on purpose: its locals are the registers of the machine. The order of the tests
# follows how often opcodes occur.
def _loop(frame: Frame, hot: HotCode, pc: int, gas: int) -> tuple[int, int] | None:  # noqa: C901
    """Interpret from `pc` until the frame is over (None) or a hot place is jumped to."""
    program, heat, hot_visits = hot.program, hot.heat, hot.policy.visits
    code, pushes, jump_targets = program.code, program.pushes, program.jump_targets
    stack, memory = frame.stack, frame.memory
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
                    raise FullStack(FULL_STACK)
                continue
            if op < 0x90:  # DUP1..DUP16
                push(stack[0x7F - op])
                if len(stack) > 1024:
                    raise FullStack(FULL_STACK)
            else:  # SWAP1..SWAP16
                other = 0x8E - op
                stack[-1], stack[other] = stack[other], stack[-1]
        elif op == 0x5B:  # JUMPDEST
            pass
        elif op == 0x57 or op == 0x56:  # JUMPI, JUMP
            target = pop()
            if op == 0x56 or pop():
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
        elif op == 0x5A or op == 0x58 or op == 0x5F:  # GAS, PC, PUSH0
            push(gas if op == 0x5A else pc if op == 0x58 else 0)
            if len(stack) > 1024:
                raise FullStack(FULL_STACK)
        else:
            instruction = instructions[op]
            if instruction is None:
                _end(frame, op, gas)
                return None
            gas = instruction(frame, stack, gas)
            if len(stack) > 1024:
                raise FullStack(FULL_STACK)
        pc += 1


def _end(frame: Frame, op: int, gas: int) -> None:
    """Run an opcode behind which the frame is over. Raises InvalidInstruction for any other."""
    ending = ENDINGS[op]
    if ending is None:
        raise InvalidInstruction(f"invalid opcode: {op:#x}")
    ending(frame, frame.stack, gas)
