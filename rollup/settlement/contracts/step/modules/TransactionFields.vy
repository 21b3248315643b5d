# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TransactionFields
@notice The fields of a transaction out of its first 1,024 bytes, as far as they stand before its
        lists; and an authorization of its list.
@dev The twin of evm/step/transaction_fields.py and of `read_authorization`. Canonical RLP only, each
     field of its width. Lists and signature are read later, step by step.
"""

import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.RlpItems as RlpItems

HEAD_BYTES: constant(uint256) = 1024
ADDRESS_BYTES: constant(uint256) = 20
WORD_BYTES: constant(uint256) = 32
NUMBER_BYTES: constant(uint256) = 8


struct Authorization:
    chainId: uint256
    target: uint256
    nonce: uint256
    yParity: uint256
    r: uint256
    s: uint256


@internal
@pure
def _recipient(
    head: Bytes[HEAD_BYTES], fields: RlpItems.Fields, given: Jobs.Job, mayCreate: bool
) -> (RlpItems.Fields, Jobs.Job):
    after: RlpItems.Fields = fields
    job: Jobs.Job = given
    size: uint256 = 0
    after, job.recipient, size = RlpItems.text(head, fields, ADDRESS_BYTES)
    if size != ADDRESS_BYTES and (size > 0 or not mayCreate):
        after.failed = True
    job.isCreation = 1 if size == 0 else 0
    return after, job


@internal
@pure
def _signed(
    head: Bytes[HEAD_BYTES], fields: RlpItems.Fields, given: Jobs.Job
) -> (RlpItems.Fields, Jobs.Job):
    after: RlpItems.Fields = fields
    job: Jobs.Job = given
    if job.kind != Jobs.LEGACY:
        after, job.chainId = RlpItems.number(head, after, WORD_BYTES)
    after, job.nonce = RlpItems.number(head, after, NUMBER_BYTES)
    after, job.tipCap = RlpItems.number(head, after, WORD_BYTES)
    job.feeCap = job.tipCap
    if job.kind >= Jobs.DYNAMIC_FEE:
        after, job.feeCap = RlpItems.number(head, after, WORD_BYTES)
    after, job.gasLimit = RlpItems.number(head, after, NUMBER_BYTES)
    after, job = self._recipient(head, after, job, job.kind < Jobs.BLOB)
    after, job.amount = RlpItems.number(head, after, WORD_BYTES)
    return after, job


@internal
@pure
def _deposit(
    head: Bytes[HEAD_BYTES], fields: RlpItems.Fields, given: Jobs.Job
) -> (RlpItems.Fields, Jobs.Job):
    after: RlpItems.Fields = fields
    job: Jobs.Job = given
    # The source hash, which makes the transaction's own unlike any other's.
    after = RlpItems.exactly(head, after, WORD_BYTES)[0]
    after, job.sender = RlpItems.exactly(head, after, ADDRESS_BYTES)
    after, job = self._recipient(head, after, job, True)
    after, job.mint = RlpItems.number(head, after, WORD_BYTES)
    after, job.amount = RlpItems.number(head, after, WORD_BYTES)
    after, job.gasLimit = RlpItems.number(head, after, NUMBER_BYTES)
    after, job.isSystem = RlpItems.number(head, after, 1)
    if job.isSystem > 1:
        after.failed = True
    return after, job


@internal
@pure
def _kind(head: Bytes[HEAD_BYTES]) -> (uint256, bool):
    # The type, and whether there is none such.
    if len(head) == 0:
        return 0, True
    first: uint256 = convert(slice(head, 0, 1), uint256)
    if first >= RlpItems.LIST:
        return Jobs.LEGACY, False
    return first, first == Jobs.LEGACY or (first > Jobs.SET_CODE and first != Jobs.DEPOSIT)


@internal
@pure
def _firstStage(kind: uint256) -> uint256:
    if kind == Jobs.LEGACY:
        return Jobs.SIGNATURE
    return Jobs.SCAN if kind == Jobs.DEPOSIT else Jobs.ACCESS_LIST


@internal
@pure
def readHead(head: Bytes[HEAD_BYTES], body: bytes32, length: uint256) -> (Jobs.Job, bool):
    """
    @notice The job of a transaction from its first bytes, and whether it is out of order. All
            positions of a job in order are at most `length`, so they fit 32 bits.
    """
    job: Jobs.Job = empty(Jobs.Job)
    isOut: bool = False
    job.kind, isOut = self._kind(head)
    if isOut:
        return job, True
    fields: RlpItems.Fields = RlpItems.Fields(
        position=0 if job.kind == Jobs.LEGACY else 1, failed=False
    )
    payload: RlpItems.Span = empty(RlpItems.Span)
    fields, payload = RlpItems.header(head, fields, True)
    if fields.failed or payload.end != length:
        return job, True
    fields.position = payload.start
    if job.kind == Jobs.DEPOSIT:
        fields, job = self._deposit(head, fields, job)
    else:
        fields, job = self._signed(head, fields, job)
    data: RlpItems.Span = empty(RlpItems.Span)
    fields, data = RlpItems.header(head, fields, False)
    if fields.failed or data.end > length or (job.kind == Jobs.DEPOSIT and data.end != length):
        return job, True
    job.stage = self._firstStage(job.kind)
    job.body = body
    job.length = length
    job.payloadStart = payload.start
    job.dataStart = data.start
    job.dataLength = data.end - data.start
    job.cursor = data.end
    job.signatureStart = data.end
    return job, False


@internal
@pure
def readAuthorization(
    piece: Bytes[RlpItems.KNOWN], fields: RlpItems.Fields
) -> (RlpItems.Fields, Authorization):
    """
    @notice The next authorization (EIP-7702).
    """
    after: RlpItems.Fields = fields
    read: Authorization = empty(Authorization)
    whole: RlpItems.Span = empty(RlpItems.Span)
    after, whole = RlpItems.header(piece, after, True)
    after.position = whole.start
    after, read.chainId = RlpItems.number(piece, after, WORD_BYTES)
    after, read.target = RlpItems.exactly(piece, after, ADDRESS_BYTES)
    after, read.nonce = RlpItems.number(piece, after, NUMBER_BYTES)
    after, read.yParity = RlpItems.number(piece, after, 1)
    after, read.r = RlpItems.number(piece, after, WORD_BYTES)
    after, read.s = RlpItems.number(piece, after, WORD_BYTES)
    if after.position != whole.end:
        after.failed = True
    return after, read
