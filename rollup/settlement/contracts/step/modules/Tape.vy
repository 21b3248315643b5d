# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Tape
@notice The witness of one step, read in place: a list of preimages, each opened by its hash.
@dev The call is `step(bytes stateData, bytes proof, bytes32 localContext)`, encoded as Solidity and
     Vyper do: both tails in order and nothing between them. So state and witness begin at fixed
     places of msg.data, no part of them is copied before it is needed, and a cursor is a position
     in msg.data. See docs/protocol/one-step.md, "The rule behind every structure".
"""

# Where the call's parts begin in msg.data: selector, three words of head, then the tails.
STATE: constant(uint256) = 132
PROOF_LENGTH: constant(uint256) = 292
PROOF: constant(uint256) = 324
# Bytes before a preimage: its length, u24.
HEAD: constant(uint256) = 3
# What opening a node of two hashes takes from the witness.
PAIR: constant(uint256) = 67


@internal
@view
def word(position: uint256) -> uint256:
    return convert(slice(msg.data, position, 32), uint256)


@internal
@view
def name(position: uint256) -> bytes32:
    return convert(slice(msg.data, position, 32), bytes32)


@internal
@view
def begin() -> uint256:
    """
    @notice Check how the call is encoded; the cursor before the first preimage.
    """
    # Offset of stateData, offset of proof, length of stateData.
    assert (
        self.word(4) == 96 and self.word(36) == 288 and self.word(100) == 129
    ), "Tape: not encoded as step(bytes,bytes,bytes32) with a state of 129 bytes"
    return PROOF


@internal
@view
def finish(cursor: uint256):
    """
    @notice Refuse a witness that is longer or shorter than what was opened.
    """
    assert cursor == PROOF + self.word(PROOF_LENGTH), "Tape: the witness goes on after the step"


@internal
@view
def size(cursor: uint256) -> uint256:
    """
    @notice Length in bytes of the next preimage.
    """
    return convert(slice(msg.data, cursor, HEAD), uint256)


@internal
@pure
def expect(isNamed: bool):
    """
    @notice Refuse a preimage that is not what its parent names.
    """
    assert isNamed, "Tape: not the preimage that was named"


@internal
@view
def pair(cursor: uint256, wanted: bytes32) -> (bytes32, bytes32):
    """
    @notice Open a node of two hashes or words.
    """
    node: Bytes[PAIR] = slice(msg.data, cursor, PAIR)
    self.expect(
        keccak256(slice(node, HEAD, 64)) == wanted and convert(slice(node, 0, HEAD), uint256) == 64
    )
    return extract32(node, 3), extract32(node, 35)


@internal
@view
def descend(cursor: uint256, root: bytes32, levels: uint256, index: uint256) -> bytes32:
    """
    @notice Open the nodes of a binary tree from its root down; the name of the leaf at an index.
    @param levels How many nodes; they take `PAIR` bytes each.
    @param index The path: the bit of the highest level decides at the root.
    """
    found: bytes32 = root
    at: uint256 = cursor
    bit: uint256 = levels
    for _: uint256 in range(levels, bound=32):
        bit -= 1
        node: Bytes[PAIR] = slice(msg.data, at, PAIR)
        self.expect(
            keccak256(slice(node, HEAD, 64)) == found
            and convert(slice(node, 0, HEAD), uint256) == 64
        )
        found = extract32(node, 35) if (index >> bit) & 1 == 1 else extract32(node, 3)
        at += PAIR
    return found


@internal
@view
def ascend(cursor: uint256, levels: uint256, index: uint256, leaf: bytes32) -> bytes32:
    """
    @notice The root of a tree after a leaf was replaced on a path that `descend` has checked.
    """
    made: bytes32 = leaf
    at: uint256 = cursor + PAIR * levels
    bit: uint256 = 0
    for _: uint256 in range(levels, bound=32):
        at -= PAIR
        if (index >> bit) & 1 == 1:
            made = keccak256(concat(self.name(at + 3), made))
        else:
            made = keccak256(concat(made, self.name(at + 35)))
        bit += 1
    return made


@internal
@pure
def depth(count: uint256) -> uint256:
    """
    @notice ceil(log2(max(count, 1))): the levels of a tree with that many leaves.
    """
    levels: uint256 = 0
    for _: uint256 in range(32):
        if (1 << levels) >= count:
            break
        levels += 1
    return levels
