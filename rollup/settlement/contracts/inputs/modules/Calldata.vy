# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Calldata
@notice RLP read in place, in msg.data: nothing is copied before it is needed.
@dev Whoever calls leaves 32 bytes behind the arguments, so that a word can be read at each byte.
     Sizes in eight bytes stay below 2^64: nothing here overflows.
"""

# First bytes of RLP (Yellow Paper, appendix B).
STRING: constant(uint256) = 128
LONG_STRING: constant(uint256) = 183
LIST: constant(uint256) = 192
LONG_LIST: constant(uint256) = 247
# From this size on the size stands in bytes of its own.
SHORT: constant(uint256) = 56


struct Item:
    # Whether there is an item in its one canonical form, within the limit; else all is zero.
    isRight: bool
    isList: bool
    start: uint256
    end: uint256


@internal
@view
def word(position: uint256) -> uint256:
    return convert(slice(msg.data, position, 32), uint256)


@internal
@view
def octet(position: uint256) -> uint256:
    return convert(slice(msg.data, position, 32), uint256) >> 248


@internal
@view
def number(start: uint256, size: uint256) -> uint256:
    """
    @notice Up to 32 bytes, big-endian.
    """
    if size == 0:
        return 0
    return self.word(start) >> (8 * (32 - size))


@internal
@view
def item(position: uint256, limit: uint256) -> Item:
    """
    @notice The item at a position that ends at the limit or before; the twin of _span in chain/rlp.py.
    """
    nothing: Item = empty(Item)
    if position >= limit:
        return nothing
    head: uint256 = self.word(position)
    first: uint256 = head >> 248
    if first < STRING:
        return Item(isRight=True, isList=False, start=position, end=position + 1)
    isList: bool = first >= LIST
    base: uint256 = LIST if isList else STRING
    longest: uint256 = LONG_LIST if isList else LONG_STRING
    start: uint256 = position + 1
    size: uint256 = first - base
    if first > longest:
        sizeOfSize: uint256 = first - longest
        if start + sizeOfSize > limit or (head >> 240) & 255 == 0:
            return nothing
        size = (head << 8) >> (8 * (32 - sizeOfSize))
        start += sizeOfSize
        if size < SHORT:
            return nothing
    end: uint256 = start + size
    if end > limit:
        return nothing
    if first == STRING + 1 and (head >> 240) & 255 < STRING:
        return nothing
    return Item(isRight=True, isList=isList, start=start, end=end)


@internal
@view
def known(position: uint256, limit: uint256) -> Item:
    """
    @notice An item of something that consensus has made: it is right, or the call is wrong.
    """
    found: Item = self.item(position, limit)
    assert found.isRight, "Calldata: not what its hash promises"
    return found
