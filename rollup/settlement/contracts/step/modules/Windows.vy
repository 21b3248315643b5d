# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Windows
@notice Bytes of a data by their place: of each 1,024 from the first on, the one window is opened that
        they lie in, or the two.
@dev The twin of `read_data` and `read_job` in evm/step/block_work.py.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WordTree as WordTree

WINDOW: constant(uint256) = WordTree.WINDOW_BYTES
# What one step reads at most: FastLZ's history, 8,191 bytes, 1,024 that it goes on by, and 16 at
# either end. Ten pieces hold it.
MAX_PIECES: constant(uint256) = 10
MAX_BYTES: constant(uint256) = MAX_PIECES * WINDOW


struct Stretch:
    data: Bytes[MAX_BYTES]
    # After everything that was opened.
    cursor: uint256


@internal
@pure
def depth(length: uint256) -> uint256:
    """
    @notice The depth of a tree that holds so many bytes.
    """
    return Tape.depth((length + 31) >> 5)


@internal
@view
def read(
    cursor: uint256, tree: bytes32, length: uint256, start: uint256, size: uint256
) -> WordTree.Window:
    """
    @notice At most 1,024 bytes of a data, fewer at its end. Where there are none, nothing is opened.
    """
    if start >= length or size == 0:
        return WordTree.Window(data=b"", cursor=cursor)
    return WordTree.piece(cursor, tree, self.depth(length), start, min(size, length - start))


@internal
@view
def readLong(
    cursor: uint256, tree: bytes32, length: uint256, start: uint256, end: uint256
) -> Stretch:
    """
    @notice Bytes of a data from `start` to `end` or to its own end, at most `MAX_BYTES` of them.
    """
    found: Stretch = Stretch(data=b"", cursor=cursor)
    levels: uint256 = self.depth(length)
    stop: uint256 = min(end, length)
    at: uint256 = start
    for _: uint256 in range(MAX_PIECES):
        if at >= stop:
            break
        read: WordTree.Window = WordTree.piece(
            found.cursor, tree, levels, at, min(stop - at, WINDOW)
        )
        found.data = convert(concat(found.data, read.data), Bytes[MAX_BYTES])
        found.cursor = read.cursor
        at += WINDOW
    assert at >= stop, "Windows: more bytes than one step reads"
    return found
