# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Program
@notice Trees of whole codes and data, built from where they stand in the witness.
@dev docs/protocol/one-step.md, "Code tree" and "Word tree". Leaf after leaf, with one pending node
     a level, so that memory does not grow with the code.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_LEAVES: constant(uint256) = 2048
MAX_DEPTH: constant(uint256) = 12


@internal
@pure
def _skip(word: uint256, given: uint256) -> uint256:
    """
    @notice How many bytes of the next chunk belong to a PUSH of this one.
    """
    at: uint256 = given
    for _: uint256 in range(32):
        if at >= 32:
            break
        opcode: uint256 = (word >> unsafe_sub(248, unsafe_mul(8, at))) & 255
        at = unsafe_add(at, 1)
        if opcode >= 96 and opcode <= 127:
            at = unsafe_add(at, unsafe_sub(opcode, 95))
    return unsafe_sub(at, 32)


@internal
@pure
def _masked(word: uint256, size: uint256) -> uint256:
    # The first bytes of a word, zeros behind them.
    return word if size >= 32 else (word >> (8 * (32 - size))) << (8 * (32 - size))


@internal
@view
def wordTree(at: uint256, depth: uint256) -> bytes32:
    """
    @notice The tree of 2^depth words that stand at a position of msg.data.
    """
    left: bytes32[MAX_DEPTH] = empty(bytes32[MAX_DEPTH])
    node: bytes32 = empty(bytes32)
    for i: uint256 in range(1 << depth, bound=MAX_LEAVES):
        node = Tape.name(at + 32 * i)
        level: uint256 = 0
        for _: uint256 in range(MAX_DEPTH):
            if (i >> level) & 1 == 0:
                left[level] = node
                break
            node = keccak256(concat(left[level], node))
            level += 1
    return node


@internal
@view
def codeTree(at: uint256, size: uint256) -> bytes32:
    """
    @notice The tree of a code of `size` bytes at a position of msg.data; no code: the zero hash.
    """
    left: bytes32[MAX_DEPTH] = empty(bytes32[MAX_DEPTH])
    node: bytes32 = empty(bytes32)
    count: uint256 = (size + 31) >> 5
    if count == 0:
        return node
    skip: uint256 = 0
    for i: uint256 in range(1 << Tape.depth(count), bound=MAX_LEAVES):
        node = empty(bytes32)
        if i < count:
            word: uint256 = self._masked(Tape.word(at + 32 * i), size - 32 * i)
            node = keccak256(
                concat(convert(convert(skip, uint8), bytes1), convert(word, bytes32))
            )
            skip = self._skip(word, skip)
        level: uint256 = 0
        for _: uint256 in range(MAX_DEPTH):
            if (i >> level) & 1 == 0:
                left[level] = node
                break
            node = keccak256(concat(left[level], node))
            level += 1
    return node
