# pragma version 0.4.3
# pragma evm-version cancun
"""
@title FastLz
@notice How long a transaction is when FastLZ has compressed it, in pieces of bounded work.
@dev The twin of evm/step/fastlz_steps.py. FastLZ remembers where each hash of three bytes came last:
     8,192 places, u32 each, as they stand in one item of 32,768 bytes: eight in a word. Vyper has no
     references, so whatever changes the table stands in one function. Knows nothing of prices.
"""

import rollup.settlement.contracts.step.modules.Jobs as Jobs

STEP: constant(uint256) = 1024
TABLE: constant(uint256) = 32768
WORDS: constant(uint256) = TABLE // 32
# The hash of a table of zeros.
EMPTY_TABLE: constant(bytes32) = 0x8cd8aa91369996e33a91695c8fcec3c5597c2fd76edc9f9d4d604fe2624cf914
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
def _slot(three: uint256) -> uint256:
    # The hash of three bytes, which reads them little-endian.
    word: uint256 = (three >> 16) | (three & MIDDLE) | ((three & 255) << 16)
    return ((2654435769 * word) & U32) >> 19


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
            three = convert(extract32(data, position - base), uint256) >> 232
            slot: uint256 = self._slot(three)
            behind: uint256 = 32 * (7 - (slot & 7))  # bits of the word behind the place
            word: uint256 = table[slot >> 3]
            before = (word >> behind) & U32
            table[slot >> 3] = word ^ ((before ^ position) << behind)
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
