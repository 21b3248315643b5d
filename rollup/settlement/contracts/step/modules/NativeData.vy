# pragma version 0.4.3
# pragma evm-version cancun
"""
@title NativeData
@notice Arguments of native precompiles that have no fixed size, and logs over 1,024 bytes.
@dev The twin of chain/abi.py as far as natives need it. A well-formed encoding is read once from end
     to end: what a reader may still read is its budget, and offsets that make it read the same bytes
     again use it up. Offsets and lengths have up to 256 bits, ends one more.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts

MAX_TEXT: constant(uint256) = 1024
# Of a log: words, and the levels of its tree.
MAX_WORDS: constant(uint256) = 64
MAX_LEVELS: constant(uint256) = 6
MAX_CALLDATA_WORDS: constant(uint256) = 2048

HIGH_BITS: constant(uint256) = max_value(uint256) // 255 * 128
TEN_39: constant(uint256) = 10**39


struct Reader:
    # Bytes that may still be read.
    budget: uint256
    # What was read last: a word, or where in msg.data content begins and how many bytes or
    # elements it has.
    found: uint256
    length: uint256


@internal
@pure
def start(frame: NativeFrame.Frame) -> Reader:
    """
    @notice A reader of the arguments; calldata has a selector.
    """
    return Reader(budget=frame.length - 4, found=0, length=0)


@internal
@pure
def decimalOfSum(number: uint256, more: uint256) -> Bytes[78]:
    """
    @notice The decimal digits of a sum, which may have more than 256 bits.
    @param more Less than 10^39.
    """
    low: uint256 = number % TEN_39 + more
    high: uint256 = number // TEN_39 + low // TEN_39
    if high == 0:
        return Texts.decimal(low)
    # A leading 1 keeps the zeros behind it.
    rest: Bytes[78] = Texts.decimal(TEN_39 + low % TEN_39)
    return convert(concat(Texts.decimal(high), slice(rest, 1, 39)), Bytes[78])


@internal
@view
def _refuse(
    frame: NativeFrame.Frame, place: Bytes[NativeFrame.MAX_PLACE], type_: Bytes[16],
    message: Bytes[320],
):
    NativeFrame.refuse(frame, concat(place, b": abi ", type_, b": ", message))


@internal
@view
def _take(
    given: Reader, frame: NativeFrame.Frame, place: Bytes[NativeFrame.MAX_PLACE],
    type_: Bytes[16], begin: uint256, end: uint256, more: uint256,
) -> Reader:
    """
    @notice Read from `begin` to `end + more`, of which `more` is small.
    """
    size: uint256 = frame.length - 4
    reader: Reader = given
    if end > size or end + more > size:
        self._refuse(
            frame,
            place,
            type_,
            concat(
                b"needs bytes ", Texts.decimal(begin), b" to ", self.decimalOfSum(end, more),
                b" of ", Texts.decimal(size),
            ),
        )
    if end + more - begin > reader.budget:
        self._refuse(
            frame, place, type_, b"offsets overlap, the same bytes are read twice"
        )
    reader.budget -= end + more - begin
    return reader


@internal
@view
def word(
    given: Reader, frame: NativeFrame.Frame, place: Bytes[NativeFrame.MAX_PLACE],
    type_: Bytes[16], at: uint256,
) -> Reader:
    """
    @notice The word at a place behind the selector.
    """
    reader: Reader = self._take(given, frame, place, type_, at, at, 32)
    reader.found = Tape.word(frame.start + 4 + at)
    return reader


@internal
@view
def content(
    given: Reader, frame: NativeFrame.Frame, place: Bytes[NativeFrame.MAX_PLACE],
    type_: Bytes[16], index: uint256,
) -> Reader:
    """
    @notice Bytes that argument `index` says the offset of: where they begin, and their length.
    """
    reader: Reader = self.word(given, frame, place, type_, 32 * index)
    at: uint256 = reader.found
    reader = self.word(reader, frame, place, type_, at)
    length: uint256 = reader.found
    padding: uint256 = (32 - length % 32) % 32
    at += 32
    reader = self._take(reader, frame, place, type_, at, length, at + padding)
    reader.found = frame.start + 4 + at
    reader.length = length
    if padding > 0:
        last: uint256 = Tape.word(reader.found + length + padding - 32)
        if last & ((1 << (8 * padding)) - 1) != 0:
            self._refuse(
                frame,
                place,
                type_,
                concat(b"non-zero padding after ", Texts.decimal(length), b" bytes"),
            )
    return reader


@internal
@view
def list(
    given: Reader, frame: NativeFrame.Frame, place: Bytes[NativeFrame.MAX_PLACE],
    type_: Bytes[16], element: Bytes[16], index: uint256,
) -> Reader:
    """
    @notice Words that argument `index` says the offset of, each of them of any value: where they
            begin, and how many there are.
    """
    reader: Reader = self.word(given, frame, place, type_, 32 * index)
    at: uint256 = reader.found
    reader = self.word(reader, frame, place, type_, at)
    count: uint256 = reader.found
    size: uint256 = frame.length - 4
    at += 32
    if count > size // 32:
        self._refuse(
            frame,
            place,
            type_,
            concat(
                Texts.decimal(count), b" elements in ", Texts.decimal(size), b" bytes of data"
            ),
        )
    # The first element that cannot be read, if one.
    present: uint256 = min((size - at) // 32, reader.budget // 32)
    if count > present:
        at += 32 * present
        reader.budget -= 32 * present
        reader = self.word(reader, frame, place, element, at)
    reader.budget -= 32 * count
    reader.found = frame.start + 4 + at
    reader.length = count
    return reader


@internal
@view
def unsigned(
    given: Reader, frame: NativeFrame.Frame, place: Bytes[NativeFrame.MAX_PLACE],
    type_: Bytes[16], index: uint256, most: uint256,
) -> Reader:
    """
    @notice Argument `index`, an integer of a type whose greatest value is `most`.
    """
    reader: Reader = self.word(given, frame, place, type_, 32 * index)
    if reader.found > most:
        self._refuse(
            frame,
            place,
            type_,
            concat(
                Texts.hexNumber(reader.found), b" is not in 0 to ", Texts.decimal(most)
            ),
        )
    return reader


# -- texts ----------------------------------------------------------------------------------------


@internal
@pure
def _isWrong(line: uint256, before: uint256) -> uint256:
    """
    @notice Bytes of a word that must not follow the byte before them, or behind which that one must
            not stand: longer forms than needed, surrogates, what is above U+10FFFF.
    """
    # Bits 7 to 0 of the byte before each, and two of its own, all in the places of bits 7.
    last: uint256 = (line >> 8) | (before << 248)
    fifth: uint256 = line << 2
    either: uint256 = fifth | (line << 3)
    low: uint256 = (last << 4) | (last << 5) | (last << 6) | (last << 7)
    lead: uint256 = last & (last << 1)
    three: uint256 = lead & (last << 2) & ~(last << 3)
    four: uint256 = lead & (last << 2) & (last << 3)
    # 0xC0 and 0xC1.
    wrong: uint256 = lead & ~((last << 2) | (last << 3) | (last << 4) | (last << 5) | (last << 6))
    # 0xE0 and 0xED.
    wrong |= three & ~low & ~fifth
    wrong |= three & (last << 4) & (last << 5) & ~(last << 6) & (last << 7) & fifth
    # 0xF0, 0xF4, and all above.
    wrong |= four & ~low & ~either
    wrong |= four & (last << 5) & either
    wrong |= four & ((last << 4) | ((last << 5) & ((last << 6) | (last << 7))))
    return wrong & HIGH_BITS


@internal
@view
def _wrongWord(at: uint256, count: uint256) -> uint256:
    """
    @notice The first of so many words in which UTF-8 is wrong or, where the last one ends within a
            character, the last; `count` where all is right. 32 bytes are looked at at once.
    """
    before: uint256 = 0
    # Where bytes of characters that have begun in the word before have to be.
    begun: uint256 = 0
    for i: uint256 in range(count, bound=MAX_CALLDATA_WORDS):
        line: uint256 = Tape.word(unsafe_add(at, unsafe_mul(32, i)))
        # Most words are ASCII.
        if begun != 0 or line & HIGH_BITS != 0:
            two: uint256 = line & (line << 1) & HIGH_BITS
            three: uint256 = two & (line << 2)
            four: uint256 = three & (line << 3)
            wanted: uint256 = begun | (two >> 8) | (three >> 16) | (four >> 24)
            if line & ~(line << 1) & HIGH_BITS != wanted or self._isWrong(line, before) != 0:
                return i
            begun = (two << 248) | (three << 240) | (four << 232)
        before = line
    return unsafe_sub(count, 1) if begun != 0 else count


@internal
@view
def _utf8(at: uint256, length: uint256) -> Bytes[32]:
    """
    @notice What is wrong with a text in UTF-8, as Python says it of the first bytes that are wrong;
            nothing where all is right.
    """
    count: uint256 = (length + 31) >> 5
    first: uint256 = self._wrongWord(at, count)
    if first == count:
        return b""
    # From the word before on, behind what of it belongs to a character that has begun earlier.
    i: uint256 = 32 * (max(first, 1) - 1)
    for _: uint256 in range(3):
        if first == 0 or Tape.word(at + i) >> 254 != 2:
            break
        i += 1
    # Bytes of a character that are still to come, and what the next of them may be.
    left: uint256 = 0
    low: uint256 = 128
    high: uint256 = 191
    for _: uint256 in range(64):
        if i == length:
            break
        byte: uint256 = Tape.word(at + i - 31) & 255
        i += 1
        if left > 0:
            if byte < low or byte > high:
                return b"invalid continuation byte"
            left -= 1
            low = 128
            high = 191
        elif byte > 127:
            if byte < 194 or byte > 244:
                return b"invalid start byte"
            left = 1
            if byte > 223:
                left = 2 if byte < 240 else 3
                if byte == 224:
                    low = 160
                elif byte == 237:
                    high = 159
                elif byte == 240:
                    low = 144
                elif byte == 244:
                    high = 143
    return b"unexpected end of data"


@internal
@view
def text(
    given: Reader, frame: NativeFrame.Frame, place: Bytes[NativeFrame.MAX_PLACE], index: uint256
) -> Reader:
    """
    @notice A string: where it begins, and its length in bytes.
    """
    reader: Reader = self.content(given, frame, place, b"string", index)
    wrong: Bytes[32] = self._utf8(reader.found, reader.length)
    if len(wrong) > 0:
        self._refuse(frame, place, b"string", concat(b"not UTF-8: ", wrong))
    return reader


@internal
@view
def hashOf(at: uint256, length: uint256) -> bytes32:
    """
    @notice Keccak-256 of at most 1,024 bytes of calldata, which whole words hold.
    """
    row: bytes32[32] = empty(bytes32[32])
    for i: uint256 in range((length + 31) >> 5, bound=32):
        row[i] = Tape.name(unsafe_add(at, unsafe_mul(32, i)))
    return keccak256(slice(abi_encode(row), 0, length))


# -- records ---------------------------------------------------------------------------------------


@internal
@view
def fields(
    given: NativeFrame.Frame, place: uint256, fields: uint256, count: uint256
) -> (NativeFrame.Frame, uint256[9]):
    """
    @notice Read fields of a record: slot, offset and size of each, four, six and six bits, the first
            in the highest of `count` times two bytes.
    """
    frame: NativeFrame.Frame = given
    results: uint256[9] = empty(uint256[9])
    for i: uint256 in range(count, bound=9):
        part: uint256 = fields >> unsafe_mul(16, unsafe_sub(count, unsafe_add(i, 1)))
        frame = NativeFrame.sload(frame, unsafe_add(place, (part >> 12) & 15))
        whole: uint256 = frame.found >> unsafe_mul(8, (part >> 6) & 63)
        results[i] = whole & (max_value(uint256) >> unsafe_sub(256, unsafe_mul(8, part & 63)))
    return frame, results


@internal
@view
def storeAmount(
    given: NativeFrame.Frame, slot: uint256, offset: uint256, name: Bytes[24], amount: uint256
) -> NativeFrame.Frame:
    """
    @notice Write 16 bytes, a field that an argument may be too great for.
    """
    if amount >> 128 != 0:
        NativeFrame.refuse(
            given, concat(name, b": ", Texts.decimal(amount), b" does not fit in 128 bits")
        )
    return NativeFrame.storePart(given, slot, offset, 16, amount)


# -- logs -----------------------------------------------------------------------------------------


@internal
@view
def withWords(
    given: bytes32[MAX_WORDS], index: uint256, at: uint256, count: uint256
) -> bytes32[MAX_WORDS]:
    """
    @notice Words of calldata, put from `index` on.
    """
    row: bytes32[MAX_WORDS] = given
    for i: uint256 in range(count, bound=MAX_WORDS):
        row[unsafe_add(index, i)] = Tape.name(unsafe_add(at, unsafe_mul(32, i)))
    return row


@internal
@pure
def treeOf(leaves: bytes32[MAX_WORDS], depth: uint256) -> bytes32:
    """
    @notice The root of a tree with 2^depth leaves.
    """
    row: bytes32[MAX_WORDS] = leaves
    count: uint256 = 1 << depth
    for _: uint256 in range(depth, bound=MAX_LEVELS):
        count = count >> 1
        for i: uint256 in range(count, bound=MAX_WORDS):
            at: uint256 = unsafe_mul(2, i)
            row[i] = keccak256(concat(row[at], row[unsafe_add(at, 1)]))
    return row[0]


@internal
@view
def emit(
    given: NativeFrame.Frame, words: uint256, topics: uint256[4], count: uint256,
    data: bytes32[MAX_WORDS], length: uint256,
) -> NativeFrame.Frame:
    """
    @notice As NativeFrame.emit, with data of so many bytes, and zeros behind them.
    """
    frame: NativeFrame.Frame = NativeFrame.chargeWords(given, words)
    frame = NativeFrame.charge(
        frame,
        NativeFrame.LOG + NativeFrame.LOG_TOPIC * count + NativeFrame.LOG_BYTE * length,
    )
    frame = NativeFrame._withEffects(frame)
    item: bytes32 = Pending.nameLogItem(
        Pending.LogItem(
            emitter=frame.target,
            topicCount=count,
            topic0=topics[0],
            topic1=topics[1],
            topic2=topics[2],
            topic3=topics[3],
            data=self.treeOf(data, Tape.depth((length + 31) >> 5)),
            dataLength=length,
        )
    )
    frame.effects.logs = keccak256(concat(frame.effects.logs, item))
    return frame
