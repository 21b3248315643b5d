# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Context
@notice What surrounds all frames of a transaction: block and transaction.
@dev The records of evm/step/state.py, field by field; SIZE is that of the bytes, ITEM with their length
     before them, as they stand in a witness. Numbers are held as uint256 and checked when packed.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

BLOCK_SIZE: constant(uint256) = 269
BLOCK_ITEM: constant(uint256) = 272
TRANSACTION_SIZE: constant(uint256) = 124
TRANSACTION_ITEM: constant(uint256) = 127


struct Block:
    number: uint256
    timestamp: uint256
    coinbase: uint256
    prevRandao: uint256
    gasLimit: uint256
    baseFee: uint256
    blobBaseFee: uint256
    chainId: uint256
    fork: uint256
    stateRoot: bytes32
    ancestors: bytes32
    rest: bytes32


struct Transaction:
    number: uint256
    origin: uint256
    gasPrice: uint256
    blobHashes: bytes32
    blobCount: uint256
    rest: bytes32


@internal
@view
def openBlock(cursor: uint256, wanted: bytes32) -> Block:
    node: Bytes[BLOCK_ITEM] = slice(msg.data, cursor, BLOCK_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, BLOCK_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == BLOCK_SIZE
    )
    return Block(
        number=convert(extract32(node, 3), uint256) >> 192,
        timestamp=convert(extract32(node, 11), uint256) >> 192,
        coinbase=convert(extract32(node, 19), uint256) >> 96,
        prevRandao=convert(extract32(node, 39), uint256),
        gasLimit=convert(extract32(node, 71), uint256) >> 192,
        baseFee=convert(extract32(node, 79), uint256),
        blobBaseFee=convert(extract32(node, 111), uint256),
        chainId=convert(extract32(node, 143), uint256),
        fork=convert(extract32(node, 175), uint256) >> 248,
        stateRoot=extract32(node, 176),
        ancestors=extract32(node, 208),
        rest=extract32(node, 240),
    )


@internal
@view
def openTransaction(cursor: uint256, wanted: bytes32) -> Transaction:
    node: Bytes[TRANSACTION_ITEM] = slice(msg.data, cursor, TRANSACTION_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, TRANSACTION_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == TRANSACTION_SIZE
    )
    return Transaction(
        number=convert(extract32(node, 3), uint256) >> 224,
        origin=convert(extract32(node, 7), uint256) >> 96,
        gasPrice=convert(extract32(node, 27), uint256),
        blobHashes=extract32(node, 59),
        blobCount=convert(extract32(node, 91), uint256) >> 224,
        rest=extract32(node, 95),
    )


@internal
@pure
def nameBlock(surrounding: Block) -> bytes32:
    return keccak256(
        concat(
            convert(convert(surrounding.number, uint64), bytes8),
            convert(convert(surrounding.timestamp, uint64), bytes8),
            convert(convert(surrounding.coinbase, uint160), bytes20),
            convert(surrounding.prevRandao, bytes32),
            convert(convert(surrounding.gasLimit, uint64), bytes8),
            convert(surrounding.baseFee, bytes32),
            convert(surrounding.blobBaseFee, bytes32),
            convert(surrounding.chainId, bytes32),
            convert(convert(surrounding.fork, uint8), bytes1),
            surrounding.stateRoot,
            surrounding.ancestors,
            surrounding.rest,
        )
    )


@internal
@pure
def nameTransaction(current: Transaction) -> bytes32:
    return keccak256(
        concat(
            convert(convert(current.number, uint32), bytes4),
            convert(convert(current.origin, uint160), bytes20),
            convert(current.gasPrice, bytes32),
            current.blobHashes,
            convert(convert(current.blobCount, uint32), bytes4),
            current.rest,
        )
    )
