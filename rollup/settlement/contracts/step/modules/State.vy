# pragma version 0.4.3
# pragma evm-version cancun
"""
@title State
@notice The state between two steps, its effects, frames and calls: opened from the witness, packed
        into their names again.
@dev docs/protocol/one-step.md, "The state". Numbers are held as uint256 and checked when packed.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

# Phases.
BLOCK_BEGIN: constant(uint256) = 0
SYSTEM_CALL: constant(uint256) = 1
TRANSACTION_BEGIN: constant(uint256) = 2
TRANSACTION_END: constant(uint256) = 3
BLOCK_END: constant(uint256) = 4
RUN: constant(uint256) = 5
COPY: constant(uint256) = 6
HASH: constant(uint256) = 7
ENTER: constant(uint256) = 8
PRECOMPILE: constant(uint256) = 9
LEAVE: constant(uint256) = 10
LOAD: constant(uint256) = 11
VALID: constant(uint256) = 12
INVALID: constant(uint256) = 13

STATE_SIZE: constant(uint256) = 129
EFFECTS_SIZE: constant(uint256) = 140
FRAME_SIZE: constant(uint256) = 186
CALL_SIZE: constant(uint256) = 207
CONTEXT_SIZE: constant(uint256) = 64
# The same with the length before it, as they stand in a witness.
EFFECTS_ITEM: constant(uint256) = 143
FRAME_ITEM: constant(uint256) = 189
CALL_ITEM: constant(uint256) = 210

# Flags of a call.
STATIC: constant(uint256) = 1
CREATION: constant(uint256) = 2
KEEPS_VALUE: constant(uint256) = 4
DELEGATED: constant(uint256) = 8
SALTED: constant(uint256) = 16
SYSTEM: constant(uint256) = 32

# The OP Stack's VM status: 3 while steps are left.
UNFINISHED: constant(uint256) = 3


U16: constant(uint256) = 2**16 - 1
U32: constant(uint256) = 2**32 - 1
U64: constant(uint256) = 2**64 - 1
U160: constant(uint256) = 2**160 - 1


struct Machine:
    phase: uint256
    pending: bytes32
    context: bytes32
    effects: bytes32
    frame: bytes32


struct Effects:
    world: bytes32
    journal: bytes32
    destroyed: bytes32
    logs: bytes32
    # Two's complement in 64 bits.
    refund: uint256
    # Number of the current transaction, counted from 1.
    transaction: uint256


struct Frame:
    pc: uint256
    gas: uint256
    size: uint256
    stack: bytes32
    words: uint256
    memory: bytes32
    code: bytes32
    codeLength: uint256
    returned: bytes32
    returnedLength: uint256
    call: bytes32


struct Call:
    depth: uint256
    flags: uint256
    target: uint256
    caller: uint256
    amount: uint256
    codeAddress: uint256
    generation: uint256
    calldata: bytes32
    calldataLength: uint256
    outputOffset: uint256
    outputSize: uint256
    entryEffects: bytes32
    parent: bytes32


@internal
@view
def read() -> Machine:
    """
    @notice The state of the call, whose hash the caller has to know.
    """
    data: Bytes[STATE_SIZE] = slice(msg.data, Tape.STATE, STATE_SIZE)
    return Machine(
        phase=convert(slice(data, 0, 1), uint256),
        pending=extract32(data, 1),
        context=extract32(data, 33),
        effects=extract32(data, 65),
        frame=extract32(data, 97),
    )


@internal
@pure
def commitment(machine: Machine) -> bytes32:
    """
    @notice The name of a state with its status in the first byte.
    """
    status: uint256 = UNFINISHED
    if machine.phase == VALID:
        status = 0
    elif machine.phase == INVALID:
        status = 1
    digest: bytes32 = keccak256(
        concat(
            convert(convert(machine.phase, uint8), bytes1),
            machine.pending,
            machine.context,
            machine.effects,
            machine.frame,
        )
    )
    return convert(((convert(digest, uint256) << 8) >> 8) | (status << 248), bytes32)


@internal
@view
def openFrame(cursor: uint256, wanted: bytes32) -> Frame:
    node: Bytes[FRAME_ITEM] = slice(msg.data, cursor, FRAME_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, FRAME_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == FRAME_SIZE
    )
    head: uint256 = convert(extract32(node, 3), uint256)
    return Frame(
        pc=head >> 224,
        gas=(head >> 160) & U64,
        size=(head >> 144) & U16,
        stack=extract32(node, 17),
        words=convert(extract32(node, 49), uint256) >> 224,
        memory=extract32(node, 53),
        code=extract32(node, 85),
        codeLength=convert(extract32(node, 117), uint256) >> 224,
        returned=extract32(node, 121),
        returnedLength=convert(extract32(node, 153), uint256) >> 224,
        call=extract32(node, 157),
    )


@internal
@pure
def nameFrame(frame: Frame) -> bytes32:
    return keccak256(
        concat(
            convert(
                convert((frame.pc << 80) | (frame.gas << 16) | frame.size, uint112), bytes14
            ),
            frame.stack,
            convert(convert(frame.words, uint32), bytes4),
            frame.memory,
            frame.code,
            convert(convert(frame.codeLength, uint32), bytes4),
            frame.returned,
            convert(convert(frame.returnedLength, uint32), bytes4),
            frame.call,
        )
    )


@internal
@view
def openEffects(cursor: uint256, wanted: bytes32) -> Effects:
    node: Bytes[EFFECTS_ITEM] = slice(msg.data, cursor, EFFECTS_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, EFFECTS_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == EFFECTS_SIZE
    )
    return Effects(
        world=extract32(node, 3),
        journal=extract32(node, 35),
        destroyed=extract32(node, 67),
        logs=extract32(node, 99),
        refund=convert(slice(node, 131, 8), uint256),
        transaction=convert(slice(node, 139, 4), uint256),
    )


@internal
@pure
def nameEffects(effects: Effects) -> bytes32:
    return keccak256(
        concat(
            effects.world,
            effects.journal,
            effects.destroyed,
            effects.logs,
            convert(convert(effects.refund & U64, uint64), bytes8),
            convert(convert(effects.transaction, uint32), bytes4),
        )
    )


@internal
@view
def openCall(cursor: uint256, wanted: bytes32) -> Call:
    node: Bytes[CALL_ITEM] = slice(msg.data, cursor, CALL_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, CALL_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == CALL_SIZE
    )
    head: uint256 = convert(extract32(node, 3), uint256)
    sizes: uint256 = convert(extract32(node, 138), uint256)
    return Call(
        depth=head >> 240,
        flags=(head >> 232) & 255,
        target=(head >> 72) & U160,
        caller=convert(extract32(node, 26), uint256) >> 96,
        amount=convert(extract32(node, 46), uint256),
        codeAddress=convert(extract32(node, 78), uint256) >> 96,
        generation=convert(extract32(node, 98), uint256) >> 224,
        calldata=extract32(node, 102),
        calldataLength=convert(extract32(node, 134), uint256) >> 224,
        outputOffset=sizes >> 224,
        outputSize=(sizes >> 192) & U32,
        entryEffects=extract32(node, 146),
        parent=extract32(node, 178),
    )


@internal
@pure
def nameCall(call: Call) -> bytes32:
    return keccak256(
        concat(
            convert(convert((call.depth << 8) | call.flags, uint24), bytes3),
            convert(convert(call.target, uint160), bytes20),
            convert(convert(call.caller, uint160), bytes20),
            convert(call.amount, bytes32),
            convert(convert(call.codeAddress, uint160), bytes20),
            convert(convert(call.generation, uint32), bytes4),
            call.calldata,
            convert(convert(call.calldataLength, uint32), bytes4),
            convert(convert(call.outputOffset, uint32), bytes4),
            convert(convert(call.outputSize, uint32), bytes4),
            call.entryEffects,
            call.parent,
        )
    )
