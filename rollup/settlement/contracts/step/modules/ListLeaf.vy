# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ListLeaf
@notice What stands before the value in a leaf of the trie over a list (transactions, receipts),
        whose length is known before its first leaf.
@dev The twin of `leaf_head` in evm/step/ordered_trie.py. Each value stands under the RLP of its index,
     which fixes the trie's shape. Few bytes are held as a number and how many they are.
"""

# The first byte of nothing, for a value that has no bytes.
NO_BYTE: constant(uint256) = 256
SHORT: constant(uint256) = 56
# First bytes of strings and lists.
STRING: constant(uint256) = 128
LIST: constant(uint256) = 192
# Indices below take one byte as a key, and 0 comes behind them in the order of keys.
TWO_BYTES: constant(uint256) = 128
# Flags of a leaf's path: even and odd.
LEAF_EVEN: constant(uint256) = 32
LEAF_ODD: constant(uint256) = 3


struct Few:
    # At most 32 bytes, as a big-endian number.
    number: uint256
    size: uint256


@internal
@pure
def bytesOf(few: Few) -> Bytes[32]:
    """
    @notice The bytes themselves.
    """
    return slice(convert(few.number << (8 * (32 - few.size)), bytes32), 0, few.size)


@internal
@pure
def joined(left: Few, right: Few) -> Few:
    """
    @notice One behind the other, at most 32 bytes in all.
    """
    size: uint256 = left.size + right.size
    assert size <= 32, "ListLeaf: more than 32 bytes"
    return Few(number=(left.number << (8 * right.size)) | right.number, size=size)


@internal
@pure
def _width(number: uint256) -> uint256:
    # How many bytes a number has; none is 0.
    size: uint256 = 0
    for _: uint256 in range(32):
        if number >> (8 * size) == 0:
            break
        size += 1
    return size


@internal
@pure
def head(base: uint256, size: uint256, first: uint256) -> Few:
    """
    @notice The header of a string (base 0x80) or list (0xC0) of that size; none for one low byte.
    """
    if base == STRING and size == 1 and first < 128:
        return Few(number=0, size=0)
    if size < SHORT:
        return Few(number=base + size, size=1)
    width: uint256 = self._width(size)
    return Few(number=((base + SHORT - 1 + width) << (8 * width)) | size, size=1 + width)


@internal
@pure
def encoded(number: uint256) -> Few:
    """
    @notice An integer of less than 2^248 with its header.
    """
    width: uint256 = self._width(number)
    return self.joined(self.head(STRING, width, number), Few(number=number, size=width))


@internal
@pure
def atPlace(place: uint256, count: uint256) -> uint256:
    """
    @notice Which index comes at a place in descending order of keys.
    """
    if count <= TWO_BYTES:
        return 0 if place == 0 else count - place
    over: uint256 = count - TWO_BYTES
    if place < over:
        return count - 1 - place
    return 0 if place == over else count - place


@internal
@pure
def shared(left: uint256, right: uint256) -> uint256:
    """
    @notice How many nibbles the keys of two indices share from the front on.
    """
    first: Few = self.encoded(left)
    second: Few = self.encoded(right)
    assert left != right, "ListLeaf: a key beside itself"
    # Keys of different lengths differ in their first byte, which says how many follow.
    one: uint256 = first.number << (8 * (32 - first.size))
    other: uint256 = second.number << (8 * (32 - second.size))
    count: uint256 = 0
    for _: uint256 in range(64):
        if ((one ^ other) >> (252 - 4 * count)) & 15 != 0:
            break
        count += 1
    return count


@internal
@pure
def _depth(index: uint256, count: uint256) -> uint256:
    # How many nibbles of an index' key lie above its leaf.
    if count == 1:
        return 0
    place: uint256 = count - TWO_BYTES if count > TWO_BYTES else 0
    if index > 0:
        place = count - index
        if index >= TWO_BYTES:
            place -= 1
    depth: uint256 = 0
    if place > 0:
        depth = self.shared(index, self.atPlace(place - 1, count))
    if place + 1 < count:
        depth = max(depth, self.shared(index, self.atPlace(place + 1, count)))
    return 1 + depth


@internal
@pure
def _path(index: uint256, depth: uint256) -> Few:
    # The nibbles behind `depth` with a leaf's flag, hex-prefixed (Yellow Paper, appendix C).
    key: Few = self.encoded(index)
    left: uint256 = 2 * key.size - depth
    nibbles: uint256 = key.number & ((1 << (4 * left)) - 1)
    flag: uint256 = LEAF_ODD if left % 2 == 1 else LEAF_EVEN
    return Few(number=(flag << (4 * left)) | nibbles, size=left // 2 + 1)


@internal
@pure
def leafHead(index: uint256, count: uint256, size: uint256, first: uint256) -> Few:
    """
    @notice What stands before the value in the leaf of a list's item; `size` and `first` byte are
            its (NO_BYTE where it has none).
    """
    assert index < count, "ListLeaf: an item behind the list"
    path: Few = self._path(index, self._depth(index, count))
    # A path begins with 0x20 or 0x3n: alone, it has no header.
    pathHead: Few = self.head(STRING, path.size, LEAF_EVEN)
    inner: Few = self.joined(self.joined(pathHead, path), self.head(STRING, size, first))
    return self.joined(self.head(LIST, inner.size + size, NO_BYTE), inner)
