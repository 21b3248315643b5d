# pragma version 0.4.3
# pragma evm-version cancun
"""
@title FastLz
@notice How long a transaction is when FastLZ has compressed it, in pieces of bounded work.
@dev The twin of evm/step/fastlz_steps.py. FastLZ remembers where each hash of three bytes came last:
     8,192 places, u24 each, as they stand in one item of 24,576 bytes. Here they are words, of which a
     place takes three bytes, now and then of two words; Vyper has no references, so whatever changes the table
     stands in one function. Knows nothing of prices.
"""

import rollup.settlement.contracts.step.modules.Jobs as Jobs

STEP: constant(uint256) = 1024
TABLE: constant(uint256) = 24576
TABLE_WORDS: constant(uint256) = TABLE // 32
# One word more, so that each word has a next one.
WORDS: constant(uint256) = TABLE_WORDS + 1
EMPTY_TABLE: constant(bytes32) = 0x3238fa41f7739be4a9c92693cec674d2e38b1e6e7a89b251d3a44cb7a95aa9eb
HISTORY: constant(uint256) = 8191
FIRST_PLACE: constant(uint256) = 2
UNSEARCHED: constant(uint256) = 13
AHEAD: constant(uint256) = 16
LONGEST_IN_ONE: constant(uint256) = 262
# What a step reads, and a word of zeros behind it.
MAX_DATA: constant(uint256) = HISTORY + AHEAD + STEP + AHEAD
PADDED: constant(uint256) = MAX_DATA + 32
# Each turn goes on by a byte or more, but for the one that ends a match; and a match has three bytes.
MOST_TURNS: constant(uint256) = 2 * STEP
MIDDLE: constant(uint256) = 255 << 8
U24: constant(uint256) = 2**24 - 1
U32: constant(uint256) = 2**32 - 1


@internal
@pure
def isOver(work: Jobs.Compression, length: uint256) -> bool:
    """
    @notice Whether nothing is left to look at. What is compressed has more than 163 bytes.
    """
    return work.matched == 0 and work.position >= length - UNSEARCHED


@internal
@pure
def _literals(count: uint256) -> uint256:
    rest: uint256 = count % 32
    return 33 * (count // 32) + (rest + 1 if rest > 0 else 0)


@internal
@pure
def _match(length: uint256) -> uint256:
    full: uint256 = (length - 1) // LONGEST_IN_ONE
    return 3 * full + (3 if (length - 1) % LONGEST_IN_ONE >= 6 else 2)


@internal
@pure
def finalSize(work: Jobs.Compression, length: uint256) -> uint256:
    """
    @notice The compressed length when it is over.
    """
    return work.size + self._literals(length - work.anchor)


@internal
@pure
def begins(work: Jobs.Compression) -> uint256:
    """
    @notice From which byte on a step reads.
    """
    at: uint256 = work.position + work.matched
    return at - HISTORY - AHEAD if at > HISTORY + AHEAD else 0


@internal
@pure
def ends(work: Jobs.Compression) -> uint256:
    """
    @notice Up to which byte a step reads, where there are as many.
    """
    return work.position + work.matched + STEP + AHEAD


@internal
@pure
def _placeOf(three: uint256) -> uint256:
    # Where the place of three bytes begins in the table; their hash reads them little-endian.
    word: uint256 = (three >> 16) | (three & MIDDLE) | ((three & 255) << 16)
    return 3 * (((2654435769 * word) & U32) >> 19)


@internal
@pure
def _replaced(
    high: uint256, low: uint256, start: uint256, position: uint256
) -> (uint256, uint256, uint256):
    """
    @notice Two words that follow each other with another place at byte `start` of the first; and what
            was there.
    """
    before: uint256 = 0
    if start <= 29:
        behind: uint256 = 8 * (29 - start)
        before = (high >> behind) & U24
        return high ^ ((before ^ position) << behind), low, before
    # One byte of it stands in the second word, or two.
    over: uint256 = 8 * (start - 29)
    before = ((high << over) & U24) | (low >> (256 - over))
    change: uint256 = before ^ position
    return high ^ (change >> over), low ^ (change << (256 - over)), before


@internal
@pure
def _ended(given: Jobs.Compression) -> Jobs.Compression:
    """
    @notice A match is over: its length counts, and the last three bytes are looked at again.
    """
    work: Jobs.Compression = given
    length: uint256 = work.matched - 3
    work.size += self._match(length)
    work.position += length
    return work


@internal
@pure
def advance(
    given: Jobs.Compression, places: uint256[WORDS], length: uint256, data: Bytes[PADDED]
) -> (Jobs.Compression, uint256[WORDS]):
    """
    @notice Go on by at most 1,024 bytes. `data` are the bytes from `begins` to `ends`, and 32 more.
    """
    work: Jobs.Compression = given
    table: uint256[WORDS] = places
    base: uint256 = self.begins(given)
    limit: uint256 = length - UNSEARCHED
    stop: uint256 = work.position + work.matched + STEP
    isDone: bool = False
    for _: uint256 in range(MOST_TURNS):
        at: uint256 = work.position + work.matched
        isDone = at >= stop or self.isOver(work, length)
        if isDone:
            break
        isMatch: bool = work.matched > 0
        count: uint256 = 1  # of places that become others
        if isMatch:
            # One more byte; the first that differs counts too, and ends the match.
            if at < limit + 9:
                left: uint256 = work.reference + work.matched - base
                work.matched += 1
                if (
                    convert(extract32(data, left) ^ extract32(data, at - base), uint256) >> 248
                    == 0
                ):
                    continue
            work = self._ended(work)
            count = 2
        before: uint256 = 0
        three: uint256 = 0
        for i: uint256 in range(count, bound=2):
            position: uint256 = work.position + i
            assert position <= U24, "FastLz: a place has 24 bits"
            three = convert(extract32(data, position - base), uint256) >> 232
            start: uint256 = self._placeOf(three)
            index: uint256 = start >> 5
            high: uint256 = 0
            low: uint256 = 0
            high, low, before = self._replaced(
                table[index], table[index + 1], start & 31, position
            )
            table[index] = high
            table[index + 1] = low
        if isMatch:
            work.position += 2
            work.anchor = work.position
            work.matched = 0
            continue
        position: uint256 = work.position
        work.position += 1
        if position - before > HISTORY or position + 1 >= limit:
            continue
        if convert(extract32(data, before - base), uint256) >> 232 != three:
            continue
        work.position = position
        if position > work.anchor:
            work.size += self._literals(position - work.anchor)
        work.reference = before
        work.matched = 3
    assert isDone, "FastLz: more turns than a step has"
    return work, table
