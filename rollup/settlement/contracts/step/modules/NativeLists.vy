# pragma version 0.4.3
# pragma evm-version cancun
"""
@title NativeLists
@notice Bytes and lists among the arguments of a native precompile, where they stand in the calldata.
@dev The twin of `_Reader`, `_Bytes` and `_Array` in chain/abi.py, reason by reason. Offsets and
     lengths are words, so where an item ends may be more than a word: the sums that refusals name are
     made of two.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts

# More elements than NativeFrame.MAX_CALLDATA has words.
MAX_ELEMENTS: constant(uint256) = 2048


struct Item:
    # Where its bytes or elements begin in msg.data, and how many they are.
    at: uint256
    count: uint256
    # How many bytes may still be read, so that none are read again and again.
    budget: uint256


@internal
@view
def _refuse(
    frame: NativeFrame.Frame,
    place: Bytes[NativeFrame.MAX_PLACE],
    type_: Bytes[16],
    message: Bytes[320],
):
    NativeFrame.refuse(frame, concat(place, b": abi ", type_, b": ", message))


@internal
@view
def _take(
    frame: NativeFrame.Frame,
    place: Bytes[NativeFrame.MAX_PLACE],
    type_: Bytes[16],
    budget: uint256,
    start: uint256,
    size: uint256,
    carry: uint256,
) -> uint256:
    """
    @notice Take `size` bytes, and 2^256 more if `carry` is 1, from `start` on; the budget left.
    """
    length: uint256 = frame.length - 4
    end: uint256 = unsafe_add(start, size)
    high: uint256 = carry
    if end < start:
        high += 1
    if high > 0 or end > length:
        self._refuse(
            frame,
            place,
            type_,
            concat(
                b"needs bytes ", Texts.decimal(start), b" to ", Texts.wideDecimal(high, end),
                b" of ", Texts.decimal(length),
            ),
        )
    if size > budget:
        self._refuse(frame, place, type_, b"offsets overlap, the same bytes are read twice")
    return budget - size


@internal
@view
def _word(frame: NativeFrame.Frame, start: uint256) -> uint256:
    return Tape.word(frame.start + 4 + start)


@internal
@view
def _content(
    frame: NativeFrame.Frame,
    place: Bytes[NativeFrame.MAX_PLACE],
    type_: Bytes[16],
    budget: uint256,
    index: uint256,
) -> Item:
    """
    @notice The length of the item whose offset is word `index` of the arguments, and where it begins.
    """
    left: uint256 = self._take(frame, place, type_, budget, 32 * index, 32, 0)
    start: uint256 = self._word(frame, 32 * index)
    left = self._take(frame, place, type_, left, start, 32, 0)
    return Item(at=start + 32, count=self._word(frame, start), budget=left)


@internal
@view
def bytesOf(
    frame: NativeFrame.Frame,
    place: Bytes[NativeFrame.MAX_PLACE],
    budget: uint256,
    index: uint256,
) -> Item:
    """
    @notice Bytes, padded with zeros.
    """
    found: Item = self._content(frame, place, b"bytes", budget, index)
    carry: uint256 = 1 if found.count > max_value(uint256) - 31 else 0
    padded: uint256 = unsafe_add(found.count, 31) & ~convert(31, uint256)
    found.budget = self._take(
        frame, place, b"bytes", found.budget, found.at, padded, carry
    )
    used: uint256 = found.count & 31
    if used > 0 and self._word(frame, found.at + padded - 32) << (8 * used) != 0:
        self._refuse(
            frame,
            place,
            b"bytes",
            concat(b"non-zero padding after ", Texts.decimal(found.count), b" bytes"),
        )
    found.at += frame.start + 4
    return found


@internal
@view
def listOf(
    frame: NativeFrame.Frame,
    place: Bytes[NativeFrame.MAX_PLACE],
    budget: uint256,
    index: uint256,
    element: Bytes[8],
) -> Item:
    """
    @notice A list of a type of one word; of the types that bound their words, addresses only.
    """
    type_: Bytes[10] = concat(element, b"[]")
    found: Item = self._content(frame, place, type_, budget, index)
    if found.count > (frame.length - 4) // 32:
        self._refuse(
            frame,
            place,
            type_,
            concat(
                Texts.decimal(found.count), b" elements in ",
                Texts.decimal(frame.length - 4), b" bytes of data",
            ),
        )
    start: uint256 = found.at
    isAccount: bool = element == b"address"
    for _: uint256 in range(found.count, bound=MAX_ELEMENTS):
        found.budget = self._take(frame, place, element, found.budget, start, 32, 0)
        word: uint256 = self._word(frame, start)
        if isAccount and word > State.U160:
            self._refuse(
                frame, place, element, concat(b"more than 20 bytes in ", Texts.hexOf(word, 32))
            )
        start += 32
    found.at += frame.start + 4
    return found
