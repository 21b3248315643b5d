# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Texts
@notice Numbers and bytes as the reasons of native precompiles spell them.
"""

@internal
@pure
def decimal(number: uint256) -> Bytes[78]:
    return convert(uint2str(number), Bytes[78])


# 2^256 is OVER times TEN_39 and REST more.
TEN_39: constant(uint256) = 10**39
OVER: constant(uint256) = 115792089237316195423570985008687907853
REST: constant(uint256) = 269984665640564039457584007913129639936


@internal
@pure
def wideDecimal(high: uint256, low: uint256) -> Bytes[117]:
    """
    @notice A number of more than a word: `high`, of at most 64 bits, times 2^256 and `low`.
    """
    if high == 0:
        return self.decimal(low)
    behind: uint256 = high * REST + low % TEN_39
    before: uint256 = high * OVER + low // TEN_39 + behind // TEN_39
    # A digit before the last 39 keeps the zeros among them.
    digits: Bytes[78] = self.decimal(TEN_39 + behind % TEN_39)
    return concat(self.decimal(before), slice(digits, 1, 39))


@internal
@pure
def hexOf(number: uint256, size: uint256) -> Bytes[66]:
    """
    @notice The last `size` bytes of a number: 0x and two digits each.
    """
    high: uint256 = 0
    low: uint256 = 0
    # Digits from the last one on, 32 of them a word.
    for i: uint256 in range(64):
        digit: uint256 = (number >> unsafe_mul(4, i)) & 15
        digit = unsafe_add(digit, 48 if digit < 10 else 87)
        if i < 32:
            low |= digit << unsafe_mul(8, i)
        else:
            high |= digit << unsafe_mul(8, unsafe_sub(i, 32))
    all: Bytes[64] = concat(convert(high, bytes32), convert(low, bytes32))
    return concat(b"0x", slice(all, 64 - 2 * size, 2 * size))


@internal
@pure
def hexNumber(number: uint256) -> Bytes[66]:
    """
    @notice A number: 0x and its digits, the first of which is not 0 but for 0 itself.
    """
    digits: uint256 = 1
    for _: uint256 in range(63):
        if number >> (4 * digits) == 0:
            break
        digits += 1
    whole: Bytes[66] = self.hexOf(number, 32)
    return concat(b"0x", convert(slice(whole, 66 - digits, digits), Bytes[64]))
