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
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.Run as Run
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_WITNESS: constant(uint256) = 4096


# The opcodes that this contract decides, a bit each; those that do not exist are among them.
MINE: constant(bytes32) = 0x5bc0ffffffffffffffffffe0ffffffffffffffff8fc1f8002100fffeffffffff


rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _exists(opcode: uint256) -> bool:
    return Run.exists(opcode) or (opcode == 30 and rules & Rules.HAS_CLZ != 0)


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
def _cost(opcode: uint256) -> (uint256, uint256, uint256):
    """
    @notice Gas before what depends on operands, how many items are popped and pushed.
    """
    if opcode >= 95:  # PUSH, DUP, SWAP
        return 2 if opcode == 95 else 3, 0, 1 if opcode < 144 else 0
    if opcode >= 16 and opcode <= 30:  # comparison and bits; ISZERO and NOT; CLZ
        if opcode == 30:
            return 5, 1, 1
        return 3, 1 if opcode == 21 or opcode == 25 else 2, 1
    if opcode >= 1 and opcode <= 11:
        if opcode == 1 or opcode == 3:  # ADD, SUB
            return 3, 2, 1
        if opcode == 8 or opcode == 9:  # ADDMOD, MULMOD
            return 8, 3, 1
        return 10 if opcode == 10 else 5, 2, 1
    if opcode == 80:  # POP
        return 2, 1, 0
    if opcode == 86:  # JUMP
        return 8, 1, 0
    if opcode == 87:  # JUMPI
        return 10, 2, 0
    if opcode == 91:  # JUMPDEST
        return 1, 0, 0
    return 2, 0, 1


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
def _immediate(given: Run.Work) -> (uint256, uint256):
    """
    @notice The bytes behind a PUSH, and the cursor after the next chunk where they reach into it.
    @dev Code goes on with zeros behind its end.
    """
    frame: State.Frame = given.frame
    count: uint256 = given.opcode - 95
    if count == 0:
        return 0, given.cursor
    index: uint256 = frame.pc >> 5
    first: uint256 = (frame.pc & 31) + 1
    data: uint256 = given.chunk << (8 * first)
    cursor: uint256 = given.cursor
    if first + count > 32 and (index + 1) * 32 < frame.codeLength:
        following: Code.Chunk = Code.chunk(cursor, frame.code, frame.codeLength, index + 1)
        data |= following.data >> (8 * (32 - first))
        cursor = following.cursor
    return data >> (8 * (32 - count)), cursor


@internal
@view
def _jump(given: Run.Work, target: uint256) -> Run.Work:
    """
    @notice Go on at the target, which has to be a JUMPDEST and no data of a PUSH.
    """
    work: Run.Work = given
    work.hasFailed = True
    if target < work.frame.codeLength:
        part: Code.Chunk = Code.chunk(
            work.cursor, work.frame.code, work.frame.codeLength, target >> 5
        )
        work.cursor = part.cursor
        work.frame.pc = target
        work.hasFailed = not Code.isTarget(part, target & 31)
    return work


@internal
@view
def _flow(given: Run.Work) -> Run.Work:
    # What has no result or finds it elsewhere than in its operands.
    work: Run.Work = given
    opcode: uint256 = work.opcode
    if opcode >= 144:  # SWAP
        work.frame.stack = self._swapped(work.cursor, work.frame.stack, opcode - 143)
        work.cursor += Tape.PAIR * (opcode - 142)
        work.frame.pc += 1
    elif opcode == 86 or opcode == 87:  # JUMP, JUMPI
        if opcode == 86 or work.items[1] != 0:
            return self._jump(work, work.items[0])
        work.frame.pc += 1
    elif opcode == 80 or opcode == 91:  # POP, JUMPDEST
        work.frame.pc += 1
    elif opcode >= 128:  # DUP
        item: uint256 = self._duplicated(work.cursor, work.frame.stack, opcode - 127)
        work.cursor += Tape.PAIR * (opcode - 127)
        work.frame = Run.push(work.frame, item)
    elif opcode >= 95:  # PUSH
        item: uint256 = 0
        item, work.cursor = self._immediate(work)
        work.frame = Run.push(work.frame, item)
        work.frame.pc += opcode - 95
    elif opcode == 88:  # PC
        work.frame = Run.push(work.frame, work.frame.pc)
    elif opcode == 89:  # MSIZE
        work.frame = Run.push(work.frame, 32 * work.frame.words)
    elif opcode == 90:  # GAS
        work.frame = Run.push(work.frame, work.frame.gas)
    elif opcode == 56:  # CODESIZE
        work.frame = Run.push(work.frame, work.frame.codeLength)
    else:  # RETURNDATASIZE
        work.frame = Run.push(work.frame, work.frame.returnedLength)
    return work


@internal
@pure
def _operate(given: Run.Work, pops: uint256) -> Run.Work:
    # What makes one word of its operands.
    work: Run.Work = given
    opcode: uint256 = work.opcode
    result: uint256 = 0
    if pops == 3:
        result = self._modular(opcode, work.items[0], work.items[1], work.items[2])
    elif pops == 1:
        result = self._unary(opcode, work.items[0])
    elif opcode < 12:
        if opcode == 10:
            work = Run.charge(work, 50 * self._bytes(work.items[1]))
            if work.hasFailed:
                return work
        result = self._arithmetic(opcode, work.items[0], work.items[1])
    else:
        result = self._bits(opcode, work.items[0], work.items[1])
    work.frame = Run.push(work.frame, result)
    return work


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
    work: Run.Work = Run.begin(MINE)
    if work.opcode == 0:
        return Run.finish(Run.end(work, Pending.SUCCEEDED, work.frame.gas))
    if not self._exists(work.opcode):
        work.hasFailed = True
        return Run.finish(work)
    cost: uint256 = 0
    pops: uint256 = 0
    pushes: uint256 = 0
    cost, pops, pushes = self._cost(work.opcode)
    if work.opcode >= 128:
        # DUP and SWAP look deeper than what they take.
        work.hasFailed = work.frame.size < work.opcode - (127 if work.opcode < 144 else 142)
        if work.hasFailed:
            return Run.finish(work)
    work = Run.take(work, pops, pushes, cost)
    if not work.hasFailed:
        if pops > 0 and work.opcode < 31:
            work = self._operate(work, pops)
        else:
            work = self._flow(work)
    return Run.finish(work)
