# pragma version 0.4.3
# pragma evm-version cancun
"""
@title WordTree
@notice Memory, calldata, return data, log data: trees of words, read and written by a word or by a
        window of 32 words.
@dev docs/protocol/one-step.md, "Word tree".
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

WINDOW_DEPTH: constant(uint256) = 5
WINDOW_WORDS: constant(uint256) = 32
WINDOW_BYTES: constant(uint256) = 1024


struct Window:
    words: bytes32[WINDOW_WORDS]
    # After the window and the way to it.
    cursor: uint256


@internal
@pure
def join(left: bytes32, right: bytes32) -> bytes32:
    return keccak256(concat(left, right))


@internal
@pure
def zeros(depth: uint256) -> bytes32:
    """
    @notice The tree of 2^depth zero words.
    """
    tree: bytes32 = empty(bytes32)
    for _: uint256 in range(depth, bound=32):
        tree = keccak256(concat(tree, tree))
    return tree


@internal
@pure
def grown(tree: bytes32, before: uint256, after: uint256) -> bytes32:
    """
    @notice A tree of `before` words that has become one of `after` words, with zeros behind.
    """
    made: bytes32 = tree
    sibling: bytes32 = empty(bytes32)
    held: uint256 = Tape.depth(before)
    for level: uint256 in range(Tape.depth(after), bound=32):
        if level >= held or before == 0:
            made = keccak256(concat(made, sibling))
        sibling = keccak256(concat(sibling, sibling))
    return made


@internal
@pure
def treeOf(given: bytes32[WINDOW_WORDS], depth: uint256) -> bytes32:
    """
    @notice The tree of the first 2^depth words.
    """
    row: bytes32[WINDOW_WORDS] = given
    count: uint256 = 1 << depth
    for _: uint256 in range(depth, bound=5):
        count = count // 2
        for i: uint256 in range(count, bound=16):
            row[i] = keccak256(concat(row[2 * i], row[2 * i + 1]))
    return row[0]


@internal
@view
def window(cursor: uint256, tree: bytes32, depth: uint256, index: uint256) -> Window:
    """
    @notice Open a window and the way to it; a tree of at most 32 words is one window, maybe shorter.
    """
    above: uint256 = 0
    levels: uint256 = depth
    if depth > WINDOW_DEPTH:
        above = depth - WINDOW_DEPTH
        levels = WINDOW_DEPTH
    at: uint256 = cursor + above * Tape.PAIR
    read: Window = empty(Window)
    Tape.expect(Tape.size(at) == 32 << levels)
    at += 3
    for i: uint256 in range(1 << levels, bound=WINDOW_WORDS):
        read.words[i] = Tape.name(at)
        at += 32
    Tape.expect(self.treeOf(read.words, levels) == Tape.descend(cursor, tree, above, index))
    read.cursor = at
    return read


@internal
@view
def written(
    cursor: uint256, depth: uint256, index: uint256, words: bytes32[WINDOW_WORDS]
) -> bytes32:
    """
    @notice The tree with another window, the way to which `window` has opened at the cursor.
    """
    if depth <= WINDOW_DEPTH:
        return self.treeOf(words, depth)
    return Tape.ascend(cursor, depth - WINDOW_DEPTH, index, self.treeOf(words, WINDOW_DEPTH))
