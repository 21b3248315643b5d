# pragma version 0.4.3
# pragma evm-version cancun
"""
@title DataNames
@notice How the step machine names bytes of any length, such as a transaction: a tree of words, and
        the length (docs/protocol/one-step.md, "Transactions and blocks").
@dev The twin of data_tree in evm/step/structures/words.py and of the records Data and Link.
"""

MAX_HEAD: constant(uint256) = 512
# Words of the longest transaction: of an item of 120,000 bytes, or of a deposit in a receipt.
MAX_WORDS: constant(uint256) = 4_096
MAX_DEPTH: constant(uint256) = 13


@internal
@view
def _leaf(
    padded: Bytes[MAX_HEAD + 32], split: uint256, start: uint256, size: uint256, offset: uint256
) -> bytes32:
    # The word at an offset of head and calldata joined, with zeros behind the end. The head has
    # `split` bytes, and a word of zeros behind it.
    found: uint256 = 0
    if offset >= split:
        found = convert(slice(msg.data, start + offset - split, 32), uint256)
    else:
        found = convert(extract32(padded, offset), uint256)
        if offset + 32 > split:
            found |= convert(slice(msg.data, start, 32), uint256) >> (8 * (split - offset))
    left: uint256 = split + size - offset
    if left < 32:
        behind: uint256 = 8 * (32 - left)
        found = (found >> behind) << behind
    return convert(found, bytes32)


@internal
@view
def nameOf(head: Bytes[MAX_HEAD], start: uint256, size: uint256) -> bytes32:
    """
    @notice The name of `head` and the `size` bytes of calldata from `start` on, joined; not nothing.
    @dev A word behind the end of the calldata has to be there.
    """
    total: uint256 = len(head) + size
    words: uint256 = (total + 31) // 32
    assert words > 0 and words <= MAX_WORDS, "DataNames: length"
    padded: Bytes[MAX_HEAD + 32] = concat(head, empty(bytes32))
    whole: bytes32[MAX_DEPTH] = empty(bytes32[MAX_DEPTH])
    for i: uint256 in range(words, bound=MAX_WORDS):
        node: bytes32 = self._leaf(padded, len(head), start, size, 32 * i)
        level: uint256 = 0
        left: uint256 = i
        for _: uint256 in range(MAX_DEPTH):
            if left & 1 == 0:
                break
            node = keccak256(concat(whole[level], node))
            left = left >> 1
            level += 1
        whole[level] = node
    return keccak256(concat(self._closed(whole, words), convert(convert(total, uint32), bytes4)))


@internal
@pure
def _closed(whole: bytes32[MAX_DEPTH], words: uint256) -> bytes32:
    # The root of a tree of which the subtrees named by the bits of `words` are there, with zeros
    # behind them up to the next power of two.
    root: bytes32 = empty(bytes32)
    zeros: bytes32 = empty(bytes32)
    isBegun: bool = False
    for level: uint256 in range(MAX_DEPTH):
        if words >> level == 1 and not isBegun:
            return whole[level]
        if (1 << level) >= words:
            return root
        if (words >> level) & 1 == 1:
            root = keccak256(concat(whole[level], root if isBegun else zeros))
            isBegun = True
        elif isBegun:
            root = keccak256(concat(root, zeros))
        zeros = keccak256(concat(zeros, zeros))
    return root


@internal
@pure
def link(previous: bytes32, item: bytes32) -> bytes32:
    """
    @notice The newest link of a chain.
    """
    return keccak256(concat(previous, item))


@internal
@pure
def sized(base: uint256, size: uint256) -> Bytes[5]:
    """
    @notice The RLP header of a string (base 128) or list (base 192) of so many bytes.
    """
    if size < 56:
        return concat(convert(convert(base + size, uint8), bytes1), b"")
    if size < 256:
        return concat(
            convert(convert(base + 56, uint8), bytes1), convert(convert(size, uint8), bytes1)
        )
    if size < 65_536:
        return concat(
            convert(convert(base + 57, uint8), bytes1), convert(convert(size, uint16), bytes2)
        )
    return concat(
        convert(convert(base + 58, uint8), bytes1), convert(convert(size, uint24), bytes3)
    )
