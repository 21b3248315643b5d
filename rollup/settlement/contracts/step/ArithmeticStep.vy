# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ArithmeticStep
@notice Steps of opcodes that know nothing but the stack, the code and the frame's own numbers:
        arithmetic, comparison, bits, PUSH, DUP, SWAP, POP, jumps, PC, GAS, MSIZE, CODESIZE,
        RETURNDATASIZE; and of those that do not exist.
@dev Yellow Paper, appendix H; EIP-145, EIP-3855, EIP-7939.
"""

import rollup.settlement.contracts.step.modules.Code as Code
import rollup.settlement.contracts.step.modules.Run as Run
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_WITNESS: constant(uint256) = 4096


@internal
@pure
def _signed(word: uint256) -> int256:
    return convert(convert(word, bytes32), int256)


@internal
@pure
def _unsigned(word: int256) -> uint256:
    return convert(convert(word, bytes32), uint256)


@internal
@pure
def _unary(opcode: uint256, a: uint256) -> uint256:
    if opcode == 21:  # ISZERO
        return convert(a == 0, uint256)
    if opcode == 25:  # NOT
        return ~a
    # CLZ
    if a == 0:
        return 256
    zeros: uint256 = 0
    word: uint256 = a
    for step: uint256 in [128, 64, 32, 16, 8, 4, 2, 1]:
        if word >> (256 - step) == 0:
            zeros += step
            word = word << step
    return zeros


@internal
@pure
def _signExtend(size: uint256, word: uint256) -> uint256:
    if size > 30:
        return word
    unused: uint256 = 248 - 8 * size
    return self._unsigned(self._signed(word << unused) >> unused)


@internal
@pure
def _arithmetic(opcode: uint256, a: uint256, b: uint256) -> uint256:
    if opcode == 1:  # ADD
        return unsafe_add(a, b)
    if opcode == 2:  # MUL
        return unsafe_mul(a, b)
    if opcode == 3:  # SUB
        return unsafe_sub(a, b)
    if opcode == 10:  # EXP
        return pow_mod256(a, b)
    if opcode == 11:  # SIGNEXTEND
        return self._signExtend(a, b)
    if b == 0:
        return 0
    if opcode == 4:  # DIV
        return a // b
    if opcode == 6:  # MOD
        return a % b
    if opcode == 5:  # SDIV
        return self._unsigned(unsafe_div(self._signed(a), self._signed(b)))
    # SMOD
    return self._unsigned(self._signed(a) % self._signed(b))


@internal
@pure
def _bits(opcode: uint256, a: uint256, b: uint256) -> uint256:
    if opcode == 16:  # LT
        return convert(a < b, uint256)
    if opcode == 17:  # GT
        return convert(a > b, uint256)
    if opcode == 18:  # SLT
        return convert(self._signed(a) < self._signed(b), uint256)
    if opcode == 19:  # SGT
        return convert(self._signed(a) > self._signed(b), uint256)
    if opcode == 20:  # EQ
        return convert(a == b, uint256)
    if opcode == 22:  # AND
        return a & b
    if opcode == 23:  # OR
        return a | b
    if opcode == 24:  # XOR
        return a ^ b
    if opcode == 26:  # BYTE
        return (b >> (248 - 8 * a)) & 255 if a < 32 else 0
    if opcode == 27:  # SHL
        return b << a
    if opcode == 28:  # SHR
        return b >> a
    # SAR
    return self._unsigned(self._signed(b) >> a)


@internal
@pure
def _modular(opcode: uint256, a: uint256, b: uint256, c: uint256) -> uint256:
    if c == 0:
        return 0
    if opcode == 8:
        return uint256_addmod(a, b, c)
    return uint256_mulmod(a, b, c)


@internal
@pure
def _cost(opcode: uint256) -> (uint256, uint256):
    """
    @notice Gas before what depends on operands, and how many items are popped.
    """
    if opcode >= 96:  # PUSH, DUP, SWAP
        return 3, 0
    if opcode >= 16 and opcode <= 30:  # comparison and bits; ISZERO and NOT; CLZ
        if opcode == 30:
            return 5, 1
        return 3, 1 if opcode == 21 or opcode == 25 else 2
    if opcode >= 1 and opcode <= 11:
        if opcode == 1 or opcode == 3:  # ADD, SUB
            return 3, 2
        if opcode == 8 or opcode == 9:  # ADDMOD, MULMOD
            return 8, 3
        return 10 if opcode == 10 else 5, 2
    if opcode == 80:  # POP
        return 2, 1
    if opcode == 86:  # JUMP
        return 8, 1
    if opcode == 87:  # JUMPI
        return 10, 2
    if opcode == 91:  # JUMPDEST
        return 1, 0
    return 2, 0


@internal
@view
def _duplicated(cursor: uint256, stack: bytes32, count: uint256) -> uint256:
    # The item at a depth, counted from 1; `count` nodes are opened.
    rest: bytes32 = stack
    item: bytes32 = empty(bytes32)
    at: uint256 = cursor
    for _: uint256 in range(count, bound=16):
        rest, item = Tape.pair(at, rest)
        at += Tape.PAIR
    return convert(item, uint256)


@internal
@view
def _swapped(cursor: uint256, stack: bytes32, count: uint256) -> bytes32:
    # The stack whose top and item at depth count + 1 have changed places.
    rest: bytes32 = stack
    items: bytes32[17] = empty(bytes32[17])
    at: uint256 = cursor
    for i: uint256 in range(count + 1, bound=17):
        rest, items[i] = Tape.pair(at, rest)
        at += Tape.PAIR
    rest = keccak256(concat(rest, items[0]))
    for i: uint256 in range(count - 1, bound=16):
        rest = keccak256(concat(rest, items[count - 1 - i]))
    return keccak256(concat(rest, items[count]))


@internal
@view
def _pushed(start: Run.Start, pc: uint256, root: bytes32, length: uint256) -> (uint256, uint256):
    """
    @notice The data of a PUSH, and the cursor after what had to be opened for it.
    @dev Code goes on with zeros behind its end.
    """
    count: uint256 = start.opcode - 95
    if count == 0:
        return 0, start.part.cursor
    first: uint256 = (pc & 31) + 1
    data: uint256 = start.part.data << (8 * first)
    cursor: uint256 = start.part.cursor
    if first + count > 32 and ((pc >> 5) + 1) * 32 < length:
        following: Code.Chunk = Code.chunk(cursor, root, length, (pc >> 5) + 1)
        data |= following.data >> (8 * (32 - first))
        cursor = following.cursor
    return data >> (8 * (32 - count)), cursor


@internal
@view
def _landing(cursor: uint256, target: uint256, root: bytes32, length: uint256) -> (bool, uint256):
    # Whether a jump may go there, and the cursor after the target's chunk.
    if target >= length:
        return False, cursor
    part: Code.Chunk = Code.chunk(cursor, root, length, target >> 5)
    offset: uint256 = target & 31
    if Code.byteAt(part.data, offset) != Code.JUMPDEST:
        return False, part.cursor
    return Code.isStart(part, offset), part.cursor


@internal
@view
def _run(
    machine: State.Machine, given: State.Frame, start: Run.Start
) -> (State.Frame, uint256, bool):
    """
    @notice The frame after the opcode, the cursor, and whether the frame has failed.
    """
    frame: State.Frame = given
    opcode: uint256 = start.opcode
    cost: uint256 = 0
    pops: uint256 = 0
    cost, pops = self._cost(opcode)
    pushes: uint256 = 0 if opcode == 80 or opcode == 86 or opcode == 87 or opcode == 91 else 1
    needed: uint256 = pops
    if opcode >= 144:
        needed = opcode - 142
        pushes = 0
    elif opcode >= 128:
        needed = opcode - 127
    cursor: uint256 = start.part.cursor
    if frame.size < needed or frame.size - pops + pushes > Run.STACK_LIMIT or frame.gas < cost:
        return frame, cursor, True
    items: uint256[3] = empty(uint256[3])
    word: bytes32 = empty(bytes32)
    for i: uint256 in range(pops, bound=3):
        frame.stack, word = Tape.pair(cursor, frame.stack)
        items[i] = convert(word, uint256)
        cursor += Tape.PAIR
    frame.size -= pops
    result: uint256 = 0
    frame.pc += 1
    if opcode >= 144:
        frame.stack = self._swapped(cursor, frame.stack, opcode - 143)
        cursor += Tape.PAIR * needed
    elif opcode >= 128:
        result = self._duplicated(cursor, frame.stack, needed)
        cursor += Tape.PAIR * needed
    elif opcode >= 95:
        result, cursor = self._pushed(start, given.pc, frame.code, frame.codeLength)
        frame.pc += opcode - 95
    elif opcode == 86 or opcode == 87:
        if opcode == 86 or items[1] != 0:
            allowed: bool = False
            allowed, cursor = self._landing(cursor, items[0], frame.code, frame.codeLength)
            if not allowed:
                return frame, cursor, True
            frame.pc = items[0]
    elif opcode == 88:
        result = given.pc
    elif opcode == 89:
        result = 32 * frame.words
    elif opcode == 90:
        result = frame.gas - cost
    elif opcode == 56:
        result = frame.codeLength
    elif opcode == 61:
        result = frame.returnedLength
    elif pops == 3:
        result = self._modular(opcode, items[0], items[1], items[2])
    elif opcode == 10:
        cost += 50 * self._bytes(items[1])
        if frame.gas < cost:
            return frame, cursor, True
        result = pow_mod256(items[0], items[1])
    elif opcode < 12:
        result = self._arithmetic(opcode, items[0], items[1])
    elif opcode < 31:
        if pops == 1:
            result = self._unary(opcode, items[0])
        else:
            result = self._bits(opcode, items[0], items[1])
    frame.gas -= cost
    if pushes == 1:
        frame.stack = Run.push(frame.stack, result)
        frame.size += 1
    return frame, cursor, False


@internal
@pure
def _bytes(word: uint256) -> uint256:
    # How many bytes a number takes.
    count: uint256 = 0
    for _: uint256 in range(32):
        if word >> (8 * count) == 0:
            break
        count += 1
    return count


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    machine: State.Machine = State.read()
    frame: State.Frame = Run.begin(machine)
    start: Run.Start = Run.fetch(frame.pc, frame.code, frame.codeLength)
    cursor: uint256 = 0
    hasFailed: bool = False
    frame, cursor, hasFailed = self._run(machine, frame, start)
    Tape.finish(cursor)
    machine.frame = State.nameFrame(frame)
    return State.commitment(machine, State.GOES_ON)
