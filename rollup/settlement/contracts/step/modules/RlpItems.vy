# pragma version 0.4.3
# pragma evm-version cancun
"""
@title RlpItems
@notice RLP by its headers alone, for what is too long to be looked at whole; canonical forms only.
@dev The twin of evm/step/rlp_items.py. Where Python raises NotInOrder, `failed` is set and stays set,
     and whatever is read behind it is nothing: who reads looks at it once at the end, before
     anything of what was read is used, and then refuses the block. A payload may end past what is
     known, and by a size of eight bytes past 2^64; nothing here overflows 256 bits.
"""

# What is known of the bytes that are read: a window at most.
KNOWN: constant(uint256) = 1024
STRING: constant(uint256) = 128
LIST: constant(uint256) = 192
# From this size on the size stands in bytes of its own.
SHORT: constant(uint256) = 56


struct Span:
    isList: bool
    # Where the payload begins and ends.
    start: uint256
    end: uint256
    failed: bool


struct Fields:
    # Where the next item begins.
    position: uint256
    failed: bool


# -- reading --------------------------------------------------------------------------------------


@internal
@pure
def _byte(data: Bytes[KNOWN], position: uint256) -> uint256:
    return convert(slice(data, position, 1), uint256)


@internal
@pure
def span(data: Bytes[KNOWN], position: uint256) -> Span:
    """
    @notice The item at a position; failed where its header is cut off or not canonical.
    """
    nothing: Span = Span(isList=False, start=0, end=0, failed=True)
    if position >= len(data):
        return nothing
    first: uint256 = self._byte(data, position)
    start: uint256 = position + 1
    if first < STRING:
        return Span(isList=False, start=position, end=start, failed=False)
    isList: bool = first >= LIST
    size: uint256 = first - (LIST if isList else STRING)
    if size < SHORT:
        if first == STRING + 1 and (start >= len(data) or self._byte(data, start) < STRING):
            return nothing
        return Span(isList=isList, start=start, end=start + size, failed=False)
    width: uint256 = size - SHORT + 1  # 1 to 8
    if start + width > len(data) or self._byte(data, start) == 0:
        return nothing
    size = convert(convert(slice(data, start, width), Bytes[8]), uint256)
    if size < SHORT:
        return nothing
    start += width
    return Span(isList=isList, start=start, end=start + size, failed=False)


@internal
@pure
def header(data: Bytes[KNOWN], fields: Fields, isList: bool) -> (Fields, Span):
    """
    @notice The next item, of which the header alone has to be known.
    """
    nothing: Span = Span(isList=isList, start=0, end=0, failed=True)
    if fields.failed:
        return fields, nothing
    found: Span = self.span(data, fields.position)
    if found.failed or found.isList != isList:
        return Fields(position=fields.position, failed=True), nothing
    return Fields(position=found.end, failed=False), found


@internal
@pure
def text(data: Bytes[KNOWN], fields: Fields, limit: uint256) -> (Fields, uint256, uint256):
    """
    @notice The next item's bytes as a big-endian number, and how many they are: at most `limit`,
            which is 32 at most.
    """
    after: Fields = fields
    found: Span = empty(Span)
    after, found = self.header(data, fields, False)
    size: uint256 = found.end - found.start
    if after.failed or found.end > len(data) or size > limit:
        return Fields(position=fields.position, failed=True), 0, 0
    read: Bytes[32] = convert(slice(data, found.start, size), Bytes[32])
    return after, convert(read, uint256), size


@internal
@pure
def exactly(data: Bytes[KNOWN], fields: Fields, size: uint256) -> (Fields, uint256):
    """
    @notice The next item, of exactly that many bytes: `Fields.fixed` in Python.
    """
    after: Fields = fields
    read: uint256 = 0
    found: uint256 = 0
    after, read, found = self.text(data, fields, size)
    if after.failed or found != size:
        return Fields(position=fields.position, failed=True), 0
    return after, read


@internal
@pure
def number(data: Bytes[KNOWN], fields: Fields, limit: uint256) -> (Fields, uint256):
    """
    @notice The next item as an integer of at most `limit` bytes.
    """
    after: Fields = fields
    read: uint256 = 0
    size: uint256 = 0
    after, read, size = self.text(data, fields, limit)
    if after.failed or (size > 0 and read >> (8 * (size - 1)) == 0):
        return Fields(position=fields.position, failed=True), 0
    return after, read


# -- writing --------------------------------------------------------------------------------------


@internal
@pure
def bytesOf(amount: uint256) -> uint256:
    """
    @notice How many bytes a number takes; none for zero.
    """
    size: uint256 = 0
    for _: uint256 in range(32):
        if amount >> (8 * size) == 0:
            break
        size += 1
    return size


@internal
@pure
def _written(amount: uint256, size: uint256) -> Bytes[32]:
    # The lowest `size` bytes of a number; no bytes for none.
    return slice(convert(amount << (256 - 8 * size), bytes32), 0, size)


@internal
@pure
def head(base: uint256, size: uint256) -> Bytes[9]:
    """
    @notice The header of a string or a list of that size. A string of one byte below 0x80 has none.
    """
    if size < SHORT:
        return convert(self._written(base + size, 1), Bytes[9])
    width: uint256 = self.bytesOf(size)
    return convert(
        concat(self._written(base + SHORT - 1 + width, 1), self._written(size, width)), Bytes[9]
    )


@internal
@pure
def encodedNumber(amount: uint256) -> Bytes[33]:
    """
    @notice An integer with its header.
    """
    size: uint256 = self.bytesOf(amount)
    if size == 1 and amount < STRING:
        return self._written(amount, 1)
    return concat(convert(convert(STRING + size, uint8), bytes1), self._written(amount, size))


@internal
@pure
def encodedAddress(account: uint256) -> Bytes[21]:
    """
    @notice An address with its header.
    """
    return concat(x"94", convert(convert(account, uint160), bytes20))


@internal
@pure
def encodedList(payload: Bytes[128]) -> Bytes[137]:
    """
    @notice A list of items that are encoded already.
    """
    return concat(self.head(LIST, len(payload)), payload)
