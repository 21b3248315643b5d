# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Pending
@notice What a phase has to remember.
@dev The records of evm/step/state.py, field by field; SIZE is that of the bytes, ITEM with their length
     before them, as they stand in a witness. Numbers are held as uint256 and checked when packed.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

MESSAGE_SIZE: constant(uint256) = 179
MESSAGE_ITEM: constant(uint256) = 182
OUTCOME_SIZE: constant(uint256) = 77
OUTCOME_ITEM: constant(uint256) = 80
COPY_SIZE: constant(uint256) = 118
COPY_ITEM: constant(uint256) = 121
LOG_ITEM_SIZE: constant(uint256) = 185
LOG_ITEM_ITEM: constant(uint256) = 188
HASHING_SIZE: constant(uint256) = 76
HASHING_ITEM: constant(uint256) = 79
LOAD_SIZE: constant(uint256) = 86
LOAD_ITEM: constant(uint256) = 89

# Ending of an outcome.
FAILED: constant(uint256) = 0
SUCCEEDED: constant(uint256) = 1
REVERTED: constant(uint256) = 2
DEPOSITED: constant(uint256) = 3
# Source kind of a copy.
WORDS: constant(uint256) = 0
CODE: constant(uint256) = 1
# What a copy is for.
THEN_MEMORY: constant(uint256) = 0
THEN_MESSAGE: constant(uint256) = 1
THEN_OUTPUT: constant(uint256) = 2
THEN_LOG: constant(uint256) = 3
# What a load puts into the world map.
LOAD_ACCOUNT: constant(uint256) = 1
LOAD_SLOT: constant(uint256) = 2
LOAD_CODE: constant(uint256) = 4


struct Message:
    gas: uint256
    flags: uint256
    depth: uint256
    target: uint256
    caller: uint256
    amount: uint256
    codeAddress: uint256
    calldata: bytes32
    calldataLength: uint256
    outputOffset: uint256
    outputSize: uint256
    salt: uint256


struct Outcome:
    ending: uint256
    gas: uint256
    output: bytes32
    outputLength: uint256
    call: bytes32


struct Copy:
    then: uint256
    sourceKind: uint256
    source: bytes32
    sourceLength: uint256
    sourceOffset: uint256
    target: bytes32
    targetLength: uint256
    targetOffset: uint256
    left: uint256
    next: bytes32


struct LogItem:
    emitter: uint256
    topicCount: uint256
    topic0: uint256
    topic1: uint256
    topic2: uint256
    topic3: uint256
    data: bytes32
    dataLength: uint256


struct Hashing:
    source: bytes32
    sourceLength: uint256
    offset: uint256
    left: uint256
    sponge: bytes32


struct Load:
    kind: uint256
    target: uint256
    key: uint256
    backPhase: uint256
    backPending: bytes32


@internal
@view
def openMessage(cursor: uint256, wanted: bytes32) -> Message:
    node: Bytes[MESSAGE_ITEM] = slice(msg.data, cursor, MESSAGE_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, MESSAGE_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == MESSAGE_SIZE
    )
    return Message(
        gas=convert(extract32(node, 3), uint256) >> 192,
        flags=convert(extract32(node, 11), uint256) >> 248,
        depth=convert(extract32(node, 12), uint256) >> 240,
        target=convert(extract32(node, 14), uint256) >> 96,
        caller=convert(extract32(node, 34), uint256) >> 96,
        amount=convert(extract32(node, 54), uint256),
        codeAddress=convert(extract32(node, 86), uint256) >> 96,
        calldata=extract32(node, 106),
        calldataLength=convert(extract32(node, 138), uint256) >> 224,
        outputOffset=convert(extract32(node, 142), uint256) >> 224,
        outputSize=convert(extract32(node, 146), uint256) >> 224,
        salt=convert(extract32(node, 150), uint256),
    )


@internal
@pure
def nameMessage(message: Message) -> bytes32:
    return keccak256(
        concat(
            convert(convert(message.gas, uint64), bytes8),
            convert(convert(message.flags, uint8), bytes1),
            convert(convert(message.depth, uint16), bytes2),
            convert(convert(message.target, uint160), bytes20),
            convert(convert(message.caller, uint160), bytes20),
            convert(message.amount, bytes32),
            convert(convert(message.codeAddress, uint160), bytes20),
            message.calldata,
            convert(convert(message.calldataLength, uint32), bytes4),
            convert(convert(message.outputOffset, uint32), bytes4),
            convert(convert(message.outputSize, uint32), bytes4),
            convert(message.salt, bytes32),
        )
    )


@internal
@view
def openOutcome(cursor: uint256, wanted: bytes32) -> Outcome:
    node: Bytes[OUTCOME_ITEM] = slice(msg.data, cursor, OUTCOME_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, OUTCOME_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == OUTCOME_SIZE
    )
    return Outcome(
        ending=convert(extract32(node, 3), uint256) >> 248,
        gas=convert(extract32(node, 4), uint256) >> 192,
        output=extract32(node, 12),
        outputLength=convert(extract32(node, 44), uint256) >> 224,
        call=extract32(node, 48),
    )


@internal
@pure
def nameOutcome(outcome: Outcome) -> bytes32:
    return keccak256(
        concat(
            convert(convert(outcome.ending, uint8), bytes1),
            convert(convert(outcome.gas, uint64), bytes8),
            outcome.output,
            convert(convert(outcome.outputLength, uint32), bytes4),
            outcome.call,
        )
    )


@internal
@view
def openCopy(cursor: uint256, wanted: bytes32) -> Copy:
    node: Bytes[COPY_ITEM] = slice(msg.data, cursor, COPY_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, COPY_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == COPY_SIZE
    )
    return Copy(
        then=convert(extract32(node, 3), uint256) >> 248,
        sourceKind=convert(extract32(node, 4), uint256) >> 248,
        source=extract32(node, 5),
        sourceLength=convert(extract32(node, 37), uint256) >> 224,
        sourceOffset=convert(extract32(node, 41), uint256) >> 224,
        target=extract32(node, 45),
        targetLength=convert(extract32(node, 77), uint256) >> 224,
        targetOffset=convert(extract32(node, 81), uint256) >> 224,
        left=convert(extract32(node, 85), uint256) >> 224,
        next=extract32(node, 89),
    )


@internal
@pure
def nameCopy(copy: Copy) -> bytes32:
    return keccak256(
        concat(
            convert(convert(copy.then, uint8), bytes1),
            convert(convert(copy.sourceKind, uint8), bytes1),
            copy.source,
            convert(convert(copy.sourceLength, uint32), bytes4),
            convert(convert(copy.sourceOffset, uint32), bytes4),
            copy.target,
            convert(convert(copy.targetLength, uint32), bytes4),
            convert(convert(copy.targetOffset, uint32), bytes4),
            convert(convert(copy.left, uint32), bytes4),
            copy.next,
        )
    )


@internal
@view
def openLogItem(cursor: uint256, wanted: bytes32) -> LogItem:
    node: Bytes[LOG_ITEM_ITEM] = slice(msg.data, cursor, LOG_ITEM_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, LOG_ITEM_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == LOG_ITEM_SIZE
    )
    return LogItem(
        emitter=convert(extract32(node, 3), uint256) >> 96,
        topicCount=convert(extract32(node, 23), uint256) >> 248,
        topic0=convert(extract32(node, 24), uint256),
        topic1=convert(extract32(node, 56), uint256),
        topic2=convert(extract32(node, 88), uint256),
        topic3=convert(extract32(node, 120), uint256),
        data=extract32(node, 152),
        dataLength=convert(slice(node, 184, 4), uint256),
    )


@internal
@pure
def nameLogItem(logItem: LogItem) -> bytes32:
    return keccak256(
        concat(
            convert(convert(logItem.emitter, uint160), bytes20),
            convert(convert(logItem.topicCount, uint8), bytes1),
            convert(logItem.topic0, bytes32),
            convert(logItem.topic1, bytes32),
            convert(logItem.topic2, bytes32),
            convert(logItem.topic3, bytes32),
            logItem.data,
            convert(convert(logItem.dataLength, uint32), bytes4),
        )
    )


@internal
@view
def openHashing(cursor: uint256, wanted: bytes32) -> Hashing:
    node: Bytes[HASHING_ITEM] = slice(msg.data, cursor, HASHING_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, HASHING_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == HASHING_SIZE
    )
    return Hashing(
        source=extract32(node, 3),
        sourceLength=convert(extract32(node, 35), uint256) >> 224,
        offset=convert(extract32(node, 39), uint256) >> 224,
        left=convert(extract32(node, 43), uint256) >> 224,
        sponge=extract32(node, 47),
    )


@internal
@pure
def nameHashing(hashing: Hashing) -> bytes32:
    return keccak256(
        concat(
            hashing.source,
            convert(convert(hashing.sourceLength, uint32), bytes4),
            convert(convert(hashing.offset, uint32), bytes4),
            convert(convert(hashing.left, uint32), bytes4),
            hashing.sponge,
        )
    )


@internal
@view
def openLoad(cursor: uint256, wanted: bytes32) -> Load:
    node: Bytes[LOAD_ITEM] = slice(msg.data, cursor, LOAD_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, LOAD_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == LOAD_SIZE
    )
    return Load(
        kind=convert(extract32(node, 3), uint256) >> 248,
        target=convert(extract32(node, 4), uint256) >> 96,
        key=convert(extract32(node, 24), uint256),
        backPhase=convert(extract32(node, 56), uint256) >> 248,
        backPending=extract32(node, 57),
    )


@internal
@pure
def nameLoad(load: Load) -> bytes32:
    return keccak256(
        concat(
            convert(convert(load.kind, uint8), bytes1),
            convert(convert(load.target, uint160), bytes20),
            convert(load.key, bytes32),
            convert(convert(load.backPhase, uint8), bytes1),
            load.backPending,
        )
    )
