# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TakeUpStep
@notice Steps of phase `transaction begin` with nothing pending: the block's next transaction is taken
        up; behind the last one the block goes on.
@dev The twin of `_take_up` in evm/step/transaction_begin.py.
"""

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Refusals as Refusals
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.TransactionFields as TransactionFields
import rollup.settlement.contracts.step.modules.Windows as Windows
import rollup.settlement.contracts.step.modules.WordTree as WordTree

MAX_WITNESS: constant(uint256) = 16384


struct Taken:
    job: Jobs.Job
    # The transactions behind this one.
    left: bytes32
    isOut: bool
    cursor: uint256


@internal
@pure
def _behindTransactions(rules: Blocks.ChainRules) -> uint256:
    # How many system calls there are up to all transactions, which are one of them: the beacon root's,
    # from Prague on the parent hashes'.
    return 3 if rules.has & Blocks.PARENT_HASHES != 0 else 2


@internal
@pure
def _isKnown(rules: Blocks.ChainRules, kind: uint256) -> bool:
    if kind == Jobs.DEPOSIT:
        return rules.has & Blocks.OPTIMISM != 0
    return (rules.types >> kind) & 1 == 1


@internal
@view
def _take(start: uint256, transactions: bytes32, rules: Blocks.ChainRules) -> Taken:
    """
    @notice Open the newest link of the chain, and of its transaction the first bytes.
    """
    previous: bytes32 = empty(bytes32)
    item: bytes32 = empty(bytes32)
    previous, item = Tape.pair(start, transactions)
    cursor: uint256 = start + Tape.PAIR
    data: Blocks.Data = Blocks.openData(cursor, item)
    head: WordTree.Window = Windows.read(
        cursor + Blocks.DATA_ITEM, data.root, data.length, 0, TransactionFields.HEAD_BYTES
    )
    taken: Taken = empty(Taken)
    taken.left = previous
    taken.cursor = head.cursor
    taken.job, taken.isOut = TransactionFields.readHead(head.data, data.root, data.length)
    if not taken.isOut and not self._isKnown(rules, taken.job.kind):
        taken.isOut = True
    return taken


@internal
@view
def _takeUp(given: State.Machine, start: uint256) -> (State.Machine, uint256):
    machine: State.Machine = given
    blockName: bytes32 = empty(bytes32)
    currentName: bytes32 = empty(bytes32)
    blockName, currentName = Tape.pair(start, given.context)
    cursor: uint256 = start + Tape.PAIR
    surrounding: Context.Block = Context.openBlock(cursor, blockName)
    cursor += Context.BLOCK_ITEM
    rest: Blocks.BlockRest = Blocks.openBlockRest(cursor, surrounding.rest)
    cursor += Blocks.BLOCK_REST_ITEM
    current: Context.Transaction = Context.openTransaction(cursor, currentName)
    cursor += Context.TRANSACTION_ITEM
    progress: Ledger.Progress = Ledger.openProgress(cursor, current.rest)
    cursor += Ledger.PROGRESS_ITEM
    rules: Blocks.ChainRules = Blocks.openChainRules(cursor, rest.rules)
    cursor += Blocks.CHAIN_RULES_ITEM
    if progress.done == rest.transactionCount:
        machine.phase = State.SYSTEM_CALL
        machine.pending = empty(bytes32)
        progress.systemCalls = self._behindTransactions(rules)
    else:
        taken: Taken = self._take(cursor, progress.left, rules)
        cursor = taken.cursor
        if taken.isOut:
            return Refusals.refuse(given, cursor)
        machine.pending = Jobs.nameJob(taken.job)
        progress.left = taken.left
    current.rest = Ledger.nameProgress(progress)
    machine.context = keccak256(concat(blockName, Context.nameTransaction(current)))
    return machine, cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert (
        machine.phase == State.TRANSACTION_BEGIN and machine.pending == empty(bytes32)
    ), "TakeUpStep: not a state in which a transaction is taken up"
    machine, cursor = self._takeUp(machine, cursor)
    Tape.finish(cursor)
    return State.commitment(machine)
