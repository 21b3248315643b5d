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
    # 32 words, or all that a smaller tree has.
    data: Bytes[WINDOW_BYTES]
    # After the window and the way to it.
    cursor: uint256


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
def treeOf(data: Bytes[WINDOW_BYTES], depth: uint256) -> bytes32:
    """
    @notice The tree of 2^depth words.
    """
    row: bytes32[WINDOW_WORDS] = empty(bytes32[WINDOW_WORDS])
    count: uint256 = 1 << depth
    for i: uint256 in range(count, bound=WINDOW_WORDS):
        row[i] = extract32(data, 32 * i)
    return self.rootOf(row, depth)


@internal
@pure
def rootOf(leaves: bytes32[WINDOW_WORDS], depth: uint256) -> bytes32:
    """
    @notice The root of a tree with 2^depth leaves.
    """
    row: bytes32[WINDOW_WORDS] = leaves
    count: uint256 = 1 << depth
    for _: uint256 in range(depth, bound=WINDOW_DEPTH):
        count = count >> 1
        for i: uint256 in range(count, bound=WINDOW_WORDS):
            row[i] = keccak256(concat(row[2 * i], row[2 * i + 1]))
    return row[0]


@internal
@pure
def above(depth: uint256) -> uint256:
    """
    @notice The levels above the windows of a tree.
    """
    return depth - WINDOW_DEPTH if depth > WINDOW_DEPTH else 0


@internal
@view
def _item(cursor: uint256, levels: uint256) -> Bytes[WINDOW_BYTES]:
    # 2^levels words of the witness. The length of a slice of msg.data has to be a constant.
    if levels == 5:
        return slice(msg.data, cursor, 1024)
    if levels == 4:
        return slice(msg.data, cursor, 512)
    if levels == 3:
        return slice(msg.data, cursor, 256)
    if levels == 2:
        return slice(msg.data, cursor, 128)
    return slice(msg.data, cursor, 64) if levels == 1 else slice(msg.data, cursor, 32)


@internal
@view
def window(cursor: uint256, tree: bytes32, depth: uint256, index: uint256) -> Window:
    """
    @notice Open a window and the way to it; a tree of at most 32 words is one window, maybe shorter.
    """
    over: uint256 = self.above(depth)
    levels: uint256 = depth - over
    at: uint256 = cursor + over * Tape.PAIR
    read: Window = Window(data=self._item(at + 3, levels), cursor=at + 3 + (32 << levels))
    Tape.expect(
        Tape.size(at) == 32 << levels
        and self.treeOf(read.data, levels) == Tape.descend(cursor, tree, over, index)
    )
    return read


@internal
@view
def written(
    cursor: uint256, depth: uint256, index: uint256, data: Bytes[WINDOW_BYTES]
) -> bytes32:
    """
    @notice The tree with another window, the way to which `window` has opened at the cursor.
    """
    over: uint256 = self.above(depth)
    return Tape.ascend(cursor, over, index, self.treeOf(data, depth - over))


@internal
@view
def piece(
    cursor: uint256, tree: bytes32, depth: uint256, offset: uint256, size: uint256
) -> Window:
    """
    @notice At most 1,024 bytes of a tree, not none: of one window, or of two that follow each other.
    """
    first: uint256 = offset // WINDOW_BYTES
    read: Window = self.window(cursor, tree, depth, first)
    start: uint256 = offset % WINDOW_BYTES
    if start + size <= WINDOW_BYTES:
        return Window(data=slice(read.data, start, size), cursor=read.cursor)
    second: Window = self.window(read.cursor, tree, depth, first + 1)
    rest: uint256 = WINDOW_BYTES - start
    both: Bytes[2 * WINDOW_BYTES] = concat(
        slice(read.data, start, rest), slice(second.data, 0, size - rest)
    )
    return Window(data=convert(slice(both, 0, size), Bytes[WINDOW_BYTES]), cursor=second.cursor)
