# pragma version 0.4.3
# pragma evm-version prague
"""
@title GasPriceOracle
@notice What a transaction costs beside its gas: the Fjord L1 fee and the Isthmus operator fee.
@dev The L1 fee is computed as the execution layer computes it, FastLZ length included
     (specs: fjord/exec-engine.md; FastLZ level 1 as in ariya/FastLZ). Meant for eth_call: the
     hash table alone takes 256 KiB of memory.
"""

interface L1Block:
    def basefee() -> uint256: view
    def blobBaseFee() -> uint256: view
    def baseFeeScalar() -> uint32: view
    def blobBaseFeeScalar() -> uint32: view
    def operatorFeeScalar() -> uint32: view
    def operatorFeeConstant() -> uint64: view

L1_BLOCK: constant(L1Block) = L1Block(0x4200000000000000000000000000000000000015)
SCALAR_DECIMALS: constant(uint256) = 6
COST_INTERCEPT: constant(int256) = -42_585_600
COST_FASTLZ_COEF: constant(int256) = 836_500
MIN_TRANSACTION_SIZE: constant(int256) = 100
# A signature and its RLP framing, which an unsigned transaction lacks.
SIGNATURE_SIZE: constant(uint256) = 68
MAX_TRANSACTION: constant(uint256) = 131_072

HASH_ENTRIES: constant(uint256) = 8192
MAX_DISTANCE: constant(uint256) = 8191
MAX_MATCH: constant(uint256) = 262


@internal
@pure
def _literals(count: uint256) -> uint256:
    # Runs of up to 32 literal bytes, each with one byte of header.
    total: uint256 = 33 * (count // 32)
    rest: uint256 = count % 32
    if rest != 0:
        total += rest + 1
    return total


@internal
@pure
def _match(length: uint256) -> uint256:
    rest: uint256 = length - 1
    total: uint256 = 3 * (rest // MAX_MATCH)
    if rest % MAX_MATCH >= 6:
        return total + 3
    return total + 2


@internal
@pure
def _hash(sequence: uint256) -> uint256:
    # Multiplication modulo 2**32, upper 13 bits.
    return ((2_654_435_769 * sequence) >> 19) & MAX_DISTANCE


@internal
@view
def _u24(position: uint256) -> uint256:
    # Three bytes of calldata, little-endian.
    word: uint256 = convert(slice(msg.data, position, 3), uint256)
    return (word >> 16) | (word & 65_280) | ((word & 255) << 16)


@internal
@view
def _commonLength(candidate: uint256, position: uint256, end: uint256) -> uint256:
    # How far both runs agree, counting the first byte that differs, as FastLZ counts.
    length: uint256 = 0
    for _: uint256 in range(MAX_TRANSACTION):
        if length + 32 > end:
            break
        if slice(msg.data, candidate + length, 32) != slice(msg.data, position + length, 32):
            break
        length += 32
    for _: uint256 in range(33):
        if length >= end:
            break
        same: bool = slice(msg.data, candidate + length, 1) == slice(msg.data, position + length, 1)
        length += 1
        if not same:
            break
    return length


@internal
@view
def _fastlzLength() -> uint256:
    # Reads the one bytes argument of the call where it lies, in calldata.
    start: uint256 = 4 + convert(slice(msg.data, 4, 32), uint256) + 32
    size: uint256 = convert(slice(msg.data, start - 32, 32), uint256)
    limit: uint256 = 0
    if size > 13:
        limit = size - 13
    table: uint256[HASH_ENTRIES] = empty(uint256[HASH_ENTRIES])
    total: uint256 = 0
    anchor: uint256 = 0
    position: uint256 = 2
    for _: uint256 in range(MAX_TRANSACTION):
        # ---- search: three bytes that were seen at most 8191 bytes ago
        candidate: uint256 = 0
        found: bool = False
        for _search: uint256 in range(MAX_TRANSACTION):
            if position >= limit:
                break
            sequence: uint256 = self._u24(start + position)
            bucket: uint256 = self._hash(sequence)
            candidate = table[bucket]
            table[bucket] = position
            if position - candidate <= MAX_DISTANCE:
                if sequence == self._u24(start + candidate):
                    found = True
                    break
            position += 1
        # FastLZ looks one byte ahead before it takes a match.
        if not found or position + 1 >= limit:
            break
        # ---- emit: the literals up to here, then the match
        if position > anchor:
            total += self._literals(position - anchor)
        length: uint256 = self._commonLength(
            start + candidate + 3, start + position + 3, limit + 9 - position - 3
        )
        total += self._match(length)
        position += length
        table[self._hash(self._u24(start + position))] = position
        position += 1
        table[self._hash(self._u24(start + position))] = position
        position += 1
        anchor = position
    return total + self._literals(size - anchor)


@internal
@view
def _l1Cost(fastlzSize: uint256) -> uint256:
    scaledSize: int256 = COST_INTERCEPT + COST_FASTLZ_COEF * convert(fastlzSize, int256)
    scaledSize = max(scaledSize, MIN_TRANSACTION_SIZE * 1_000_000)
    price: uint256 = 16 * staticcall L1_BLOCK.basefee() * convert(
        staticcall L1_BLOCK.baseFeeScalar(), uint256
    ) + staticcall L1_BLOCK.blobBaseFee() * convert(
        staticcall L1_BLOCK.blobBaseFeeScalar(), uint256
    )
    return convert(scaledSize, uint256) * price // 10 ** (SCALAR_DECIMALS * 2)


@external
@view
def getL1Fee(_data: Bytes[MAX_TRANSACTION]) -> uint256:
    """
    @notice L1 fee of a transaction, in wei.
    @param _data The unsigned transaction, RLP-encoded.
    """
    return self._l1Cost(self._fastlzLength() + SIGNATURE_SIZE)


@external
@view
def getL1FeeUpperBound(_unsignedTxSize: uint256) -> uint256:
    """
    @notice The most that a transaction of that many bytes can cost, in wei: FastLZ adds at most
            one byte in 255, and 16 for its ends.
    """
    size: uint256 = _unsignedTxSize + SIGNATURE_SIZE
    return self._l1Cost(size + size // 255 + 16)


@external
@view
def getL1GasUsed(_data: Bytes[MAX_TRANSACTION]) -> uint256:
    """
    @notice L1 gas for which a transaction pays: 16 for each byte of its estimated size.
    """
    size: int256 = COST_INTERCEPT + COST_FASTLZ_COEF * convert(
        self._fastlzLength() + SIGNATURE_SIZE, int256
    )
    size = max(size, MIN_TRANSACTION_SIZE * 1_000_000)
    return convert(size, uint256) * 16 // 1_000_000


@external
@view
def getOperatorFee(_gasUsed: uint256) -> uint256:
    """
    @notice Operator fee for that much gas, in wei.
    """
    return _gasUsed * convert(
        staticcall L1_BLOCK.operatorFeeScalar(), uint256
    ) // 1_000_000 + convert(staticcall L1_BLOCK.operatorFeeConstant(), uint256)


@external
@view
def gasPrice() -> uint256:
    """
    @notice Base fee of this L2 block, in wei per gas.
    """
    return block.basefee


@external
@view
def baseFee() -> uint256:
    """
    @notice Base fee of this L2 block, in wei per gas.
    """
    return block.basefee


@external
@view
def l1BaseFee() -> uint256:
    """
    @notice Base fee of the L1 origin, in wei per gas.
    """
    return staticcall L1_BLOCK.basefee()


@external
@view
def blobBaseFee() -> uint256:
    """
    @notice Blob base fee of the L1 origin, in wei per blob gas.
    """
    return staticcall L1_BLOCK.blobBaseFee()


@external
@view
def baseFeeScalar() -> uint32:
    """
    @notice Millionths of the L1 base fee that users pay.
    """
    return staticcall L1_BLOCK.baseFeeScalar()


@external
@view
def blobBaseFeeScalar() -> uint32:
    """
    @notice Millionths of the blob base fee that users pay.
    """
    return staticcall L1_BLOCK.blobBaseFeeScalar()


@external
@pure
def decimals() -> uint256:
    """
    @notice Decimals of the fee scalars.
    """
    return SCALAR_DECIMALS


@external
@pure
def DECIMALS() -> uint256:
    """
    @notice Decimals of the fee scalars.
    """
    return SCALAR_DECIMALS


@external
@pure
def isEcotone() -> bool:
    """
    @notice This chain has had the Ecotone rules from its first block.
    """
    return True


@external
@pure
def isFjord() -> bool:
    """
    @notice This chain has had the Fjord rules from its first block.
    """
    return True


@external
@pure
def isIsthmus() -> bool:
    """
    @notice This chain has had the Isthmus rules from its first block.
    """
    return True


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.4.0"
