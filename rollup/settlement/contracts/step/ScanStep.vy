# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ScanStep
@notice Steps of phase `transaction begin` that go through all bytes of a transaction, 1,024 a step:
        absorb them for its leaf in the trie and for what is signed, and count zeros.
@dev The twin of `scan` in evm/step/transaction_lists.py. EIP-155, 2028, 7623. Up to 21 blocks of
     76,000 gas each.
"""

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.ListLeaf as ListLeaf
import rollup.settlement.contracts.step.modules.RlpItems as RlpItems
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Streams as Streams
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Windows as Windows
import rollup.settlement.contracts.step.modules.WordTree as WordTree

MAX_WITNESS: constant(uint256) = 16384
# FastLZ makes at most 170 bytes of so many, for which the least is paid (Fjord).
NOT_COMPRESSED: constant(uint256) = 163
# A leaf shorter than this stands in its parent as it is.
INLINE_LIMIT: constant(uint256) = 32
# 0x7f and 0x01 in each byte of a word.
LOW_BITS: constant(uint256) = max_value(uint256) // 255 * 127
ONES: constant(uint256) = max_value(uint256) // 255


struct Place:
    # Of a transaction in its block.
    index: uint256
    count: uint256
    hasFastLz: bool
    cursor: uint256


@internal
@pure
def _zeros(piece: Bytes[1024]) -> uint256:
    """
    @notice How many bytes are zero, a word at a time.
    """
    padded: Bytes[1056] = concat(piece, convert(max_value(uint256), bytes32))
    count: uint256 = 0
    for i: uint256 in range((len(piece) + 31) >> 5, bound=32):
        word: uint256 = convert(extract32(padded, 32 * i), uint256)
        # 0x80 where a byte is zero. No sum leaves its byte, and the product's highest byte, which
        # is the sum of all, is 32 at most.
        marks: uint256 = ~(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS)
        count += unsafe_mul(marks >> 7, ONES) >> 248
    return count


@internal
@pure
def _cut(piece: Bytes[1024], base: uint256, start: uint256, end: uint256) -> Bytes[1024]:
    """
    @notice What of bytes from `start` to `end` lies in a piece that begins at `base`.
    """
    first: uint256 = start - base if start > base else 0
    behind: uint256 = min(end - base if end > base else 0, len(piece))
    if first >= behind:
        return b""
    return slice(piece, first, behind - first)


@internal
@pure
def _signingTail(job: Jobs.Job) -> Bytes[35]:
    # EIP-155: a legacy transaction that names its chain signs it, and two empty items.
    if job.kind != Jobs.LEGACY or job.isProtected == 0:
        return b""
    return concat(RlpItems.encodedNumber(job.chainId), x"8080")


@internal
@pure
def _signingHead(job: Jobs.Job) -> Bytes[10]:
    # What is signed before the fields: the type and the header of the list without signature.
    size: uint256 = job.signatureStart - job.payloadStart + len(self._signingTail(job))
    listHead: Bytes[9] = RlpItems.head(RlpItems.LIST, size)
    if job.kind == Jobs.LEGACY:
        return listHead
    return concat(convert(convert(job.kind, uint8), bytes1), listHead)


@internal
@view
def _place(context: bytes32, start: uint256) -> Place:
    """
    @notice Open the block, its rest and its rules, then how far it has come.
    """
    blockName: bytes32 = empty(bytes32)
    currentName: bytes32 = empty(bytes32)
    blockName, currentName = Tape.pair(start, context)
    cursor: uint256 = start + Tape.PAIR
    surrounding: Context.Block = Context.openBlock(cursor, blockName)
    cursor += Context.BLOCK_ITEM
    rest: Blocks.BlockRest = Blocks.openBlockRest(cursor, surrounding.rest)
    cursor += Blocks.BLOCK_REST_ITEM
    rules: Blocks.ChainRules = Blocks.openChainRules(cursor, rest.rules)
    cursor += Blocks.CHAIN_RULES_ITEM
    current: Context.Transaction = Context.openTransaction(cursor, currentName)
    cursor += Context.TRANSACTION_ITEM
    progress: Ledger.Progress = Ledger.openProgress(cursor, current.rest)
    cursor += Ledger.PROGRESS_ITEM
    return Place(
        index=progress.done,
        count=rest.transactionCount,
        hasFastLz=rules.has & Blocks.FASTLZ != 0,
        cursor=cursor,
    )


@internal
@pure
def _counted(given: Jobs.Job, piece: Bytes[1024]) -> Jobs.Job:
    job: Jobs.Job = given
    data: Bytes[1024] = self._cut(piece, job.scanned, job.dataStart, job.dataStart + job.dataLength)
    job.scanned += len(piece)
    job.zeros += self._zeros(piece)
    job.dataZeros += self._zeros(data)
    return job


@internal
@view
def _leaf(
    given: Jobs.Job, piece: Bytes[1024], place: Place, start: uint256
) -> (bytes32, uint256):
    """
    @notice Absorb the piece for the leaf; at the end the name of the leaf's reference, else of the
            carry. And the cursor.
    """
    cursor: uint256 = start
    carry: Bytes[Streams.MAX_CARRY] = b""
    before: Bytes[32] = b""
    if given.scanned > 0:
        opened: Streams.Opened = Streams.open(cursor, given.leaf)
        carry = opened.carry
        cursor = opened.cursor
    else:
        first: uint256 = convert(slice(piece, 0, 1), uint256)
        before = ListLeaf.bytesOf(
            ListLeaf.leafHead(place.index, place.count, given.length, first)
        )
        carry = Streams.fresh()
    isLast: bool = given.scanned + len(piece) == given.length
    if isLast and len(before) > 0 and len(before) + len(piece) < INLINE_LIMIT:
        return keccak256(concat(before, piece)), cursor
    carry = Streams.absorbed(carry, concat(before, piece))
    if isLast:
        return keccak256(concat(x"a0", Streams.digest(carry))), cursor
    return keccak256(carry), cursor


@internal
@view
def _signing(given: Jobs.Job, piece: Bytes[1024], start: uint256) -> (bytes32, uint256):
    """
    @notice Absorb what of the piece is signed; the name of the carry, at the end of the hash that is
            signed. And the cursor.
    """
    cursor: uint256 = start
    carry: Bytes[Streams.MAX_CARRY] = b""
    before: Bytes[10] = b""
    if given.scanned > 0:
        opened: Streams.Opened = Streams.open(cursor, given.signing)
        carry = opened.carry
        cursor = opened.cursor
    else:
        before = self._signingHead(given)
        carry = Streams.fresh()
    signed: Bytes[1024] = self._cut(
        piece, given.scanned, given.payloadStart, given.signatureStart
    )
    if given.scanned + len(piece) < given.length:
        return keccak256(Streams.absorbed(carry, concat(before, signed))), cursor
    carry = Streams.absorbed(carry, concat(before, signed, self._signingTail(given)))
    return keccak256(Streams.digest(carry)), cursor


@internal
@view
def _scan(given: Jobs.Job, start: uint256, context: bytes32) -> (Jobs.Job, uint256):
    place: Place = self._place(context, start)
    read: WordTree.Window = Windows.read(
        place.cursor, given.body, given.length, given.scanned, WordTree.WINDOW_BYTES
    )
    job: Jobs.Job = self._counted(given, read.data)
    cursor: uint256 = read.cursor
    isLast: bool = job.scanned == job.length
    isSigned: bool = job.kind != Jobs.DEPOSIT
    job.leaf, cursor = self._leaf(given, read.data, place, cursor)
    if isSigned:
        job.signing, cursor = self._signing(given, read.data, cursor)
    elif not isLast:
        job.signing = keccak256(b"")  # the carry of nothing
    if isLast:
        isDear: bool = isSigned and place.hasFastLz and job.length > NOT_COMPRESSED
        job.stage = Jobs.COMPRESS if isDear else Jobs.PAY
    return job, cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert (
        machine.phase == State.TRANSACTION_BEGIN
    ), "ScanStep: not a state of phase transaction begin"
    job: Jobs.Job = Jobs.openJob(cursor, machine.pending)
    assert job.stage == Jobs.SCAN, "ScanStep: not the stage that scans"
    job, cursor = self._scan(job, cursor + Jobs.JOB_ITEM, machine.context)
    machine.pending = Jobs.nameJob(job)
    Tape.finish(cursor)
    return State.commitment(machine)
