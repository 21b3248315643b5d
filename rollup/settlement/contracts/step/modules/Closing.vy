# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Closing
@notice What a step of phase `transaction end` opens first: context, transaction, progress, job; and
        their names again.
@dev The twin of the beginning of `step_transaction_end` in evm/step/transaction_end.py, and of
     `set_progress` in evm/step/block_work.py.
"""

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape


# Bytes of a job (Jobs.vy) that this phase reads but does not change: all but the first one and the
# last 41. They are read where they stand in the witness.
KEPT: constant(uint256) = 701


struct Job:
    # Where its item begins in the witness.
    at: uint256
    stage: uint256
    succeeded: uint256
    gasUsed: uint256
    receipt: bytes32


struct Work:
    blockName: bytes32
    current: Context.Transaction
    progress: Ledger.Progress
    job: Job
    cursor: uint256


struct Surroundings:
    coinbase: uint256
    baseFee: uint256
    rules: bytes32
    transactionCount: uint256
    cursor: uint256


struct Rules:
    hasOperatorFee: bool
    operatorFeeFactor: uint256
    operatorFeeDivisor: uint256


@internal
@view
def _openJob(cursor: uint256, wanted: bytes32) -> Job:
    node: Bytes[Jobs.JOB_ITEM] = slice(msg.data, cursor, Jobs.JOB_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, Jobs.JOB_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == Jobs.JOB_SIZE
    )
    return Job(
        at=cursor,
        stage=convert(slice(node, 3, 1), uint256),
        succeeded=convert(slice(node, 705, 1), uint256),
        gasUsed=convert(slice(node, 706, 8), uint256),
        receipt=extract32(node, 714),
    )


@internal
@view
def nameJob(job: Job) -> bytes32:
    return keccak256(
        concat(
            convert(convert(job.stage, uint8), bytes1),
            slice(msg.data, job.at + 4, KEPT),
            convert(convert(job.succeeded, uint8), bytes1),
            convert(convert(job.gasUsed, uint64), bytes8),
            job.receipt,
        )
    )


# A job's fields that this phase only reads; each place is that of Jobs.openJob.
@internal
@view
def kind(at: uint256) -> uint256:
    return Tape.word(at + 40) >> 248


@internal
@view
def gasLimit(at: uint256) -> uint256:
    return Tape.word(at + 145) >> 192


@internal
@view
def sender(at: uint256) -> uint256:
    return Tape.word(at + 524) >> 96


@internal
@view
def floor_(at: uint256) -> uint256:
    return Tape.word(at + 577) >> 192


@internal
@view
def gasPrice(at: uint256) -> uint256:
    return Tape.word(at + 585)


@internal
@view
def tip(at: uint256) -> uint256:
    return Tape.word(at + 617)


@internal
@view
def dataFee(at: uint256) -> uint256:
    return Tape.word(at + 657)


@internal
@view
def refund(at: uint256) -> uint256:
    return Tape.word(at + 689) >> 192


@internal
@view
def depositNonce(at: uint256) -> uint256:
    return Tape.word(at + 697) >> 192


@internal
@view
def open(given: State.Machine, start: uint256) -> Work:
    """
    @notice The transaction that ends.
    """
    assert given.phase == State.TRANSACTION_END, "Closing: not a state of phase transaction end"
    work: Work = empty(Work)
    transactionName: bytes32 = empty(bytes32)
    work.blockName, transactionName = Tape.pair(start, given.context)
    work.cursor = start + Tape.PAIR
    work.current = Context.openTransaction(work.cursor, transactionName)
    work.cursor += Context.TRANSACTION_ITEM
    work.progress = Ledger.openProgress(work.cursor, work.current.rest)
    work.cursor += Ledger.PROGRESS_ITEM
    work.job = self._openJob(work.cursor, work.progress.job)
    work.cursor += Jobs.JOB_ITEM
    return work


@internal
@pure
def contextOf(
    blockName: bytes32, current: Context.Transaction, progress: Ledger.Progress
) -> bytes32:
    """
    @notice The context with another progress of the block.
    """
    changed: Context.Transaction = current
    changed.rest = Ledger.nameProgress(progress)
    return keccak256(concat(blockName, Context.nameTransaction(changed)))


@internal
@view
def openSurroundings(cursor: uint256, blockName: bytes32) -> Surroundings:
    """
    @notice The block and what its phases know (Context.Block, Blocks.BlockRest), of which this phase
            needs little.
    """
    start: uint256 = cursor + Tape.HEAD
    surrounding: Bytes[Context.BLOCK_SIZE] = slice(msg.data, start, Context.BLOCK_SIZE)
    Tape.expect(
        keccak256(surrounding) == blockName and Tape.size(cursor) == Context.BLOCK_SIZE
    )
    found: Surroundings = empty(Surroundings)
    found.coinbase = Tape.word(start + 16) >> 96
    found.baseFee = Tape.word(start + 76)
    restName: bytes32 = Tape.name(start + 237)
    at: uint256 = cursor + Context.BLOCK_ITEM
    start = at + Tape.HEAD
    rest: Bytes[Blocks.BLOCK_REST_SIZE] = slice(msg.data, start, Blocks.BLOCK_REST_SIZE)
    Tape.expect(keccak256(rest) == restName and Tape.size(at) == Blocks.BLOCK_REST_SIZE)
    found.rules = Tape.name(start + 64)
    found.transactionCount = convert(slice(rest, 136, 4), uint256)
    found.cursor = at + Blocks.BLOCK_REST_ITEM
    return found


@internal
@view
def openRules(cursor: uint256, wanted: bytes32) -> Rules:
    """
    @notice Of the block's rules (Blocks.ChainRules) what this phase needs. They have to be those of
            an L2: blocks of an L1 are not decided.
    """
    rules: Bytes[Blocks.CHAIN_RULES_SIZE] = slice(
        msg.data, cursor + Tape.HEAD, Blocks.CHAIN_RULES_SIZE
    )
    Tape.expect(keccak256(rules) == wanted and Tape.size(cursor) == Blocks.CHAIN_RULES_SIZE)
    has: uint256 = convert(slice(rules, 33, 4), uint256)
    assert has & Blocks.OPTIMISM != 0, "Closing: a block of an L1 is not decided"
    return Rules(
        hasOperatorFee=has & Blocks.OPERATOR_FEE != 0,
        operatorFeeFactor=convert(slice(rules, 97, 4), uint256),
        operatorFeeDivisor=convert(slice(rules, 101, 4), uint256),
    )
