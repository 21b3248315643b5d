# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ReceiptStep
@notice Steps of phase `transaction end` that make the receipt: one log a step, newest first, for its
        size and bloom; then one log a step, oldest first, 1,024 bytes of its data at a time, for
        the hash of the receipt's leaf.
@dev The twin of `_measure` and `_write` in evm/step/transaction_end.py, for L2s. OP specs,
     deposits.md (Deposit Receipt).
"""

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Closing as Closing
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.ListLeaf as ListLeaf
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Streams as Streams
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WordTree as WordTree

MAX_WITNESS: constant(uint256) = 8192
BLOOM: constant(uint256) = 256
BLOOM_ITEM: constant(uint256) = BLOOM + 3
BLOOM_BITS: constant(uint256) = 2048
# The bloom as a string, and topics: their headers.
BLOOM_HEAD: constant(uint256) = 3
MAX_TOPICS: constant(uint256) = 4
TOPIC: constant(uint256) = 33
ADDRESS_ITEM: constant(uint256) = 21
# What stands before the logs, before a log's data, behind the logs.
MAX_ABOVE_LOGS: constant(uint256) = 512
MAX_ABOVE_DATA: constant(uint256) = 256
DEPOSIT_RECEIPT_VERSION: constant(uint256) = 1


# -- bloom -----------------------------------------------------------------------------------------


@internal
@view
def _openBloom(cursor: uint256, wanted: bytes32) -> uint256[8]:
    node: Bytes[BLOOM_ITEM] = slice(msg.data, cursor, BLOOM_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, BLOOM)) == wanted
        and convert(slice(node, 0, 3), uint256) == BLOOM
    )
    bloom: uint256[8] = empty(uint256[8])
    for i: uint256 in range(8):
        bloom[i] = convert(extract32(node, 3 + 32 * i), uint256)
    return bloom


@internal
@pure
def _with(bloom: uint256[8], hashed: bytes32) -> uint256[8]:
    """
    @notice The bloom with the three bits of an address or topic (Yellow Paper, 4.3.1).
    """
    made: uint256[8] = bloom
    for down: uint256 in [240, 224, 208]:
        bit: uint256 = (convert(hashed, uint256) >> down) % BLOOM_BITS
        made[7 - bit // 256] |= 1 << (bit % 256)
    return made


@internal
@pure
def _bloomOf(given: uint256[8], entry: Pending.LogItem) -> uint256[8]:
    """
    @notice The bloom with a log's address and topics.
    """
    bloom: uint256[8] = self._with(
        given, keccak256(concat(b"", convert(convert(entry.emitter, uint160), bytes20)))
    )
    topics: uint256[MAX_TOPICS] = [entry.topic0, entry.topic1, entry.topic2, entry.topic3]
    for i: uint256 in range(min(entry.topicCount, MAX_TOPICS), bound=MAX_TOPICS):
        bloom = self._with(bloom, keccak256(convert(topics[i], bytes32)))
    return bloom


# -- encoding --------------------------------------------------------------------------------------


@internal
@pure
def _aboveData(entry: Pending.LogItem) -> Bytes[MAX_ABOVE_DATA]:
    """
    @notice A log's encoding up to its data. One byte of data is the first of its tree's root.
    """
    first: uint256 = ListLeaf.NO_BYTE
    if entry.dataLength == 1:
        first = convert(entry.data, uint256) >> 248
    count: uint256 = min(entry.topicCount, MAX_TOPICS)
    all: Bytes[MAX_TOPICS * TOPIC] = concat(
        0xa0, convert(entry.topic0, bytes32), 0xa0, convert(entry.topic1, bytes32),
        0xa0, convert(entry.topic2, bytes32), 0xa0, convert(entry.topic3, bytes32),
    )
    topics: Bytes[MAX_TOPICS * TOPIC] = slice(all, 0, TOPIC * count)
    topicsHead: ListLeaf.Few = ListLeaf.head(ListLeaf.LIST, len(topics), ListLeaf.NO_BYTE)
    dataHead: ListLeaf.Few = ListLeaf.head(ListLeaf.STRING, entry.dataLength, first)
    size: uint256 = ADDRESS_ITEM + topicsHead.size + len(topics) + dataHead.size
    return concat(
        ListLeaf.bytesOf(
            ListLeaf.head(ListLeaf.LIST, size + entry.dataLength, ListLeaf.NO_BYTE)
        ),
        0x94,
        convert(convert(entry.emitter, uint160), bytes20),
        ListLeaf.bytesOf(topicsHead),
        topics,
        ListLeaf.bytesOf(dataHead),
    )


@internal
@view
def _belowLogs(job: Closing.Job) -> ListLeaf.Few:
    """
    @notice A deposit's receipt ends in its nonce and the receipt's version (Canyon).
    """
    if Closing.kind(job.at) != Jobs.DEPOSIT:
        return ListLeaf.Few(number=0, size=0)
    return ListLeaf.joined(
        ListLeaf.encoded(Closing.depositNonce(job.at)), ListLeaf.encoded(DEPOSIT_RECEIPT_VERSION)
    )


@internal
@view
def _aboveLogs(
    job: Closing.Job, progress: Ledger.Progress, logs: uint256, bloom: uint256[8], count: uint256
) -> Bytes[MAX_ABOVE_LOGS]:
    """
    @notice The leaf of the receipts' trie up to the first log; `logs` bytes of those follow.
    """
    status: ListLeaf.Few = ListLeaf.encoded(1 if job.succeeded != 0 else 0)
    front: ListLeaf.Few = ListLeaf.joined(status, ListLeaf.encoded(progress.gasUsed))
    logsHead: ListLeaf.Few = ListLeaf.head(ListLeaf.LIST, logs, ListLeaf.NO_BYTE)
    inside: uint256 = front.size + BLOOM_HEAD + BLOOM + logsHead.size
    inside += logs + self._belowLogs(job).size
    outer: ListLeaf.Few = ListLeaf.head(ListLeaf.LIST, inside, ListLeaf.NO_BYTE)
    if Closing.kind(job.at) != Jobs.LEGACY:
        outer = ListLeaf.joined(ListLeaf.Few(number=Closing.kind(job.at), size=1), outer)
    first: uint256 = outer.number >> (8 * (outer.size - 1))
    leaf: ListLeaf.Few = ListLeaf.leafHead(progress.done, count, outer.size + inside, first)
    return concat(
        ListLeaf.bytesOf(leaf),
        ListLeaf.bytesOf(outer),
        ListLeaf.bytesOf(front),
        0xb90100,
        abi_encode(bloom),
        ListLeaf.bytesOf(logsHead),
    )


# -- steps -----------------------------------------------------------------------------------------


@internal
@view
def _measureLog(
    given: State.Machine, opened: Closing.Work, effects: State.Effects,
    receipt: Jobs.ReceiptWork, start: uint256
) -> (State.Machine, Closing.Work, uint256):
    """
    @notice The newest log: its size and bloom.
    """
    machine: State.Machine = given
    work: Closing.Work = opened
    measured: Jobs.ReceiptWork = receipt
    left: State.Effects = effects
    item: bytes32 = empty(bytes32)
    left.logs, item = Tape.pair(start, effects.logs)
    cursor: uint256 = start + Tape.PAIR
    entry: Pending.LogItem = Pending.openLogItem(cursor, item)
    cursor += Pending.LOG_ITEM_ITEM
    bloom: uint256[8] = self._bloomOf(self._openBloom(cursor, receipt.bloom), entry)
    cursor += BLOOM_ITEM
    measured.bloom = keccak256(abi_encode(bloom))
    measured.logs = keccak256(concat(receipt.logs, item))
    measured.logsBytes += len(self._aboveData(entry)) + entry.dataLength
    work.job.receipt = Jobs.nameReceiptWork(measured)
    machine.effects = State.nameEffects(left)
    return machine, work, cursor


@internal
@view
def _beginReceipt(
    opened: Closing.Work, receipt: Jobs.ReceiptWork, start: uint256
) -> (Closing.Work, uint256):
    """
    @notice Behind the oldest log: the receipt's beginning, and the block's bloom.
    """
    work: Closing.Work = opened
    begun: Jobs.ReceiptWork = receipt
    around: Closing.Surroundings = Closing.openSurroundings(start, work.blockName)
    cursor: uint256 = around.cursor
    bloom: uint256[8] = self._openBloom(cursor, receipt.bloom)
    cursor += BLOOM_ITEM
    above: Bytes[MAX_ABOVE_LOGS] = self._aboveLogs(
        work.job, work.progress, receipt.logsBytes, bloom, around.transactionCount
    )
    begun.carry = keccak256(Streams.absorbed(Streams.fresh(), above))
    work.job.stage = Jobs.WRITE
    work.job.receipt = Jobs.nameReceiptWork(begun)
    if work.progress.bloom != empty(bytes32):
        ofBlock: uint256[8] = self._openBloom(cursor, work.progress.bloom)
        cursor += BLOOM_ITEM
        for i: uint256 in range(8):
            bloom[i] |= ofBlock[i]
    work.progress.bloom = keccak256(abi_encode(bloom))
    return work, cursor


@internal
@view
def _measure(
    given: State.Machine, opened: Closing.Work
) -> (State.Machine, Closing.Work, uint256):
    receipt: Jobs.ReceiptWork = Jobs.openReceiptWork(opened.cursor, opened.job.receipt)
    cursor: uint256 = opened.cursor + Jobs.RECEIPT_WORK_ITEM
    effects: State.Effects = State.openEffects(cursor, given.effects)
    cursor += State.EFFECTS_ITEM
    if effects.logs != empty(bytes32):
        return self._measureLog(given, opened, effects, receipt, cursor)
    work: Closing.Work = opened
    work, cursor = self._beginReceipt(opened, receipt, cursor)
    return given, work, cursor


@internal
@view
def _close(opened: Closing.Work, carry: Bytes[Streams.MAX_CARRY]) -> Ledger.Progress:
    """
    @notice The receipt is done: its leaf's reference joins those of the others.
    """
    progress: Ledger.Progress = opened.progress
    below: Bytes[32] = ListLeaf.bytesOf(self._belowLogs(opened.job))
    reference: bytes32 = keccak256(
        concat(0xa0, Streams.digest(Streams.absorbed(carry, below)))
    )
    if progress.done > 0:
        progress.receipts = keccak256(concat(progress.receipts, reference))
    else:
        progress.firstReceipt = reference
    progress.done += 1
    progress.job = empty(bytes32)
    return progress


@internal
@view
def _read(
    cursor: uint256, entry: Pending.LogItem, position: uint256
) -> WordTree.Window:
    """
    @notice The next 1,024 bytes of a log's data, fewer at its end; of none, nothing is opened.
    """
    if position >= entry.dataLength:
        return WordTree.Window(data=b"", cursor=cursor)
    size: uint256 = min(entry.dataLength - position, WordTree.WINDOW_BYTES)
    depth: uint256 = Tape.depth((entry.dataLength + 31) >> 5)
    return WordTree.piece(cursor, entry.data, depth, position, size)


@internal
@view
def _write(
    given: State.Machine, opened: Closing.Work
) -> (State.Machine, Ledger.Progress, uint256):
    """
    @notice The oldest log that is left, 1,024 bytes of its data at a time; then the receipt is done.
    """
    machine: State.Machine = given
    work: Closing.Work = opened
    receipt: Jobs.ReceiptWork = Jobs.openReceiptWork(work.cursor, work.job.receipt)
    kept: Streams.Opened = Streams.open(work.cursor + Jobs.RECEIPT_WORK_ITEM, receipt.carry)
    carry: Bytes[Streams.MAX_CARRY] = kept.carry
    cursor: uint256 = kept.cursor
    entry: Pending.LogItem = empty(Pending.LogItem)
    if receipt.entry == empty(bytes32):
        if receipt.logs == empty(bytes32):
            machine.phase = State.TRANSACTION_BEGIN
            machine.pending = empty(bytes32)
            return machine, self._close(work, carry), cursor
        receipt.logs, receipt.entry = Tape.pair(cursor, receipt.logs)
        cursor += Tape.PAIR
        entry = Pending.openLogItem(cursor, receipt.entry)
        cursor += Pending.LOG_ITEM_ITEM
        around: Closing.Surroundings = Closing.openSurroundings(cursor, work.blockName)
        # Rules of an L2, on which no log is a request.
        rules: Closing.Rules = Closing.openRules(around.cursor, around.rules)
        cursor = around.cursor + Blocks.CHAIN_RULES_ITEM
        carry = Streams.absorbed(carry, self._aboveData(entry))
        receipt.position = 0
    else:
        entry = Pending.openLogItem(cursor, receipt.entry)
        cursor += Pending.LOG_ITEM_ITEM
    read: WordTree.Window = self._read(cursor, entry, receipt.position)
    receipt.carry = keccak256(Streams.absorbed(carry, read.data))
    receipt.position += WordTree.WINDOW_BYTES
    if receipt.position >= entry.dataLength:
        receipt.entry = empty(bytes32)
        receipt.position = 0
    work.job.receipt = Jobs.nameReceiptWork(receipt)
    work.progress.job = Closing.nameJob(work.job)
    return machine, work.progress, read.cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    work: Closing.Work = Closing.open(machine, cursor)
    if work.job.stage == Jobs.MEASURE:
        machine, work, cursor = self._measure(machine, work)
        work.progress.job = Closing.nameJob(work.job)
    else:
        assert work.job.stage == Jobs.WRITE, "ReceiptStep: another stage"
        machine, work.progress, cursor = self._write(machine, work)
    machine.context = Closing.contextOf(work.blockName, work.current, work.progress)
    Tape.finish(cursor)
    return State.commitment(machine)
