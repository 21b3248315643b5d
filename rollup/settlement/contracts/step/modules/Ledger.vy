# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Ledger
@notice How far a block has come, what its transactions pay, and what has become of its roots.
@dev The records of evm/step/block_records.py, field by field; SIZE is that of the bytes, ITEM with their length
     before them, as they stand in a witness. Numbers are held as uint256 and checked when packed.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

PROGRESS_SIZE: constant(uint256) = 349
PROGRESS_ITEM: constant(uint256) = 352
PRICES_SIZE: constant(uint256) = 151
PRICES_ITEM: constant(uint256) = 154
SEALING_SIZE: constant(uint256) = 197
SEALING_ITEM: constant(uint256) = 200

# Stage of a sealing: what the next step does for the header.
JOURNAL: constant(uint256) = 0
TRANSACTIONS: constant(uint256) = 1
RECEIPTS: constant(uint256) = 2
HEADER: constant(uint256) = 3
OUTPUT: constant(uint256) = 4


struct Progress:
    systemCalls: uint256
    done: uint256
    left: bytes32
    gasUsed: uint256
    blobGasUsed: uint256
    daFootprint: uint256
    bloom: bytes32
    prices: bytes32
    firstTransaction: bytes32
    transactions: bytes32
    firstReceipt: bytes32
    receipts: bytes32
    depositRequests: bytes32
    requests: bytes32
    job: bytes32


struct Prices:
    baseFee: uint256
    blobBaseFee: uint256
    baseFeeScalar: uint256
    blobBaseFeeScalar: uint256
    overhead: uint256
    bedrockScalar: uint256
    isBedrock: uint256
    operatorFeeScalar: uint256
    operatorFeeConstant: uint256
    daFootprintScalar: uint256


struct Sealing:
    stage: uint256
    stateRoot: bytes32
    transactionsRoot: bytes32
    receiptsRoot: bytes32
    place: uint256
    builder: bytes32
    chain: bytes32
    headerHash: bytes32


@internal
@view
def openProgress(cursor: uint256, wanted: bytes32) -> Progress:
    node: Bytes[PROGRESS_ITEM] = slice(msg.data, cursor, PROGRESS_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, PROGRESS_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == PROGRESS_SIZE
    )
    return Progress(
        systemCalls=convert(extract32(node, 3), uint256) >> 248,
        done=convert(extract32(node, 4), uint256) >> 224,
        left=extract32(node, 8),
        gasUsed=convert(extract32(node, 40), uint256) >> 192,
        blobGasUsed=convert(extract32(node, 48), uint256) >> 192,
        daFootprint=convert(extract32(node, 56), uint256) >> 192,
        bloom=extract32(node, 64),
        prices=extract32(node, 96),
        firstTransaction=extract32(node, 128),
        transactions=extract32(node, 160),
        firstReceipt=extract32(node, 192),
        receipts=extract32(node, 224),
        depositRequests=extract32(node, 256),
        requests=extract32(node, 288),
        job=extract32(node, 320),
    )


@internal
@pure
def nameProgress(progress: Progress) -> bytes32:
    return keccak256(
        concat(
            convert(convert(progress.systemCalls, uint8), bytes1),
            convert(convert(progress.done, uint32), bytes4),
            progress.left,
            convert(convert(progress.gasUsed, uint64), bytes8),
            convert(convert(progress.blobGasUsed, uint64), bytes8),
            convert(convert(progress.daFootprint, uint64), bytes8),
            progress.bloom,
            progress.prices,
            progress.firstTransaction,
            progress.transactions,
            progress.firstReceipt,
            progress.receipts,
            progress.depositRequests,
            progress.requests,
            progress.job,
        )
    )


@internal
@view
def openPrices(cursor: uint256, wanted: bytes32) -> Prices:
    node: Bytes[PRICES_ITEM] = slice(msg.data, cursor, PRICES_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, PRICES_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == PRICES_SIZE
    )
    return Prices(
        baseFee=convert(extract32(node, 3), uint256),
        blobBaseFee=convert(extract32(node, 35), uint256),
        baseFeeScalar=convert(extract32(node, 67), uint256) >> 224,
        blobBaseFeeScalar=convert(extract32(node, 71), uint256) >> 224,
        overhead=convert(extract32(node, 75), uint256),
        bedrockScalar=convert(extract32(node, 107), uint256),
        isBedrock=convert(slice(node, 139, 1), uint256),
        operatorFeeScalar=convert(slice(node, 140, 4), uint256),
        operatorFeeConstant=convert(slice(node, 144, 8), uint256),
        daFootprintScalar=convert(slice(node, 152, 2), uint256),
    )


@internal
@pure
def namePrices(prices: Prices) -> bytes32:
    return keccak256(
        concat(
            convert(prices.baseFee, bytes32),
            convert(prices.blobBaseFee, bytes32),
            convert(convert(prices.baseFeeScalar, uint32), bytes4),
            convert(convert(prices.blobBaseFeeScalar, uint32), bytes4),
            convert(prices.overhead, bytes32),
            convert(prices.bedrockScalar, bytes32),
            convert(convert(prices.isBedrock, uint8), bytes1),
            convert(convert(prices.operatorFeeScalar, uint32), bytes4),
            convert(convert(prices.operatorFeeConstant, uint64), bytes8),
            convert(convert(prices.daFootprintScalar, uint16), bytes2),
        )
    )


@internal
@view
def openSealing(cursor: uint256, wanted: bytes32) -> Sealing:
    node: Bytes[SEALING_ITEM] = slice(msg.data, cursor, SEALING_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, SEALING_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == SEALING_SIZE
    )
    return Sealing(
        stage=convert(extract32(node, 3), uint256) >> 248,
        stateRoot=extract32(node, 4),
        transactionsRoot=extract32(node, 36),
        receiptsRoot=extract32(node, 68),
        place=convert(extract32(node, 100), uint256) >> 224,
        builder=extract32(node, 104),
        chain=extract32(node, 136),
        headerHash=extract32(node, 168),
    )


@internal
@pure
def nameSealing(sealing: Sealing) -> bytes32:
    return keccak256(
        concat(
            convert(convert(sealing.stage, uint8), bytes1),
            sealing.stateRoot,
            sealing.transactionsRoot,
            sealing.receiptsRoot,
            convert(convert(sealing.place, uint32), bytes4),
            sealing.builder,
            sealing.chain,
            sealing.headerHash,
        )
    )
