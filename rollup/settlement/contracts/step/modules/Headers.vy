# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Headers
@notice A block's header, read from its RLP.
@dev The twin of `decode_header` in chain/block.py: one canonical form, in each length that a fork
     has given it, and every field in its bounds. What is read is what the step machine asks for.
"""

MAX_HEADER: constant(uint256) = 1024
# Frontier has 15 fields, London 16, Shanghai 17, Cancun 20, Prague 21.
FIELDS: constant(uint256) = 21
# Of each field: its size; from 0x80 on, how many bytes an integer may have; 0: bytes of any size.
WIDTHS: constant(bytes32) = 0x202014202020ffa088888888002008a020888820200000000000000000000000
BLOOM: constant(uint256) = 255
BLOOM_BYTES: constant(uint256) = 256
INTEGER: constant(uint256) = 128
# First bytes of RLP.
STRING: constant(uint256) = 128  # 0x80 + length
LONG_STRING: constant(uint256) = 184  # 0xb8: one byte of length follows
LIST_OF_LONG_SIZE: constant(uint256) = 249  # 0xf9: two bytes of length follow


struct Header:
    parentHash: bytes32
    number: uint256
    gasLimit: uint256
    gasUsed: uint256
    timestamp: uint256
    # The first 32 bytes, with zeros behind; and how many there are.
    extraData: uint256
    extraDataSize: uint256
    # 0 before London.
    baseFee: uint256
    # 0 before Cancun.
    blobGasUsed: uint256


struct Item:
    # The first 32 bytes at its beginning, which may go on behind it.
    word: uint256
    start: uint256
    size: uint256


@internal
@pure
def _item(padded: Bytes[MAX_HEADER + 32], position: uint256) -> Item:
    # A string; a list is none of a header's fields.
    word: uint256 = convert(extract32(padded, position), uint256)
    first: uint256 = word >> 248
    if first < STRING:
        return Item(word=word, start=position, size=1)
    start: uint256 = position + 1
    size: uint256 = first - STRING
    if first == LONG_STRING:
        start += 1
        size = (word >> 240) & 255
        assert size > 55, "Headers: a size is not canonical"
    elif first == LONG_STRING + 1:
        start += 2
        size = (word >> 232) & 65535
        assert size > 255, "Headers: a size is not canonical"
    else:
        assert first < LONG_STRING, "Headers: a field is no string"
    assert start + size <= len(padded) - 32, "Headers: a field runs past the end"
    word = convert(extract32(padded, start), uint256)
    assert size != 1 or word >> 248 >= STRING, "Headers: a byte that stands for itself has a size"
    return Item(word=word, start=start, size=size)


@internal
@pure
def _check(item: Item, width: uint256):
    # Is the field as long as it has to be, an integer without zeros before it?
    if width == BLOOM:
        assert item.size == BLOOM_BYTES, "Headers: a field has another size"
    elif width > INTEGER:
        assert item.size <= width - INTEGER, "Headers: an integer is too long"
        assert item.size == 0 or item.word >> 248 > 0, "Headers: an integer begins with a zero"
    elif width > 0:
        assert item.size == width, "Headers: a field has another size"


@internal
@pure
def _number(item: Item) -> uint256:
    return item.word >> (8 * (32 - item.size))


@internal
@pure
def _first(item: Item) -> uint256:
    # The first 32 bytes of a string, with zeros behind it.
    behind: uint256 = 8 * (32 - min(item.size, 32))
    return (item.word >> behind) << behind


@internal
@pure
def decode(data: Bytes[MAX_HEADER]) -> Header:
    """
    @notice Read a header; whatever is not one is refused. Consensus rules are not checked.
    """
    padding: bytes32 = empty(bytes32)
    padded: Bytes[MAX_HEADER + 32] = concat(data, padding)
    head: uint256 = convert(extract32(padded, 0), uint256)
    payload: uint256 = (head >> 232) & 65535
    # The bloom alone has 256 bytes, so the list's size has two.
    assert (
        head >> 248 == LIST_OF_LONG_SIZE and payload > 255 and payload + 3 == len(data)
    ), "Headers: not one list"
    items: Item[FIELDS] = empty(Item[FIELDS])
    position: uint256 = 3
    count: uint256 = 0
    for i: uint256 in range(FIELDS):
        if position == len(data):
            break
        items[i] = self._item(padded, position)
        self._check(items[i], (convert(WIDTHS, uint256) >> (248 - 8 * i)) & 255)
        position = items[i].start + items[i].size
        count += 1
    assert position == len(data) and (
        count >= 20 or (count >= 15 and count <= 17)
    ), "Headers: another number of fields"
    return Header(
        parentHash=convert(items[0].word, bytes32),
        number=self._number(items[8]),
        gasLimit=self._number(items[9]),
        gasUsed=self._number(items[10]),
        timestamp=self._number(items[11]),
        extraData=self._first(items[12]),
        extraDataSize=items[12].size,
        baseFee=self._number(items[15]),
        blobGasUsed=self._number(items[17]),
    )
