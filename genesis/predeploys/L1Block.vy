# pragma version 0.4.3
# pragma evm-version prague
"""
@title L1Block
@notice What this L2 block knows about L1, written by the first deposit of every block.
@dev Storage layout and setter of the OP Stack (specs: isthmus/l1-attributes.md), since the
     execution layer reads the fee parameters from these slots. Solidity packs small fields
     into one slot and Vyper does not, so the packed slots are words here and getters unpack.
"""

DEPOSITOR: constant(address) = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001

# slot 0: number (bits 0..63), timestamp (64..127)
packedNumberAndTimestamp: uint256
# slot 1
basefee: public(uint256)
# slot 2
hash: public(bytes32)
# slot 3: sequenceNumber (0..63), blobBaseFeeScalar (64..95), baseFeeScalar (96..127)
packedSequenceNumberAndScalars: uint256
# slot 4
batcherHash: public(bytes32)
# slots 5 and 6: the Bedrock fee overhead and scalar, without meaning since Ecotone
l1FeeOverhead: public(uint256)
l1FeeScalar: public(uint256)
# slot 7
blobBaseFee: public(uint256)
# slot 8: operatorFeeConstant (0..63), operatorFeeScalar (64..95)
packedOperatorFee: uint256


@external
@payable
def __default__():
    """
    @notice setL1BlockValuesIsthmus: 176 bytes of packed arguments after selector 0x098999be.
    """
    assert msg.value == 0
    assert len(msg.data) >= 4
    assert convert(slice(msg.data, 0, 4), bytes4) == 0x098999be
    if msg.sender != DEPOSITOR:
        raw_revert(method_id("NotDepositor()"))
    assert len(msg.data) == 176
    self.packedSequenceNumberAndScalars = convert(slice(msg.data, 4, 16), uint256)
    self.packedNumberAndTimestamp = convert(slice(msg.data, 20, 16), uint256)
    self.basefee = convert(slice(msg.data, 36, 32), uint256)
    self.blobBaseFee = convert(slice(msg.data, 68, 32), uint256)
    self.hash = convert(slice(msg.data, 100, 32), bytes32)
    self.batcherHash = convert(slice(msg.data, 132, 32), bytes32)
    self.packedOperatorFee = convert(slice(msg.data, 164, 12), uint256)


@internal
@pure
def _u32(word: uint256, bit: uint256) -> uint32:
    return convert((word >> bit) & (2**32 - 1), uint32)


@internal
@pure
def _u64(word: uint256, bit: uint256) -> uint64:
    return convert((word >> bit) & (2**64 - 1), uint64)


@external
@view
def number() -> uint64:
    """
    @notice Height of the L1 origin.
    """
    return self._u64(self.packedNumberAndTimestamp, 0)


@external
@view
def timestamp() -> uint64:
    """
    @notice Timestamp of the L1 origin, in seconds.
    """
    return self._u64(self.packedNumberAndTimestamp, 64)


@external
@view
def sequenceNumber() -> uint64:
    """
    @notice How many L2 blocks of this origin came before.
    """
    return self._u64(self.packedSequenceNumberAndScalars, 0)


@external
@view
def blobBaseFeeScalar() -> uint32:
    """
    @notice Millionths of the blob base fee that L2 users pay.
    """
    return self._u32(self.packedSequenceNumberAndScalars, 64)


@external
@view
def baseFeeScalar() -> uint32:
    """
    @notice Millionths of the L1 base fee that L2 users pay.
    """
    return self._u32(self.packedSequenceNumberAndScalars, 96)


@external
@view
def operatorFeeConstant() -> uint64:
    """
    @notice Wei of operator fee per transaction.
    """
    return self._u64(self.packedOperatorFee, 0)


@external
@view
def operatorFeeScalar() -> uint32:
    """
    @notice Millionths of a wei of operator fee per gas.
    """
    return self._u32(self.packedOperatorFee, 64)


@external
@pure
def DEPOSITOR_ACCOUNT() -> address:
    """
    @notice The only account that may write here.
    """
    return DEPOSITOR


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.6.0"
