# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Run
@notice What the steps of phase `run` have in common: the opcode is found, its operands are taken,
        its gas is paid, its result is pushed; or the frame fails, or a load comes first.
@dev docs/protocol/one-step.md, "Phases". Openings in order: frame, way to the opcode's chunk, and
     what the opcode needs, operands first. The twin of evm/step/machine.py.
"""

import rollup.settlement.contracts.step.modules.Code as Code
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WordTree as WordTree

STACK_LIMIT: constant(uint256) = 1024
MAX_OPERANDS: constant(uint256) = 7
# Memory beyond these bytes cannot be paid with any gas there is.
MAX_MEMORY: constant(uint256) = 2**37
# Which opcodes there are from Cancun on, a bit each; CLZ came later.
CANCUN: constant(bytes32) = 0xa43f0000000000000000001fffffffffffffffffffff07ffffff00013fff0fff


struct Work:
    machine: State.Machine
    frame: State.Frame
    opcode: uint256
    # The 32 bytes of code that the opcode is among.
    chunk: uint256
    # Where the next preimage stands.
    cursor: uint256
    items: uint256[MAX_OPERANDS]
    hasFailed: bool
    # The machine is as the step leaves it; the frame is gone or untouched.
    isOver: bool


@internal
@view
def begin(mine: bytes32) -> Work:
    """
    @notice Open the innermost frame and the chunk of its opcode. Behind the code there is STOP,
            for which nothing is opened.
    @param mine The opcodes of the contract that asks, a bit each. Others that exist are refused.
    """
    work: Work = empty(Work)
    work.cursor = Tape.begin() + State.FRAME_ITEM
    work.machine = State.read()
    assert work.machine.phase == State.RUN, "Run: not a state of phase run"
    work.frame = State.openFrame(Tape.PROOF, work.machine.frame)
    if work.frame.pc < work.frame.codeLength:
        part: Code.Chunk = Code.chunk(
            work.cursor, work.frame.code, work.frame.codeLength, work.frame.pc >> 5
        )
        work.cursor = part.cursor
        work.chunk = part.data
        work.opcode = Code.byteAt(part.data, work.frame.pc & 31)
    assert (convert(mine, uint256) >> work.opcode) & 1 == 1, "Run: this opcode is another contract's"
    return work


@internal
@pure
def exists(opcode: uint256) -> bool:
    """
    @notice Whether Cancun defines the opcode.
    """
    return (convert(CANCUN, uint256) >> opcode) & 1 == 1


@internal
@pure
def afford(given: Work, pops: uint256, pushes: uint256, cost: uint256) -> Work:
    """
    @notice Pay what the opcode costs at least; the frame fails where the gas does not suffice, or
            the stack has too few items or too many.
    """
    work: Work = given
    work.hasFailed = (
        work.frame.size < pops
        or work.frame.size - pops + pushes > STACK_LIMIT
        or work.frame.gas < cost
    )
    if not work.hasFailed:
        work.frame.gas -= cost
    return work


@internal
@view
def pop(given: Work, count: uint256) -> Work:
    """
    @notice Pop operands, of which there are enough.
    """
    work: Work = given
    word: bytes32 = empty(bytes32)
    for i: uint256 in range(count, bound=MAX_OPERANDS):
        work.frame.stack, word = Tape.pair(work.cursor, work.frame.stack)
        work.items[i] = convert(word, uint256)
        work.cursor += Tape.PAIR
    work.frame.size -= count
    return work


@internal
@view
def take(given: Work, pops: uint256, pushes: uint256, cost: uint256) -> Work:
    """
    @notice Pay, then pop; where the frame fails, nothing is opened.
    """
    work: Work = self.afford(given, pops, pushes, cost)
    if not work.hasFailed:
        return self.pop(work, pops)
    return work


@internal
@pure
def charge(given: Work, amount: uint256) -> Work:
    """
    @notice Take gas; where there is not so much, the frame fails.
    """
    work: Work = given
    if amount > work.frame.gas:
        work.hasFailed = True
    else:
        work.frame.gas -= amount
    return work


@internal
@pure
def memoryCost(words: uint256) -> uint256:
    return 3 * words + ((words * words) >> 9)


@internal
@pure
def touch(given: Work, offset: uint256, size: uint256) -> Work:
    """
    @notice Extend memory for `size` bytes at `offset`, and pay; an empty range extends nothing.
    """
    if size == 0:
        return given
    work: Work = given
    if offset > MAX_MEMORY or size > MAX_MEMORY:
        work.hasFailed = True
        return work
    words: uint256 = (offset + size + 31) >> 5
    if words > work.frame.words:
        cost: uint256 = self.memoryCost(words) - self.memoryCost(work.frame.words)
        if cost > work.frame.gas:
            work.hasFailed = True
            return work
        work.frame.gas -= cost
        work.frame.memory = WordTree.grown(work.frame.memory, work.frame.words, words)
        work.frame.words = words
    return work


@internal
@pure
def push(frame: State.Frame, item: uint256) -> State.Frame:
    """
    @notice The frame with one more word, behind the opcode that has made it.
    """
    pushed: State.Frame = frame
    pushed.stack = keccak256(concat(pushed.stack, convert(item, bytes32)))
    pushed.size += 1
    pushed.pc += 1
    return pushed


@internal
@pure
def end(given: Work, ending: uint256, remaining: uint256) -> Work:
    """
    @notice End the innermost frame without output: it is gone, phase leave.
    """
    work: Work = given
    work.isOver = True
    work.machine.phase = State.LEAVE
    work.machine.pending = Pending.nameOutcome(
        Pending.Outcome(
            ending=ending,
            gas=remaining,
            output=empty(bytes32),
            outputLength=0,
            call=work.frame.call,
        )
    )
    work.machine.frame = empty(bytes32)
    return work


@internal
@pure
def copyToMemory(
    given: Work,
    kind: uint256,
    source: bytes32,
    length: uint256,
    offset: uint256,
    target: uint256,
    size: uint256,
) -> Work:
    """
    @notice Copy into memory, which is large enough, in phase copy; the frame then runs on.
    """
    if size == 0:
        return given
    work: Work = given
    work.machine.phase = State.COPY
    work.machine.pending = Pending.nameCopy(
        Pending.Copy(
            then=Pending.THEN_MEMORY,
            sourceKind=kind,
            source=source,
            sourceLength=length,
            sourceOffset=min(offset, length),
            target=work.frame.memory,
            targetLength=work.frame.words << 5,
            targetOffset=target,
            left=size,
            next=empty(bytes32),
        )
    )
    return work


@internal
@pure
def copyFromMemory(
    given: Work, then: uint256, offset: uint256, size: uint256, following: bytes32
) -> Work:
    """
    @notice Copy a piece of memory, not an empty one, into a data of its own, in phase copy.
    """
    work: Work = given
    work.machine.phase = State.COPY
    work.machine.pending = Pending.nameCopy(
        Pending.Copy(
            then=then,
            sourceKind=Pending.WORDS,
            source=work.frame.memory,
            sourceLength=work.frame.words << 5,
            sourceOffset=offset,
            target=WordTree.zeros(Tape.depth((size + 31) >> 5)),
            targetLength=size,
            targetOffset=0,
            left=size,
            next=following,
        )
    )
    return work


@internal
@pure
def endWith(given: Work, ending: uint256, offset: uint256, size: uint256) -> Work:
    """
    @notice End the innermost frame with a piece of its memory as output.
    """
    if size == 0:
        return self.end(given, ending, given.frame.gas)
    outcome: bytes32 = Pending.nameOutcome(
        Pending.Outcome(
            ending=ending,
            gas=given.frame.gas,
            output=empty(bytes32),
            outputLength=size,
            call=given.frame.call,
        )
    )
    work: Work = self.copyFromMemory(given, Pending.THEN_OUTPUT, offset, size, outcome)
    work.isOver = True
    work.machine.frame = empty(bytes32)
    return work


@internal
@view
def load(given: Work, kind: uint256, target: uint256, key: uint256) -> Work:
    """
    @notice Go and get what the world map lacks; nothing else changes.
    """
    work: Work = given
    work.isOver = True
    work.machine = State.read()
    work.machine.pending = Pending.nameLoad(
        Pending.Load(
            kind=kind,
            target=target,
            key=key,
            backPhase=work.machine.phase,
            backPending=work.machine.pending,
        )
    )
    work.machine.phase = State.LOAD
    return work


@internal
@view
def finish(given: Work) -> bytes32:
    """
    @notice The commitment after the step; a frame that has failed leaves the effects from before.
    """
    work: Work = given
    if work.hasFailed:
        work.machine.effects = State.read().effects
        work = self.end(work, Pending.FAILED, 0)
    elif not work.isOver:
        work.machine.frame = State.nameFrame(work.frame)
    Tape.finish(work.cursor)
    return State.commitment(work.machine)
