# pragma version 0.4.3
# pragma evm-version cancun
"""
@title EnvironmentStep
@notice Steps of opcodes that tell what a frame was told and what surrounds it: its call, the
        transaction, the block.
@dev The twin of evm/step/instructions/environment.py and block.py, without what reads accounts.
"""

import rollup.settlement.contracts.step.modules.Ancestors as Ancestors
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Run as Run
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_WITNESS: constant(uint256) = 6144
MINE: constant(bytes32) = 0x00000000000000000000000000000000000000000000077f047d000000000000
BASE: constant(uint256) = 2
VERY_LOW: constant(uint256) = 3
BLOCK_HASH: constant(uint256) = 20


@internal
@view
def _wordAt(work: Run.Work, data: bytes32, length: uint256, offset: uint256) -> (uint256, uint256):
    """
    @notice The 32 bytes of a data at an offset, zeros past its end, and the cursor after the words
            that were opened: only those that it has.
    """
    if offset >= length:
        return 0, work.cursor
    count: uint256 = (length + 31) >> 5
    depth: uint256 = Tape.depth(count)
    index: uint256 = offset >> 5
    bits: uint256 = 8 * (offset & 31)
    cursor: uint256 = work.cursor
    word: uint256 = convert(Tape.descend(cursor, data, depth, index), uint256) << bits
    cursor += depth * Tape.PAIR
    if bits > 0 and index + 1 < count:
        second: bytes32 = Tape.descend(cursor, data, depth, index + 1)
        word |= convert(second, uint256) >> (256 - bits)
        cursor += depth * Tape.PAIR
    return word, cursor


@internal
@view
def _ofCall(given: Run.Work) -> Run.Work:
    work: Run.Work = given
    call: State.Call = State.openCall(work.cursor, work.frame.call)
    work.cursor += State.CALL_ITEM
    word: uint256 = 0
    if work.opcode == 48:  # ADDRESS
        word = call.target
    elif work.opcode == 51:  # CALLER
        word = call.caller
    elif work.opcode == 52:  # CALLVALUE
        word = call.amount
    elif work.opcode == 53:  # CALLDATALOAD
        word, work.cursor = self._wordAt(work, call.calldata, call.calldataLength, work.items[0])
    else:  # CALLDATASIZE
        word = call.calldataLength
    work.frame = Run.push(work.frame, word)
    return work


@internal
@view
def _ofTransaction(given: Run.Work, wanted: bytes32) -> Run.Work:
    work: Run.Work = given
    transaction: Context.Transaction = Context.openTransaction(work.cursor, wanted)
    work.cursor += Context.TRANSACTION_ITEM
    word: uint256 = 0
    if work.opcode == 50:  # ORIGIN
        word = transaction.origin
    elif work.opcode == 58:  # GASPRICE
        word = transaction.gasPrice
    elif work.items[0] < transaction.blobCount:  # BLOBHASH
        depth: uint256 = Tape.depth(transaction.blobCount)
        word = convert(
            Tape.descend(work.cursor, transaction.blobHashes, depth, work.items[0]), uint256
        )
        work.cursor += depth * Tape.PAIR
    work.frame = Run.push(work.frame, word)
    return work


@internal
@view
def _ofBlock(given: Run.Work, wanted: bytes32) -> Run.Work:
    work: Run.Work = given
    surrounding: Context.Block = Context.openBlock(work.cursor, wanted)
    work.cursor += Context.BLOCK_ITEM
    opcode: uint256 = work.opcode
    word: uint256 = 0
    if opcode == 64:  # BLOCKHASH
        number: uint256 = work.items[0]
        if number < surrounding.number and surrounding.number - number <= Ancestors.COUNT:
            word = convert(
                Ancestors.hashOf(work.cursor, surrounding.ancestors, number), uint256
            )
            work.cursor += Ancestors.WAY
            # A block that its own phases have begun knows its parent's hash alone.
            if word == 0 and surrounding.rest != empty(bytes32):
                return Run.load(work, Ancestors.LOAD, 0, number)
    elif opcode == 65:
        word = surrounding.coinbase
    elif opcode == 66:
        word = surrounding.timestamp
    elif opcode == 67:
        word = surrounding.number
    elif opcode == 68:
        word = surrounding.prevRandao
    elif opcode == 69:
        word = surrounding.gasLimit
    elif opcode == 70:
        word = surrounding.chainId
    elif opcode == 72:
        word = surrounding.baseFee
    else:
        word = surrounding.blobBaseFee
    work.frame = Run.push(work.frame, word)
    return work


@internal
@view
def _run(given: Run.Work) -> Run.Work:
    opcode: uint256 = given.opcode
    if opcode != 50 and opcode < 58:
        return self._ofCall(given)
    work: Run.Work = given
    blockName: bytes32 = empty(bytes32)
    transactionName: bytes32 = empty(bytes32)
    blockName, transactionName = Tape.pair(work.cursor, work.machine.context)
    work.cursor += Tape.PAIR
    if opcode == 50 or opcode == 58 or opcode == 73:
        return self._ofTransaction(work, transactionName)
    return self._ofBlock(work, blockName)


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    work: Run.Work = Run.begin(MINE)
    cost: uint256 = BASE
    pops: uint256 = 0
    if work.opcode == 53 or work.opcode == 64 or work.opcode == 73:
        cost = BLOCK_HASH if work.opcode == 64 else VERY_LOW
        pops = 1
    work = Run.take(work, pops, 1, cost)
    if not work.hasFailed:
        work = self._run(work)
    return Run.finish(work)
