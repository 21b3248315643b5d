# pragma version 0.4.3
# pragma evm-version cancun
"""
@title CopyStep
@notice Steps of phase `copy`: one window of bytes from a data, a memory or a code into a data or a
        memory; behind the last, the frame runs on, is left, or a message is entered or a log made.
@dev The twin of evm/step/copying.py.
"""

import rollup.settlement.contracts.step.modules.Code as Code
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WordTree as WordTree

MAX_WITNESS: constant(uint256) = 8192
WINDOW: constant(uint256) = WordTree.WINDOW_BYTES


@internal
@view
def _codeWindow(cursor: uint256, tree: bytes32, length: uint256, index: uint256) -> WordTree.Window:
    """
    @notice 1,024 bytes of a code from window `index` on, or as many as there are chunks for. The
            chunks stand in one item.
    """
    chunks: uint256 = (length + 31) >> 5
    depth: uint256 = Tape.depth(chunks)
    over: uint256 = WordTree.above(depth)
    count: uint256 = min(chunks - 32 * index, WordTree.WINDOW_WORDS)
    at: uint256 = cursor + over * Tape.PAIR
    Tape.expect(Tape.size(at) == Code.LEAF_SIZE * count)
    at += 3
    leaves: bytes32[32] = empty(bytes32[32])
    words: bytes32[32] = empty(bytes32[32])
    for i: uint256 in range(count, bound=32):
        leaf: Bytes[Code.LEAF_SIZE] = slice(msg.data, at, Code.LEAF_SIZE)
        leaves[i] = keccak256(leaf)
        words[i] = extract32(leaf, 1)
        at += Code.LEAF_SIZE
    Tape.expect(
        WordTree.rootOf(leaves, depth - over) == Tape.descend(cursor, tree, over, index)
    )
    return WordTree.Window(data=slice(abi_encode(words), 0, 32 * count), cursor=at)


@internal
@view
def _read(cursor: uint256, copy: Pending.Copy) -> WordTree.Window:
    """
    @notice The next bytes of the source; past its length there are zeros, and nothing is opened.
    """
    size: uint256 = min(copy.left, WINDOW - copy.targetOffset % WINDOW)
    nothing: bytes32[32] = empty(bytes32[32])
    zeros: Bytes[WINDOW] = abi_encode(nothing)
    if copy.sourceOffset >= copy.sourceLength:
        return WordTree.Window(data=slice(zeros, 0, size), cursor=cursor)
    index: uint256 = copy.sourceOffset // WINDOW
    start: uint256 = copy.sourceOffset % WINDOW
    size = min(size, WINDOW - start)
    read: WordTree.Window = empty(WordTree.Window)
    if copy.sourceKind == Pending.CODE:
        read = self._codeWindow(cursor, copy.source, copy.sourceLength, index)
    else:
        depth: uint256 = Tape.depth((copy.sourceLength + 31) >> 5)
        read = WordTree.window(cursor, copy.source, depth, index)
    padded: Bytes[2 * WINDOW] = concat(read.data, zeros)
    return WordTree.Window(data=convert(slice(padded, start, size), Bytes[WINDOW]), cursor=read.cursor)


@internal
@view
def _finish(
    given: State.Machine, copy: Pending.Copy, target: bytes32, at: uint256
) -> (State.Machine, uint256):
    """
    @notice Go on with what has been copied; the machine, and the cursor after what was opened.
    """
    machine: State.Machine = given
    machine.pending = empty(bytes32)
    if copy.then == Pending.THEN_MEMORY:
        frame: State.Frame = State.openFrame(at, machine.frame)
        frame.memory = target
        machine.frame = State.nameFrame(frame)
        machine.phase = State.RUN
        return machine, at + State.FRAME_ITEM
    if copy.then == Pending.THEN_MESSAGE:
        message: Pending.Message = Pending.openMessage(at, copy.next)
        message.calldata = target
        machine.pending = Pending.nameMessage(message)
        machine.phase = State.ENTER
        return machine, at + Pending.MESSAGE_ITEM
    if copy.then == Pending.THEN_OUTPUT:
        outcome: Pending.Outcome = Pending.openOutcome(at, copy.next)
        outcome.output = target
        machine.pending = Pending.nameOutcome(outcome)
        machine.phase = State.LEAVE
        return machine, at + Pending.OUTCOME_ITEM
    item: Pending.LogItem = Pending.openLogItem(at, copy.next)
    item.data = target
    cursor: uint256 = at + Pending.LOG_ITEM_ITEM
    effects: State.Effects = State.openEffects(cursor, machine.effects)
    effects.logs = keccak256(concat(effects.logs, Pending.nameLogItem(item)))
    machine.effects = State.nameEffects(effects)
    machine.phase = State.RUN
    return machine, cursor + State.EFFECTS_ITEM


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.COPY, "CopyStep: not a state of phase copy"
    copy: Pending.Copy = Pending.openCopy(cursor, machine.pending)
    read: WordTree.Window = self._read(cursor + Pending.COPY_ITEM, copy)
    size: uint256 = len(read.data)
    depth: uint256 = Tape.depth((copy.targetLength + 31) >> 5)
    index: uint256 = copy.targetOffset // WINDOW
    at: uint256 = copy.targetOffset % WINDOW
    old: WordTree.Window = WordTree.window(read.cursor, copy.target, depth, index)
    after: uint256 = len(old.data) - at - size
    new: Bytes[3 * WINDOW] = concat(
        slice(old.data, 0, at), read.data, slice(old.data, at + size, after)
    )
    target: bytes32 = WordTree.written(
        read.cursor, depth, index, convert(slice(new, 0, len(old.data)), Bytes[WINDOW])
    )
    cursor = old.cursor
    if copy.left > size:
        copy.sourceOffset = min(copy.sourceOffset + size, copy.sourceLength)
        copy.target = target
        copy.targetOffset += size
        copy.left -= size
        machine.pending = Pending.nameCopy(copy)
    else:
        machine, cursor = self._finish(machine, copy, target, cursor)
    Tape.finish(cursor)
    return State.commitment(machine)
