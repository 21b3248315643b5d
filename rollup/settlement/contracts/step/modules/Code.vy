# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Code
@notice Opcodes and the data of PUSH, read from the tree of a code's chunks.
@dev docs/protocol/one-step.md, "Code tree". A leaf is 33 bytes: how many bytes of the chunk belong
     to a PUSH that began earlier (EIP-2926), then the chunk.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

LEAF_SIZE: constant(uint256) = 33
LEAF_ITEM: constant(uint256) = 36
PUSH1: constant(uint256) = 96
PUSH32: constant(uint256) = 127
JUMPDEST: constant(uint256) = 91


struct Chunk:
    data: uint256
    skip: uint256
    # After the chunk and the way to it.
    cursor: uint256


@internal
@view
def chunk(cursor: uint256, root: bytes32, length: uint256, index: uint256) -> Chunk:
    """
    @notice Open the way to a chunk and the chunk. The index has to be inside of the code.
    """
    levels: uint256 = Tape.depth((length + 31) // 32)
    at: uint256 = cursor + levels * Tape.PAIR
    leaf: Bytes[LEAF_ITEM] = slice(msg.data, at, LEAF_ITEM)
    Tape.expect(
        keccak256(slice(leaf, 3, LEAF_SIZE)) == Tape.descend(cursor, root, levels, index)
        and convert(slice(leaf, 0, 3), uint256) == LEAF_SIZE
    )
    return Chunk(
        data=convert(extract32(leaf, 4), uint256),
        skip=convert(slice(leaf, 3, 1), uint256),
        cursor=at + LEAF_ITEM,
    )


@internal
@pure
def byteAt(data: uint256, offset: uint256) -> uint256:
    return (data >> (8 * (31 - offset))) & 255


@internal
@pure
def isTarget(part: Chunk, offset: uint256) -> bool:
    """
    @notice Whether there is a JUMPDEST at that byte of a chunk that is no data of a PUSH.
    """
    if (part.data >> (8 * (31 - offset))) & 255 != JUMPDEST:
        return False
    at: uint256 = part.skip
    for _: uint256 in range(32):
        if at >= offset:
            break
        opcode: uint256 = (part.data >> (8 * (31 - at))) & 255
        at += 1
        if opcode >= PUSH1 and opcode <= PUSH32:
            at += opcode - PUSH1 + 1
    return at == offset
