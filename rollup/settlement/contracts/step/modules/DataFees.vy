# pragma version 0.4.3
# pragma evm-version cancun
"""
@title DataFees
@notice What an L2 transaction pays beside gas: L1's data fee, operator fee, and its DA footprint.
@dev The twin of evm/step/data_fees.py. Prices come from the storage of L1Block, once a block; what
     stands there may be any word, so that a fee may be more than a word holds.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

# 0x4200000000000000000000000000000000000015
L1_BLOCK: constant(uint256) = 66 * 2**152 + 21
SLOT_BASE_FEE: constant(uint256) = 1
SLOT_SCALARS: constant(uint256) = 3
SLOT_OVERHEAD: constant(uint256) = 5
SLOT_BEDROCK_SCALAR: constant(uint256) = 6
SLOT_BLOB_BASE_FEE: constant(uint256) = 7
SLOT_OPERATOR_FEE: constant(uint256) = 8

INTERCEPT: constant(uint256) = 42585600  # taken off
COEFFICIENT: constant(uint256) = 836500
MIN_SIZE: constant(uint256) = 100000000
MILLION: constant(uint256) = 10**6
ZERO_BYTE_GAS: constant(uint256) = 4
BYTE_GAS: constant(uint256) = 16


struct Amount:
    amount: uint256
    # 2^256 or more, which nobody has; `amount` then says nothing.
    isHuge: bool


struct Quote:
    prices: Ledger.Prices
    cursor: uint256
    # The kind of load for what the map lacks of L1Block, and its key; 0 where it lacks nothing.
    lacking: uint256
    key: uint256


struct Reading:
    world: bytes32
    generation: uint256
    word: uint256
    cursor: uint256
    lacking: uint256
    key: uint256


@internal
@view
def _slot(given: Reading, slot: uint256) -> Reading:
    """
    @notice The word in a slot of L1Block; nothing is opened behind one that is missing.
    """
    reading: Reading = given
    reading.word = 0
    if reading.lacking != 0:
        return reading
    key: bytes32 = Entries.slotKey(L1_BLOCK, reading.generation, slot)
    way: WorldMap.Way = WorldMap.find(reading.cursor, reading.world, key)
    reading.cursor = way.cursor
    if way.isFound:
        reading.word = Entries.openSlot(reading.cursor, way.value).now
        reading.cursor += Entries.SLOT_ITEM
    else:
        reading.lacking = Pending.LOAD_SLOT
        reading.key = slot
    return reading


@internal
@view
def readPrices(cursor: uint256, world: bytes32, has: uint256) -> Quote:
    """
    @notice What L1Block holds now; in Ecotone's first block that is still Bedrock's.
    @param has What the block's rules have.
    """
    quote: Quote = empty(Quote)
    met: Accounts.Met = Accounts.look(cursor, world, L1_BLOCK)
    quote.cursor = met.cursor
    if met.isMissing:
        quote.lacking = Pending.LOAD_ACCOUNT
        return quote
    reading: Reading = empty(Reading)
    reading.world = world
    reading.generation = met.account.generation
    reading.cursor = met.cursor
    reading = self._slot(reading, SLOT_SCALARS)
    quote.prices.baseFeeScalar = (reading.word >> 96) & State.U32
    quote.prices.blobBaseFeeScalar = (reading.word >> 64) & State.U32
    reading = self._slot(reading, SLOT_BASE_FEE)
    quote.prices.baseFee = reading.word
    reading = self._slot(reading, SLOT_BLOB_BASE_FEE)
    quote.prices.blobBaseFee = reading.word
    if has & Blocks.OPERATOR_FEE != 0:
        reading = self._slot(reading, SLOT_OPERATOR_FEE)
        quote.prices.operatorFeeScalar = (reading.word >> 64) & State.U32
        quote.prices.operatorFeeConstant = reading.word & State.U64
        if has & Blocks.DA_FOOTPRINT != 0:
            quote.prices.daFootprintScalar = (reading.word >> 96) & State.U16
    if (
        quote.prices.baseFeeScalar | quote.prices.blobBaseFeeScalar | quote.prices.blobBaseFee
    ) == 0:
        quote.prices.isBedrock = 1
        reading = self._slot(reading, SLOT_OVERHEAD)
        quote.prices.overhead = reading.word
        reading = self._slot(reading, SLOT_BEDROCK_SCALAR)
        quote.prices.bedrockScalar = reading.word
    quote.cursor = reading.cursor
    quote.lacking = reading.lacking
    quote.key = reading.key
    return quote


@internal
@pure
def plus(given: Amount, x: uint256, y: uint256) -> Amount:
    """
    @notice The amount and x * y wei more.
    """
    product: uint256 = unsafe_mul(x, y)
    total: uint256 = unsafe_add(given.amount, product)
    return Amount(
        amount=total,
        isHuge=given.isHuge or total < product or (x != 0 and product // x != y),
    )


@internal
@pure
def _bedrockFee(prices: Ledger.Prices, byteGas: uint256) -> Amount:
    """
    @notice (byteGas + overhead) * base fee * scalar // 10^6, of which each factor may be any word.
    @dev With each factor as high * 10^6 + low the quotient is a sum of products, and only the last
         of low parts is divided. None of them is negative: one that is huge makes all huge.
    """
    fee: Amount = empty(Amount)
    if prices.baseFee == 0 or prices.bedrockScalar == 0:
        return fee
    low: uint256 = prices.overhead % MILLION + byteGas  # below 2^38
    high: uint256 = prices.overhead // MILLION + low // MILLION
    low = low % MILLION
    baseHigh: uint256 = prices.baseFee // MILLION
    baseLow: uint256 = prices.baseFee % MILLION
    fee.amount = low * baseLow * (prices.bedrockScalar % MILLION) // MILLION  # below 10^12
    fee = self.plus(fee, low * baseLow, prices.bedrockScalar // MILLION)
    fee = self.plus(fee, low * baseHigh, prices.bedrockScalar)  # low below 10^6
    product: Amount = self.plus(empty(Amount), high, prices.baseFee)
    fee = self.plus(fee, product.amount, prices.bedrockScalar)
    fee.isHuge = fee.isHuge or product.isHuge
    return fee


@internal
@pure
def _size(chargedSize: uint256) -> uint256:
    """
    @notice Millionths of a byte that Fjord takes a transaction for: below 2^52.
    """
    scaled: uint256 = COEFFICIENT * chargedSize
    return max(MIN_SIZE, scaled - INTERCEPT if scaled > INTERCEPT else 0)


@internal
@pure
def dataFee(
    prices: Ledger.Prices, has: uint256, length: uint256, zeros: uint256, chargedSize: uint256
) -> Amount:
    """
    @notice Wei for a transaction's bytes on L1.
    """
    byteGas: uint256 = ZERO_BYTE_GAS * zeros + BYTE_GAS * (length - zeros)  # below 2^36
    if prices.isBedrock != 0:
        return self._bedrockFee(prices, byteGas)
    many: uint256 = byteGas
    divisor: uint256 = 16 * MILLION
    if has & Blocks.FASTLZ != 0:
        many = self._size(chargedSize)
        divisor = MILLION * MILLION
    # many * (16 * scalar * base fee + blob scalar * blob base fee) // divisor, base fees being any
    # words: what divides them is split off first. Scalars are below 2^32, many below 2^52.
    scale: uint256 = 16 * prices.baseFeeScalar * many
    blobScale: uint256 = prices.blobBaseFeeScalar * many
    fee: Amount = empty(Amount)
    fee.amount = (
        scale * (prices.baseFee % divisor) + blobScale * (prices.blobBaseFee % divisor)
    ) // divisor
    fee = self.plus(fee, scale, prices.baseFee // divisor)
    return self.plus(fee, blobScale, prices.blobBaseFee // divisor)


@internal
@pure
def daFootprint(prices: Ledger.Prices, chargedSize: uint256) -> uint256:
    """
    @notice Gas that a transaction takes of the block's room on L1 (Jovian): below 2^48.
    """
    return self._size(chargedSize) // MILLION * prices.daFootprintScalar


@internal
@pure
def operatorFee(
    prices: Ledger.Prices, rules: Blocks.ChainRules, amount: uint256
) -> uint256:
    """
    @notice Wei for so much gas (Isthmus): below 2^129, gas being below 2^64.
    """
    scaled: uint256 = amount * prices.operatorFeeScalar * rules.operatorFeeFactor
    return scaled // rules.operatorFeeDivisor + prices.operatorFeeConstant
