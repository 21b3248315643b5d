# pragma version 0.4.3
# pragma evm-version cancun
"""
@title WorldMap
@notice What a block has touched of the world so far: a binary tree over 256-bit keys.
@dev docs/protocol/one-step.md, "World map". An entry stands as high as it can; nothing is removed.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

NODE_SIZE: constant(uint256) = 65
NODE_ITEM: constant(uint256) = 68
# First bytes of a node.
ENTRY: constant(uint256) = 0
BRANCH: constant(uint256) = 1


struct Way:
    # Where the first node of the way stands in the witness, and how many branches follow.
    start: uint256
    branches: uint256
    # What the way ends at: an entry, of this key or another, or nothing (the zero hash).
    end: bytes32
    endKey: uint256
    value: bytes32
    isFound: bool
    # After the way.
    cursor: uint256


@internal
@view
def find(cursor: uint256, world: bytes32, key: bytes32) -> Way:
    """
    @notice Open the way to a key.
    """
    way: Way = Way(
        start=cursor,
        branches=0,
        end=world,
        endKey=0,
        value=empty(bytes32),
        isFound=False,
        cursor=cursor,
    )
    for level: uint256 in range(256):
        if way.end == empty(bytes32):
            return way
        node: Bytes[NODE_ITEM] = slice(msg.data, way.cursor, NODE_ITEM)
        Tape.expect(
            keccak256(slice(node, 3, NODE_SIZE)) == way.end
            and convert(slice(node, 0, 3), uint256) == NODE_SIZE
        )
        way.cursor += NODE_ITEM
        if convert(slice(node, 3, 1), uint256) == ENTRY:
            way.endKey = convert(extract32(node, 4), uint256)
            way.isFound = way.endKey == convert(key, uint256)
            way.value = extract32(node, 36)
            return way
        if (convert(key, uint256) >> (255 - level)) & 1 == 1:
            way.end = extract32(node, 36)
        else:
            way.end = extract32(node, 4)
        way.branches += 1
    raise "WorldMap: a way of 256 branches"


@internal
@pure
def entry(key: bytes32, named: bytes32) -> bytes32:
    return keccak256(concat(convert(convert(ENTRY, uint8), bytes1), key, named))


@internal
@pure
def branch(isRight: bool, way: bytes32, sibling: bytes32) -> bytes32:
    if isRight:
        return keccak256(concat(convert(convert(BRANCH, uint8), bytes1), sibling, way))
    return keccak256(concat(convert(convert(BRANCH, uint8), bytes1), way, sibling))


@internal
@view
def put(way: Way, key: bytes32, named: bytes32) -> bytes32:
    """
    @notice The map with another value for the key, or one more key, at the end of its way.
    """
    number: uint256 = convert(key, uint256)
    made: bytes32 = self.entry(key, named)
    if way.end != empty(bytes32) and not way.isFound:
        # Another entry stands here: branches down to the first bit in which the keys differ.
        differing: uint256 = number ^ way.endKey
        level: uint256 = way.branches
        for _: uint256 in range(256):
            if (differing >> (255 - level)) & 1 == 1:
                break
            level += 1
        made = self.branch((number >> (255 - level)) & 1 == 1, made, way.end)
        for _: uint256 in range(level - way.branches, bound=256):
            level -= 1
            made = self.branch((number >> (255 - level)) & 1 == 1, made, empty(bytes32))
    at: uint256 = way.start + way.branches * NODE_ITEM
    bit: uint256 = 256 - way.branches
    for _: uint256 in range(way.branches, bound=256):
        at -= NODE_ITEM
        isRight: bool = (number >> bit) & 1 == 1
        made = self.branch(isRight, made, Tape.name(at + 4 if isRight else at + 36))
        bit += 1
    return made
