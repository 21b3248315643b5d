# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Blocks
@notice What the phases of a block remember, and what a block is made from.
@dev The records of evm/step/block_records.py, field by field; SIZE is that of the bytes, ITEM with their length
     before them, as they stand in a witness. Numbers are held as uint256 and checked when packed.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

CHAIN_RULES_SIZE: constant(uint256) = 105
CHAIN_RULES_ITEM: constant(uint256) = 108
CLAIM_SIZE: constant(uint256) = 136
CLAIM_ITEM: constant(uint256) = 139
ATTRIBUTES_SIZE: constant(uint256) = 216
ATTRIBUTES_ITEM: constant(uint256) = 219
DATA_SIZE: constant(uint256) = 36
DATA_ITEM: constant(uint256) = 39
BLOCK_REST_SIZE: constant(uint256) = 141
BLOCK_REST_ITEM: constant(uint256) = 144
RECOUNT_SIZE: constant(uint256) = 36
RECOUNT_ITEM: constant(uint256) = 39

# What a block's rules have; evm/step/block_records.py, Rule.
OPTIMISM: constant(uint256) = 1
FEE_PARAMETERS: constant(uint256) = 2
MIN_BASE_FEE: constant(uint256) = 4
MESSAGE_PASSER_ROOT: constant(uint256) = 8
OPERATOR_FEE: constant(uint256) = 16
DA_FOOTPRINT: constant(uint256) = 32
PARENT_HASHES: constant(uint256) = 64
REQUESTS: constant(uint256) = 128
FASTLZ: constant(uint256) = 256
PARENT_FEE_PARAMETERS: constant(uint256) = 512
PARENT_MIN_BASE_FEE: constant(uint256) = 1024
PARENT_DA_FOOTPRINT: constant(uint256) = 2048

# Of the inputs tree: block n is leaf n mod 65,536.
INPUTS_DEPTH: constant(uint256) = 16


struct ChainRules:
    fork: uint256
    chainId: uint256
    has: uint256
    types: uint256
    floorPerToken: uint256
    maxTransactionGas: uint256
    denominator: uint256
    elasticity: uint256
    maxBlobs: uint256
    blobTarget: uint256
    blobMax: uint256
    blobUpdateFraction: uint256
    blobBaseCost: uint256
    depositContract: uint256
    operatorFeeFactor: uint256
    operatorFeeDivisor: uint256


struct Claim:
    agreed: bytes32
    disputed: bytes32
    number: uint256
    l1Head: bytes32
    inputs: bytes32


struct Attributes:
    timestamp: uint256
    prevRandao: uint256
    feeRecipient: uint256
    gasLimit: uint256
    beaconRoot: bytes32
    denominator: uint256
    elasticity: uint256
    minBaseFee: uint256
    extraData: bytes32
    transactionCount: uint256
    transactions: bytes32
    rules: bytes32


struct Data:
    root: bytes32
    length: uint256


struct BlockRest:
    claim: bytes32
    attributes: bytes32
    rules: bytes32
    parentHash: bytes32
    excessBlobGas: uint256
    transactionCount: uint256
    depositsOnly: uint256


struct Recount:
    left: bytes32
    count: uint256


@internal
@view
def openChainRules(cursor: uint256, wanted: bytes32) -> ChainRules:
    node: Bytes[CHAIN_RULES_ITEM] = slice(msg.data, cursor, CHAIN_RULES_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, CHAIN_RULES_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == CHAIN_RULES_SIZE
    )
    return ChainRules(
        fork=convert(extract32(node, 3), uint256) >> 248,
        chainId=convert(extract32(node, 4), uint256),
        has=convert(extract32(node, 36), uint256) >> 224,
        types=convert(extract32(node, 40), uint256) >> 248,
        floorPerToken=convert(extract32(node, 41), uint256) >> 248,
        maxTransactionGas=convert(extract32(node, 42), uint256) >> 192,
        denominator=convert(extract32(node, 50), uint256) >> 224,
        elasticity=convert(extract32(node, 54), uint256) >> 224,
        maxBlobs=convert(extract32(node, 58), uint256) >> 240,
        blobTarget=convert(extract32(node, 60), uint256) >> 240,
        blobMax=convert(extract32(node, 62), uint256) >> 240,
        blobUpdateFraction=convert(extract32(node, 64), uint256) >> 192,
        blobBaseCost=convert(extract32(node, 72), uint256) >> 192,
        depositContract=convert(slice(node, 80, 20), uint256),
        operatorFeeFactor=convert(slice(node, 100, 4), uint256),
        operatorFeeDivisor=convert(slice(node, 104, 4), uint256),
    )


@internal
@pure
def nameChainRules(chainRules: ChainRules) -> bytes32:
    return keccak256(
        concat(
            convert(convert(chainRules.fork, uint8), bytes1),
            convert(chainRules.chainId, bytes32),
            convert(convert(chainRules.has, uint32), bytes4),
            convert(convert(chainRules.types, uint8), bytes1),
            convert(convert(chainRules.floorPerToken, uint8), bytes1),
            convert(convert(chainRules.maxTransactionGas, uint64), bytes8),
            convert(convert(chainRules.denominator, uint32), bytes4),
            convert(convert(chainRules.elasticity, uint32), bytes4),
            convert(convert(chainRules.maxBlobs, uint16), bytes2),
            convert(convert(chainRules.blobTarget, uint16), bytes2),
            convert(convert(chainRules.blobMax, uint16), bytes2),
            convert(convert(chainRules.blobUpdateFraction, uint64), bytes8),
            convert(convert(chainRules.blobBaseCost, uint64), bytes8),
            convert(convert(chainRules.depositContract, uint160), bytes20),
            convert(convert(chainRules.operatorFeeFactor, uint32), bytes4),
            convert(convert(chainRules.operatorFeeDivisor, uint32), bytes4),
        )
    )


@internal
@view
def openClaim(cursor: uint256, wanted: bytes32) -> Claim:
    node: Bytes[CLAIM_ITEM] = slice(msg.data, cursor, CLAIM_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, CLAIM_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == CLAIM_SIZE
    )
    return Claim(
        agreed=extract32(node, 3),
        disputed=extract32(node, 35),
        number=convert(extract32(node, 67), uint256) >> 192,
        l1Head=extract32(node, 75),
        inputs=extract32(node, 107),
    )


@internal
@pure
def nameClaim(claim: Claim) -> bytes32:
    return keccak256(
        concat(
            claim.agreed,
            claim.disputed,
            convert(convert(claim.number, uint64), bytes8),
            claim.l1Head,
            claim.inputs,
        )
    )


@internal
@view
def openAttributes(cursor: uint256, wanted: bytes32) -> Attributes:
    node: Bytes[ATTRIBUTES_ITEM] = slice(msg.data, cursor, ATTRIBUTES_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, ATTRIBUTES_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == ATTRIBUTES_SIZE
    )
    return Attributes(
        timestamp=convert(extract32(node, 3), uint256) >> 192,
        prevRandao=convert(extract32(node, 11), uint256),
        feeRecipient=convert(extract32(node, 43), uint256) >> 96,
        gasLimit=convert(extract32(node, 63), uint256) >> 192,
        beaconRoot=extract32(node, 71),
        denominator=convert(extract32(node, 103), uint256) >> 224,
        elasticity=convert(extract32(node, 107), uint256) >> 224,
        minBaseFee=convert(extract32(node, 111), uint256) >> 192,
        extraData=extract32(node, 119),
        transactionCount=convert(extract32(node, 151), uint256) >> 224,
        transactions=extract32(node, 155),
        rules=extract32(node, 187),
    )


@internal
@pure
def nameAttributes(attributes: Attributes) -> bytes32:
    return keccak256(
        concat(
            convert(convert(attributes.timestamp, uint64), bytes8),
            convert(attributes.prevRandao, bytes32),
            convert(convert(attributes.feeRecipient, uint160), bytes20),
            convert(convert(attributes.gasLimit, uint64), bytes8),
            attributes.beaconRoot,
            convert(convert(attributes.denominator, uint32), bytes4),
            convert(convert(attributes.elasticity, uint32), bytes4),
            convert(convert(attributes.minBaseFee, uint64), bytes8),
            attributes.extraData,
            convert(convert(attributes.transactionCount, uint32), bytes4),
            attributes.transactions,
            attributes.rules,
        )
    )


@internal
@view
def openData(cursor: uint256, wanted: bytes32) -> Data:
    node: Bytes[DATA_ITEM] = slice(msg.data, cursor, DATA_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, DATA_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == DATA_SIZE
    )
    return Data(
        root=extract32(node, 3),
        length=convert(slice(node, 35, 4), uint256),
    )


@internal
@pure
def nameData(data: Data) -> bytes32:
    return keccak256(
        concat(
            data.root,
            convert(convert(data.length, uint32), bytes4),
        )
    )


@internal
@view
def openBlockRest(cursor: uint256, wanted: bytes32) -> BlockRest:
    node: Bytes[BLOCK_REST_ITEM] = slice(msg.data, cursor, BLOCK_REST_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, BLOCK_REST_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == BLOCK_REST_SIZE
    )
    return BlockRest(
        claim=extract32(node, 3),
        attributes=extract32(node, 35),
        rules=extract32(node, 67),
        parentHash=extract32(node, 99),
        excessBlobGas=convert(slice(node, 131, 8), uint256),
        transactionCount=convert(slice(node, 139, 4), uint256),
        depositsOnly=convert(slice(node, 143, 1), uint256),
    )


@internal
@pure
def nameBlockRest(blockRest: BlockRest) -> bytes32:
    return keccak256(
        concat(
            blockRest.claim,
            blockRest.attributes,
            blockRest.rules,
            blockRest.parentHash,
            convert(convert(blockRest.excessBlobGas, uint64), bytes8),
            convert(convert(blockRest.transactionCount, uint32), bytes4),
            convert(convert(blockRest.depositsOnly, uint8), bytes1),
        )
    )


@internal
@view
def openRecount(cursor: uint256, wanted: bytes32) -> Recount:
    node: Bytes[RECOUNT_ITEM] = slice(msg.data, cursor, RECOUNT_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, RECOUNT_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == RECOUNT_SIZE
    )
    return Recount(
        left=extract32(node, 3),
        count=convert(slice(node, 35, 4), uint256),
    )


@internal
@pure
def nameRecount(recount: Recount) -> bytes32:
    return keccak256(
        concat(
            recount.left,
            convert(convert(recount.count, uint32), bytes4),
        )
    )
