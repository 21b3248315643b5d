# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Jobs
@notice The transaction at hand: its fields as they are read, what it pays, and the receipt that is
        written.
@dev The records of evm/step/block_records.py, field by field; SIZE is that of the bytes, ITEM with their length
     before them, as they stand in a witness. Numbers are held as uint256 and checked when packed.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

JOB_SIZE: constant(uint256) = 743
JOB_ITEM: constant(uint256) = 746
COMPRESSION_SIZE: constant(uint256) = 52
COMPRESSION_ITEM: constant(uint256) = 55
RECEIPT_WORK_SIZE: constant(uint256) = 136
RECEIPT_WORK_ITEM: constant(uint256) = 139

# Stage of a job: what the next step does for the transaction at hand.
ACCESS_LIST: constant(uint256) = 1
BLOBS: constant(uint256) = 2
AUTHORIZATIONS: constant(uint256) = 3
SIGNATURE: constant(uint256) = 4
SCAN: constant(uint256) = 5
COMPRESS: constant(uint256) = 6
PAY: constant(uint256) = 7
WARM: constant(uint256) = 8
AUTHORIZE: constant(uint256) = 9
START: constant(uint256) = 10
SETTLE: constant(uint256) = 11
DESTROY: constant(uint256) = 12
MEASURE: constant(uint256) = 13
WRITE: constant(uint256) = 14

# Transaction types.
LEGACY: constant(uint256) = 0
ACCESS_LIST_TYPE: constant(uint256) = 1
DYNAMIC_FEE: constant(uint256) = 2
BLOB: constant(uint256) = 3
SET_CODE: constant(uint256) = 4
DEPOSIT: constant(uint256) = 126


struct Job:
    stage: uint256
    body: bytes32
    length: uint256
    kind: uint256
    chainId: uint256
    nonce: uint256
    tipCap: uint256
    feeCap: uint256
    gasLimit: uint256
    isCreation: uint256
    recipient: uint256
    amount: uint256
    payloadStart: uint256
    dataStart: uint256
    dataLength: uint256
    cursor: uint256
    listStart: uint256
    listEnd: uint256
    entryEnd: uint256
    entryAddress: uint256
    addresses: uint256
    slots: uint256
    blobFeeCap: uint256
    blobHashes: bytes32
    blobCount: uint256
    authorizationsStart: uint256
    authorizationsEnd: uint256
    authorizations: uint256
    signatureStart: uint256
    yParity: uint256
    isProtected: uint256
    r: uint256
    s: uint256
    scanned: uint256
    zeros: uint256
    dataZeros: uint256
    leaf: bytes32
    signing: bytes32
    compression: bytes32
    chargedSize: uint256
    sender: uint256
    mint: uint256
    isSystem: uint256
    floor: uint256
    gasPrice: uint256
    tip: uint256
    gasLeft: uint256
    dataFee: uint256
    refund: uint256
    depositNonce: uint256
    succeeded: uint256
    gasUsed: uint256
    receipt: bytes32


struct Compression:
    position: uint256
    anchor: uint256
    size: uint256
    reference: uint256
    matched: uint256
    table: bytes32


struct ReceiptWork:
    logs: bytes32
    logsBytes: uint256
    bloom: bytes32
    carry: bytes32
    entry: bytes32
    position: uint256


@internal
@view
def openJob(cursor: uint256, wanted: bytes32) -> Job:
    node: Bytes[JOB_ITEM] = slice(msg.data, cursor, JOB_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, JOB_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == JOB_SIZE
    )
    return Job(
        stage=convert(extract32(node, 3), uint256) >> 248,
        body=extract32(node, 4),
        length=convert(extract32(node, 36), uint256) >> 224,
        kind=convert(extract32(node, 40), uint256) >> 248,
        chainId=convert(extract32(node, 41), uint256),
        nonce=convert(extract32(node, 73), uint256) >> 192,
        tipCap=convert(extract32(node, 81), uint256),
        feeCap=convert(extract32(node, 113), uint256),
        gasLimit=convert(extract32(node, 145), uint256) >> 192,
        isCreation=convert(extract32(node, 153), uint256) >> 248,
        recipient=convert(extract32(node, 154), uint256) >> 96,
        amount=convert(extract32(node, 174), uint256),
        payloadStart=convert(extract32(node, 206), uint256) >> 224,
        dataStart=convert(extract32(node, 210), uint256) >> 224,
        dataLength=convert(extract32(node, 214), uint256) >> 224,
        cursor=convert(extract32(node, 218), uint256) >> 224,
        listStart=convert(extract32(node, 222), uint256) >> 224,
        listEnd=convert(extract32(node, 226), uint256) >> 224,
        entryEnd=convert(extract32(node, 230), uint256) >> 224,
        entryAddress=convert(extract32(node, 234), uint256) >> 96,
        addresses=convert(extract32(node, 254), uint256) >> 224,
        slots=convert(extract32(node, 258), uint256) >> 224,
        blobFeeCap=convert(extract32(node, 262), uint256),
        blobHashes=extract32(node, 294),
        blobCount=convert(extract32(node, 326), uint256) >> 224,
        authorizationsStart=convert(extract32(node, 330), uint256) >> 224,
        authorizationsEnd=convert(extract32(node, 334), uint256) >> 224,
        authorizations=convert(extract32(node, 338), uint256) >> 224,
        signatureStart=convert(extract32(node, 342), uint256) >> 224,
        yParity=convert(extract32(node, 346), uint256) >> 248,
        isProtected=convert(extract32(node, 347), uint256) >> 248,
        r=convert(extract32(node, 348), uint256),
        s=convert(extract32(node, 380), uint256),
        scanned=convert(extract32(node, 412), uint256) >> 224,
        zeros=convert(extract32(node, 416), uint256) >> 224,
        dataZeros=convert(extract32(node, 420), uint256) >> 224,
        leaf=extract32(node, 424),
        signing=extract32(node, 456),
        compression=extract32(node, 488),
        chargedSize=convert(extract32(node, 520), uint256) >> 224,
        sender=convert(extract32(node, 524), uint256) >> 96,
        mint=convert(extract32(node, 544), uint256),
        isSystem=convert(extract32(node, 576), uint256) >> 248,
        floor=convert(extract32(node, 577), uint256) >> 192,
        gasPrice=convert(extract32(node, 585), uint256),
        tip=convert(extract32(node, 617), uint256),
        gasLeft=convert(extract32(node, 649), uint256) >> 192,
        dataFee=convert(extract32(node, 657), uint256),
        refund=convert(extract32(node, 689), uint256) >> 192,
        depositNonce=convert(extract32(node, 697), uint256) >> 192,
        succeeded=convert(extract32(node, 705), uint256) >> 248,
        gasUsed=convert(extract32(node, 706), uint256) >> 192,
        receipt=extract32(node, 714),
    )


@internal
@pure
def nameJob(job: Job) -> bytes32:
    return keccak256(
        concat(
            convert(convert(job.stage, uint8), bytes1),
            job.body,
            convert(convert(job.length, uint32), bytes4),
            convert(convert(job.kind, uint8), bytes1),
            convert(job.chainId, bytes32),
            convert(convert(job.nonce, uint64), bytes8),
            convert(job.tipCap, bytes32),
            convert(job.feeCap, bytes32),
            convert(convert(job.gasLimit, uint64), bytes8),
            convert(convert(job.isCreation, uint8), bytes1),
            convert(convert(job.recipient, uint160), bytes20),
            convert(job.amount, bytes32),
            convert(convert(job.payloadStart, uint32), bytes4),
            convert(convert(job.dataStart, uint32), bytes4),
            convert(convert(job.dataLength, uint32), bytes4),
            convert(convert(job.cursor, uint32), bytes4),
            convert(convert(job.listStart, uint32), bytes4),
            convert(convert(job.listEnd, uint32), bytes4),
            convert(convert(job.entryEnd, uint32), bytes4),
            convert(convert(job.entryAddress, uint160), bytes20),
            convert(convert(job.addresses, uint32), bytes4),
            convert(convert(job.slots, uint32), bytes4),
            convert(job.blobFeeCap, bytes32),
            job.blobHashes,
            convert(convert(job.blobCount, uint32), bytes4),
            convert(convert(job.authorizationsStart, uint32), bytes4),
            convert(convert(job.authorizationsEnd, uint32), bytes4),
            convert(convert(job.authorizations, uint32), bytes4),
            convert(convert(job.signatureStart, uint32), bytes4),
            convert(convert(job.yParity, uint8), bytes1),
            convert(convert(job.isProtected, uint8), bytes1),
            convert(job.r, bytes32),
            convert(job.s, bytes32),
            convert(convert(job.scanned, uint32), bytes4),
            convert(convert(job.zeros, uint32), bytes4),
            convert(convert(job.dataZeros, uint32), bytes4),
            job.leaf,
            job.signing,
            job.compression,
            convert(convert(job.chargedSize, uint32), bytes4),
            convert(convert(job.sender, uint160), bytes20),
            convert(job.mint, bytes32),
            convert(convert(job.isSystem, uint8), bytes1),
            convert(convert(job.floor, uint64), bytes8),
            convert(job.gasPrice, bytes32),
            convert(job.tip, bytes32),
            convert(convert(job.gasLeft, uint64), bytes8),
            convert(job.dataFee, bytes32),
            convert(convert(job.refund, uint64), bytes8),
            convert(convert(job.depositNonce, uint64), bytes8),
            convert(convert(job.succeeded, uint8), bytes1),
            convert(convert(job.gasUsed, uint64), bytes8),
            job.receipt,
        )
    )


@internal
@view
def openCompression(cursor: uint256, wanted: bytes32) -> Compression:
    node: Bytes[COMPRESSION_ITEM] = slice(msg.data, cursor, COMPRESSION_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, COMPRESSION_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == COMPRESSION_SIZE
    )
    return Compression(
        position=convert(extract32(node, 3), uint256) >> 224,
        anchor=convert(extract32(node, 7), uint256) >> 224,
        size=convert(extract32(node, 11), uint256) >> 224,
        reference=convert(extract32(node, 15), uint256) >> 224,
        matched=convert(extract32(node, 19), uint256) >> 224,
        table=extract32(node, 23),
    )


@internal
@pure
def nameCompression(compression: Compression) -> bytes32:
    return keccak256(
        concat(
            convert(convert(compression.position, uint32), bytes4),
            convert(convert(compression.anchor, uint32), bytes4),
            convert(convert(compression.size, uint32), bytes4),
            convert(convert(compression.reference, uint32), bytes4),
            convert(convert(compression.matched, uint32), bytes4),
            compression.table,
        )
    )


@internal
@view
def openReceiptWork(cursor: uint256, wanted: bytes32) -> ReceiptWork:
    node: Bytes[RECEIPT_WORK_ITEM] = slice(msg.data, cursor, RECEIPT_WORK_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, RECEIPT_WORK_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == RECEIPT_WORK_SIZE
    )
    return ReceiptWork(
        logs=extract32(node, 3),
        logsBytes=convert(extract32(node, 35), uint256) >> 224,
        bloom=extract32(node, 39),
        carry=extract32(node, 71),
        entry=extract32(node, 103),
        position=convert(slice(node, 135, 4), uint256),
    )


@internal
@pure
def nameReceiptWork(receiptWork: ReceiptWork) -> bytes32:
    return keccak256(
        concat(
            receiptWork.logs,
            convert(convert(receiptWork.logsBytes, uint32), bytes4),
            receiptWork.bloom,
            receiptWork.carry,
            receiptWork.entry,
            convert(convert(receiptWork.position, uint32), bytes4),
        )
    )
