# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ListTrieStep
@notice Steps of phase `block end` that close the tries of transactions and receipts: one leaf a
        step, in descending order of keys, then the root.
@dev The twin of `_add_to_list` in evm/step/block_end.py.
"""

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.ListTrie as ListTrie
import rollup.settlement.contracts.step.modules.Preimages as Preimages
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_WITNESS: constant(uint256) = 8192
NO_BYTES: constant(bytes32) = keccak256(b"")
REFERENCE_BYTES: constant(uint256) = 33


@internal
@view
def _added(
    given: Ledger.Sealing, first: bytes32, count: uint256, start: uint256
) -> (Ledger.Sealing, uint256):
    """
    @notice One more leaf: the chain's newest link, or the first item, which stands by itself.
    """
    work: Ledger.Sealing = given
    cursor: uint256 = start
    item: bytes32 = first
    if ListTrie.at(work.place, count) != 0:
        work.chain, item = Tape.pair(cursor, work.chain)
        cursor += Tape.PAIR
    reference: Bytes[Preimages.MAX_SHORT] = Preimages.short(cursor, item, REFERENCE_BYTES)
    cursor += Tape.HEAD + len(reference)
    builder: Bytes[Preimages.MAX_BUILDER] = Preimages.builder(cursor, work.builder)
    cursor += Tape.HEAD + len(builder)
    work.builder = keccak256(
        ListTrie.add(builder, work.place, count, convert(reference, Bytes[REFERENCE_BYTES]))
    )
    work.place += 1
    return work, cursor


@internal
@view
def _closed(
    given: Ledger.Sealing, receipts: bytes32, count: uint256, start: uint256
) -> (Ledger.Sealing, uint256):
    """
    @notice The builder of a whole list is its root: on with the next list, or with the header.
    """
    work: Ledger.Sealing = given
    cursor: uint256 = start
    root: bytes32 = ListTrie.EMPTY_ROOT
    if count > 0:
        found: Bytes[Preimages.MAX_SHORT] = Preimages.short(cursor, work.builder, 32)
        cursor += Tape.HEAD + len(found)
        root = extract32(found, 0)
    if work.stage == Ledger.RECEIPTS:
        work.stage = Ledger.HEADER
        work.receiptsRoot = root
        return work, cursor
    work.stage = Ledger.RECEIPTS
    work.transactionsRoot = root
    work.place = 0
    work.builder = NO_BYTES
    work.chain = receipts
    return work, cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.BLOCK_END, "ListTrieStep: not a state of phase block end"
    work: Ledger.Sealing = Ledger.openSealing(cursor, machine.pending)
    cursor += Ledger.SEALING_ITEM
    isReceipts: bool = work.stage == Ledger.RECEIPTS
    assert (
        isReceipts or work.stage == Ledger.TRANSACTIONS
    ), "ListTrieStep: not a state of its stages"
    blockName: bytes32 = empty(bytes32)
    transactionName: bytes32 = empty(bytes32)
    blockName, transactionName = Tape.pair(cursor, machine.context)
    cursor += Tape.PAIR
    current: Context.Transaction = Context.openTransaction(cursor, transactionName)
    cursor += Context.TRANSACTION_ITEM
    progress: Ledger.Progress = Ledger.openProgress(cursor, current.rest)
    cursor += Ledger.PROGRESS_ITEM
    surrounding: Context.Block = Context.openBlock(cursor, blockName)
    cursor += Context.BLOCK_ITEM
    rest: Blocks.BlockRest = Blocks.openBlockRest(cursor, surrounding.rest)
    cursor += Blocks.BLOCK_REST_ITEM
    if work.place < rest.transactionCount:
        first: bytes32 = progress.firstReceipt if isReceipts else progress.firstTransaction
        work, cursor = self._added(work, first, rest.transactionCount, cursor)
    else:
        work, cursor = self._closed(work, progress.receipts, rest.transactionCount, cursor)
    machine.pending = Ledger.nameSealing(work)
    Tape.finish(cursor)
    return State.commitment(machine)
