# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ListsStep
@notice Steps of phase `transaction begin` that read a transaction's access list, its authorizations
        or its signature: of a list as many items as lie in one window.
@dev The twin of `read_access_list`, `read_authorizations` and `read_signature` in
     evm/step/transaction_lists.py. EIP-155, 2930, 7702. A list may say that it ends up to 2^64 bytes
     on: positions are held as such and only kept once they are known to lie in the transaction.
"""

import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Refusals as Refusals
import rollup.settlement.contracts.step.modules.RlpItems as RlpItems
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.TransactionFields as TransactionFields
import rollup.settlement.contracts.step.modules.Windows as Windows
import rollup.settlement.contracts.step.modules.WordTree as WordTree

MAX_WITNESS: constant(uint256) = 16384
# An access list's entry up to its slots, or a slot.
LONGEST_HEAD: constant(uint256) = 64
LONGEST_AUTHORIZATION: constant(uint256) = 160
LONGEST_SIGNATURE: constant(uint256) = 99
# An entry takes 23 bytes at least, a slot 33, an authorization 27: a window has no more of them.
MOST_ITEMS: constant(uint256) = 64
ADDRESS_BYTES: constant(uint256) = 20
WORD_BYTES: constant(uint256) = 32
PROTECTED_V: constant(uint256) = 35


struct Read:
    job: Jobs.Job
    isOut: bool
    cursor: uint256


@internal
@pure
def _isWhole(piece: Bytes[1024], position: uint256, longest: uint256, isLast: bool) -> bool:
    # Whether the next item lies in the piece for sure, or nothing comes behind the piece.
    return isLast or position + longest <= len(piece)


# -- access list ----------------------------------------------------------------------------------


@internal
@pure
def _entryHead(
    piece: Bytes[1024], fields: RlpItems.Fields
) -> (RlpItems.Fields, uint256):
    """
    @notice Read an entry up to its slots; where it ends.
    """
    after: RlpItems.Fields = fields
    whole: RlpItems.Span = empty(RlpItems.Span)
    slots: RlpItems.Span = empty(RlpItems.Span)
    after, whole = RlpItems.header(piece, after, True)
    after.position = whole.start
    after = RlpItems.exactly(piece, after, ADDRESS_BYTES)[0]
    after, slots = RlpItems.header(piece, after, True)
    if slots.end != whole.end:
        after.failed = True
    after.position = slots.start
    return after, whole.end


@internal
@pure
def _items(
    piece: Bytes[1024], given: Jobs.Job, start: RlpItems.Fields, isLast: bool
) -> (RlpItems.Fields, Jobs.Job):
    """
    @notice Entries and slots up to the list's end or as far as the piece goes.
    """
    job: Jobs.Job = given
    fields: RlpItems.Fields = start
    for _: uint256 in range(MOST_ITEMS):
        at: uint256 = job.cursor + fields.position
        if at >= job.listEnd or not self._isWhole(piece, fields.position, LONGEST_HEAD, isLast):
            break
        if at == job.entryEnd:
            end: uint256 = 0
            fields, end = self._entryHead(piece, fields)
            job.entryEnd = job.cursor + end
            job.addresses += 1
        else:
            fields = RlpItems.exactly(piece, fields, WORD_BYTES)[0]
            job.slots += 1
        if job.cursor + fields.position > job.entryEnd or job.entryEnd > job.listEnd:
            fields.failed = True
        if fields.failed:
            break
    return fields, job


@internal
@pure
def _behindAccessList(kind: uint256) -> uint256:
    if kind == Jobs.BLOB:
        return Jobs.BLOBS
    return Jobs.AUTHORIZATIONS if kind == Jobs.SET_CODE else Jobs.SIGNATURE


@internal
@view
def _accessList(given: Jobs.Job, cursor: uint256) -> Read:
    """
    @notice Count addresses and slots.
    """
    job: Jobs.Job = given
    read: WordTree.Window = Windows.read(
        cursor, job.body, job.length, job.cursor, WordTree.WINDOW_BYTES
    )
    refused: Read = Read(job=given, isOut=True, cursor=read.cursor)
    fields: RlpItems.Fields = empty(RlpItems.Fields)
    if job.listEnd == 0:
        whole: RlpItems.Span = empty(RlpItems.Span)
        fields, whole = RlpItems.header(read.data, fields, True)
        fields.position = whole.start
        job.listStart = job.cursor + whole.start
        job.listEnd = job.cursor + whole.end
        job.entryEnd = job.listStart
        if fields.failed or job.listEnd > job.length:
            return refused
    isLast: bool = job.cursor + len(read.data) == job.length
    fields, job = self._items(read.data, job, fields, isLast)
    if fields.failed:
        return refused
    job.cursor += fields.position
    if job.cursor >= job.listEnd:
        if job.cursor > job.listEnd or job.entryEnd != job.listEnd:
            return refused
        job.stage = self._behindAccessList(job.kind)
    return Read(job=job, isOut=False, cursor=read.cursor)


# -- authorizations and signature -----------------------------------------------------------------


@internal
@view
def _authorizations(given: Jobs.Job, cursor: uint256) -> Read:
    """
    @notice Check the form of authorizations, and count them.
    """
    job: Jobs.Job = given
    read: WordTree.Window = Windows.read(
        cursor, job.body, job.length, job.cursor, WordTree.WINDOW_BYTES
    )
    refused: Read = Read(job=given, isOut=True, cursor=read.cursor)
    fields: RlpItems.Fields = empty(RlpItems.Fields)
    if job.authorizationsEnd == 0:
        whole: RlpItems.Span = empty(RlpItems.Span)
        fields, whole = RlpItems.header(read.data, fields, True)
        fields.position = whole.start
        job.authorizationsStart = job.cursor + whole.start
        job.authorizationsEnd = job.cursor + whole.end
    isLast: bool = job.cursor + len(read.data) == job.length
    for _: uint256 in range(MOST_ITEMS):
        if (
            fields.failed
            or job.cursor + fields.position >= job.authorizationsEnd
            or not self._isWhole(read.data, fields.position, LONGEST_AUTHORIZATION, isLast)
        ):
            break
        fields = TransactionFields.readAuthorization(read.data, fields)[0]
        job.authorizations += 1
    job.cursor += fields.position
    if (
        fields.failed
        or job.cursor > job.authorizationsEnd
        or job.authorizationsEnd > job.length
        or job.authorizations == 0
    ):
        return refused
    if job.cursor == job.authorizationsEnd:
        job.stage = Jobs.SIGNATURE
    return Read(job=job, isOut=False, cursor=read.cursor)


@internal
@view
def _signature(given: Jobs.Job, cursor: uint256) -> Read:
    """
    @notice Parity, r and s, which end the transaction.
    """
    job: Jobs.Job = given
    read: WordTree.Window = Windows.read(
        cursor, job.body, job.length, job.cursor, LONGEST_SIGNATURE + 1
    )
    isOut: bool = False
    fields: RlpItems.Fields = empty(RlpItems.Fields)
    job.stage = Jobs.SCAN
    job.signatureStart = job.cursor
    if job.kind == Jobs.LEGACY:
        v: uint256 = 0
        fields, v = RlpItems.number(read.data, fields, WORD_BYTES)
        isOut = v != 27 and v != 28 and v < PROTECTED_V
        if not isOut:
            job.isProtected = 1 if v >= PROTECTED_V else 0
            job.chainId = (v - PROTECTED_V) // 2 if v >= PROTECTED_V else 0
            job.yParity = (v - (PROTECTED_V if v >= PROTECTED_V else 27)) & 1
    else:
        job.isProtected = 1
        fields, job.yParity = RlpItems.number(read.data, fields, 1)
        isOut = job.yParity > 1
    fields, job.r = RlpItems.number(read.data, fields, WORD_BYTES)
    fields, job.s = RlpItems.number(read.data, fields, WORD_BYTES)
    if fields.failed or job.cursor + fields.position != job.length:
        isOut = True
    return Read(job=job, isOut=isOut, cursor=read.cursor)


@internal
@view
def _read(job: Jobs.Job, cursor: uint256) -> Read:
    if job.stage == Jobs.ACCESS_LIST:
        return self._accessList(job, cursor)
    if job.stage == Jobs.AUTHORIZATIONS:
        return self._authorizations(job, cursor)
    assert job.stage == Jobs.SIGNATURE, "ListsStep: not a stage that reads lists or a signature"
    return self._signature(job, cursor)


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
    ), "ListsStep: not a state of phase transaction begin"
    job: Jobs.Job = Jobs.openJob(cursor, machine.pending)
    read: Read = self._read(job, cursor + Jobs.JOB_ITEM)
    cursor = read.cursor
    if read.isOut:
        machine, cursor = Refusals.refuse(machine, cursor)
    else:
        machine.pending = Jobs.nameJob(read.job)
    Tape.finish(cursor)
    return State.commitment(machine)
