# pragma version 0.4.3
# pragma evm-version cancun
"""
@title MemoryStep
@notice Steps of opcodes that read, write, hash, log or give back memory. Long work only begins
        here: a copy goes on in phase copy, a long hash in phase hash.
@dev The twin of evm/step/instructions/memory.py, keccak.py, log.py and of the copies and endings.
"""

import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Run as Run
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WordTree as WordTree

MAX_WITNESS: constant(uint256) = 8192
MINE: constant(bytes32) = 0x20080000000000000000001f0000000000000000400e00004280000100000000
VERY_LOW: constant(uint256) = 3
KECCAK256: constant(uint256) = 30
KECCAK256_WORD: constant(uint256) = 6
COPY_WORD: constant(uint256) = 3
FRESH_SPONGE: constant(bytes32) = keccak256(x"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000")
LOG: constant(uint256) = 375
LOG_TOPIC: constant(uint256) = 375
LOG_BYTE: constant(uint256) = 8


@internal
@view
def _load(given: Run.Work) -> Run.Work:
    """
    @notice MLOAD: the word at an offset, out of one word of memory or two.
    """
    work: Run.Work = Run.touch(given, given.items[0], 32)
    if work.hasFailed:
        return work
    tree: bytes32 = work.frame.memory
    depth: uint256 = Tape.depth(work.frame.words)
    index: uint256 = work.items[0] >> 5
    bits: uint256 = 8 * (work.items[0] & 31)
    word: uint256 = convert(Tape.descend(work.cursor, tree, depth, index), uint256) << bits
    work.cursor += depth * Tape.PAIR
    if bits > 0:
        second: bytes32 = Tape.descend(work.cursor, tree, depth, index + 1)
        word |= convert(second, uint256) >> (256 - bits)
        work.cursor += depth * Tape.PAIR
    work.frame = Run.push(work.frame, word)
    return work


@internal
@view
def _change(given: Run.Work, index: uint256, mask: uint256, word: uint256) -> Run.Work:
    # One word of memory: the bits of the mask become those of `word`.
    work: Run.Work = given
    tree: bytes32 = work.frame.memory
    depth: uint256 = Tape.depth(work.frame.words)
    old: uint256 = convert(Tape.descend(work.cursor, tree, depth, index), uint256)
    changed: bytes32 = convert((old & ~mask) | (word & mask), bytes32)
    work.frame.memory = Tape.ascend(work.cursor, depth, index, changed)
    work.cursor += depth * Tape.PAIR
    return work


@internal
@view
def _store(given: Run.Work) -> Run.Work:
    """
    @notice MSTORE and MSTORE8: into one word of memory or two.
    """
    size: uint256 = 32 if given.opcode == 82 else 1
    work: Run.Work = Run.touch(given, given.items[0], size)
    if work.hasFailed:
        return work
    index: uint256 = work.items[0] >> 5
    bits: uint256 = 8 * (work.items[0] & 31)
    word: uint256 = work.items[1]
    if size == 1:
        word = (word & 255) << (248 - bits)
        work = self._change(work, index, 255 << (248 - bits), word)
    else:
        work = self._change(work, index, max_value(uint256) >> bits, word >> bits)
        if bits > 0:
            mask: uint256 = max_value(uint256) << (256 - bits)
            work = self._change(work, index + 1, mask, word << (256 - bits))
    work.frame.pc += 1
    return work


@internal
@view
def _copy(given: Run.Work) -> Run.Work:
    """
    @notice CALLDATACOPY, CODECOPY, RETURNDATACOPY, MCOPY: memory grows, phase copy does the rest.
    """
    work: Run.Work = Run.pop(given, 3)
    target: uint256 = work.items[0]
    offset: uint256 = work.items[1]
    size: uint256 = work.items[2]
    kind: uint256 = Pending.WORDS
    source: bytes32 = work.frame.returned
    length: uint256 = work.frame.returnedLength
    if work.opcode == 55:  # CALLDATACOPY
        call: State.Call = State.openCall(work.cursor, work.frame.call)
        work.cursor += State.CALL_ITEM
        source = call.calldata
        length = call.calldataLength
    elif work.opcode == 57:  # CODECOPY
        kind = Pending.CODE
        source = work.frame.code
        length = work.frame.codeLength
    elif work.opcode == 62:  # RETURNDATACOPY
        if offset > length or size > length or offset + size > length:
            work.hasFailed = True
            return work
    if work.opcode == 94:  # MCOPY
        work = Run.touch(work, max(target, offset), size)
        source = work.frame.memory
        length = work.frame.words << 5
    else:
        work = Run.touch(work, target, size)
    if not work.hasFailed:
        work = Run.charge(work, COPY_WORD * ((size + 31) >> 5) if size > 0 else 0)
    if work.hasFailed:
        return work
    work.frame.pc += 1
    return Run.copyToMemory(work, kind, source, length, offset, target, size)


@internal
@view
def _hash(given: Run.Work) -> Run.Work:
    """
    @notice KECCAK256 of at most 1,024 bytes, in one window of memory or two.
    """
    offset: uint256 = given.items[0]
    size: uint256 = given.items[1]
    work: Run.Work = Run.touch(given, offset, size)
    if not work.hasFailed and size > 0:
        work = Run.charge(work, KECCAK256_WORD * ((size + 31) >> 5))
    if work.hasFailed:
        return work
    if size > WordTree.WINDOW_BYTES:
        return self._beginHashing(work, offset, size)
    digest: bytes32 = keccak256(b"")
    if size > 0:
        depth: uint256 = Tape.depth(work.frame.words)
        read: WordTree.Window = WordTree.piece(
            work.cursor, work.frame.memory, depth, offset, size
        )
        work.cursor = read.cursor
        digest = keccak256(read.data)
    work.frame = Run.push(work.frame, convert(digest, uint256))
    return work


@internal
@pure
def _beginHashing(given: Run.Work, offset: uint256, size: uint256) -> Run.Work:
    # The sponge of a long hash begins empty; phase hash absorbs.
    work: Run.Work = given
    work.frame.pc += 1
    work.machine.phase = State.HASH
    work.machine.pending = Pending.nameHashing(
        Pending.Hashing(
            source=work.frame.memory,
            sourceLength=work.frame.words << 5,
            offset=offset,
            left=size,
            sponge=FRESH_SPONGE,
        )
    )
    return work


@internal
@view
def _log(given: Run.Work) -> Run.Work:
    """
    @notice LOG0 to LOG4: the data is copied in phase copy; without data, the log is made at once.
    """
    work: Run.Work = given
    call: State.Call = State.openCall(work.cursor, work.frame.call)
    work.cursor += State.CALL_ITEM
    if call.flags & State.STATIC != 0:
        work.hasFailed = True
        return work
    count: uint256 = work.opcode - 160
    work = Run.pop(work, 2 + count)
    offset: uint256 = work.items[0]
    size: uint256 = work.items[1]
    # Beyond that it cannot be paid; and it must not overflow.
    if size > Run.MAX_MEMORY:
        work.hasFailed = True
        return work
    work = Run.charge(work, LOG_TOPIC * count + LOG_BYTE * size)
    if not work.hasFailed:
        work = Run.touch(work, offset, size)
    if work.hasFailed:
        return work
    work.frame.pc += 1
    item: bytes32 = Pending.nameLogItem(
        Pending.LogItem(
            emitter=call.target,
            topicCount=count,
            topic0=work.items[2],
            topic1=work.items[3],
            topic2=work.items[4],
            topic3=work.items[5],
            data=empty(bytes32),
            dataLength=size,
        )
    )
    if size > 0:
        return Run.copyFromMemory(work, Pending.THEN_LOG, offset, size, item)
    effects: State.Effects = State.openEffects(work.cursor, work.machine.effects)
    work.cursor += State.EFFECTS_ITEM
    effects.logs = keccak256(concat(effects.logs, item))
    work.machine.effects = State.nameEffects(effects)
    return work


@internal
@view
def _run(given: Run.Work) -> Run.Work:
    opcode: uint256 = given.opcode
    if opcode >= 160 and opcode < 165:
        work: Run.Work = Run.afford(given, opcode - 158, 0, LOG)
        return work if work.hasFailed else self._log(work)
    if opcode == 243 or opcode == 253:  # RETURN, REVERT
        work: Run.Work = Run.take(given, 2, 0, 0)
        if not work.hasFailed:
            work = Run.touch(work, work.items[0], work.items[1])
        if work.hasFailed:
            return work
        ending: uint256 = Pending.SUCCEEDED if opcode == 243 else Pending.REVERTED
        return Run.endWith(work, ending, work.items[0], work.items[1])
    if opcode == 32:  # KECCAK256
        work: Run.Work = Run.take(given, 2, 1, KECCAK256)
        return work if work.hasFailed else self._hash(work)
    if opcode == 81:  # MLOAD
        work: Run.Work = Run.take(given, 1, 1, VERY_LOW)
        return work if work.hasFailed else self._load(work)
    if opcode == 82 or opcode == 83:  # MSTORE, MSTORE8
        work: Run.Work = Run.take(given, 2, 0, VERY_LOW)
        return work if work.hasFailed else self._store(work)
    work: Run.Work = Run.afford(given, 3, 0, VERY_LOW)
    return work if work.hasFailed else self._copy(work)


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    return Run.finish(self._run(Run.begin(MINE)))
