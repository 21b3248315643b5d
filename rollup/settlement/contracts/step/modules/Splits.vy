# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Splits
@notice Dividing an amount to the last wei: each part is its quota rounded down, and the units left over
        go one each to the largest remainders, of equal ones to the first.
@dev The twin of chain/split.py. Amounts have less than 128 bits and weights sum to 10^4 or 10^6: all
     products fit in a word. There are fewer units left over than remainders that are not 0.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

BASIS_POINTS: constant(uint256) = 10**4
TOTAL_PPM: constant(uint256) = 10**6
MAX_SHARES: constant(uint256) = 256


@internal
@pure
def divided(rest: uint256) -> uint256[4]:
    """
    @notice What royalties leave of a fee, for platform, host, stakers and contributors.
    """
    weights: uint256[4] = [1000, 2000, 2000, 5000]
    parts: uint256[4] = empty(uint256[4])
    left: uint256 = rest
    for i: uint256 in range(4):
        parts[i] = rest * weights[i] // BASIS_POINTS
        left -= parts[i]
    isServed: bool[4] = empty(bool[4])
    for _: uint256 in range(left, bound=3):
        best: uint256 = 4
        most: uint256 = 0
        for i: uint256 in range(4):
            remainder: uint256 = rest * weights[i] % BASIS_POINTS
            if not isServed[i] and remainder > most:
                best = i
                most = remainder
        isServed[best] = True
        parts[best] += 1
    return parts


@internal
@view
def served(amount: uint256, sharesAt: uint256, count: uint256) -> (uint256, uint256):
    """
    @notice Which remainders have a unit of what is left over, where an amount is divided by shares that
            stand in msg.data and sum to a million: those above the first answer, and so many of the
            first of those that equal it as the second says.
    """
    left: uint256 = amount
    for i: uint256 in range(count, bound=MAX_SHARES):
        left -= amount * Tape.word(sharesAt + 32 * i) // TOTAL_PPM
    if left == 0:
        return TOTAL_PPM, 0
    # The largest number that `left` remainders reach, bit by bit; fewer are above it.
    low: uint256 = 0
    above: uint256 = 0
    for bit: uint256 in range(20):
        tried: uint256 = low + (1 << (19 - bit))
        reached: uint256 = 0
        for i: uint256 in range(count, bound=MAX_SHARES):
            if amount * Tape.word(sharesAt + 32 * i) % TOTAL_PPM >= tried:
                reached += 1
        if reached >= left:
            low = tried
        else:
            above = reached
    return low, left - above


@internal
@pure
def part(amount: uint256, ppm: uint256, mark: uint256, equal: uint256) -> (uint256, uint256):
    """
    @notice The next share's part of the amount, by the answers of `served`; the second is smaller by
            one where this part has a unit for it.
    """
    product: uint256 = amount * ppm
    quota: uint256 = product // TOTAL_PPM
    remainder: uint256 = product % TOTAL_PPM
    if remainder > mark:
        return quota + 1, equal
    if remainder == mark and equal > 0:
        return quota + 1, equal - 1
    return quota, equal
