# pragma version 0.4.3
# pragma evm-version cancun
"""
@title HeaderRules
@notice What an L2's header takes from its parent's: base fee, extra data.
@dev The twin of evm/step/header_rules.py. EIP-1559; OP specs {holocene,jovian}/exec-engine.md. An
     L2's excess of blob gas is always 0.
"""

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Headers as Headers

HOLOCENE_BYTES: constant(uint256) = 9
JOVIAN_BYTES: constant(uint256) = 17
U32: constant(uint256) = 2**32 - 1


struct FeeParameters:
    denominator: uint256
    elasticity: uint256
    least: uint256
    isInOrder: bool


@internal
@pure
def _feeParameters(rules: Blocks.ChainRules, parent: Headers.Header) -> FeeParameters:
    if rules.has & Blocks.PARENT_FEE_PARAMETERS == 0 or (
        parent.number == 0 and parent.extraDataSize == 0
    ):
        return FeeParameters(
            denominator=rules.denominator, elasticity=rules.elasticity, least=0, isInOrder=True
        )
    version: uint256 = 0
    size: uint256 = HOLOCENE_BYTES
    if rules.has & Blocks.PARENT_MIN_BASE_FEE != 0:
        version = 1
        size = JOVIAN_BYTES
    # Version, denominator, elasticity, and from Jovian on the least base fee.
    found: FeeParameters = FeeParameters(
        denominator=(parent.extraData >> 216) & U32,
        elasticity=(parent.extraData >> 184) & U32,
        least=(parent.extraData >> 120) & (2**64 - 1) if version == 1 else 0,
        isInOrder=False,
    )
    found.isInOrder = (
        parent.extraDataSize == size
        and parent.extraData >> 248 == version
        and found.denominator > 0
        and found.elasticity > 0
    )
    return found


@internal
@pure
def _part(baseFee: uint256, amount: uint256, divisor: uint256) -> uint256:
    """
    @notice baseFee * amount // divisor. Amounts of gas have 64 bits and the divisor 96, so the rest
            of a division times the amount has 160. The quotient times the amount is at most the
            answer, and one of more than 256 bits is no base fee: there is no such block.
    """
    return baseFee // divisor * amount + baseFee % divisor * amount // divisor


@internal
@pure
def nextBaseFee(rules: Blocks.ChainRules, parent: Headers.Header) -> (uint256, bool):
    """
    @notice Wei per gas, and whether the parent's fee parameters are in order. With a denominator,
            elasticity or target of 0 in the rules there is no block, here or on the step machine.
    """
    parameters: FeeParameters = self._feeParameters(rules, parent)
    if not parameters.isInOrder:
        return 0, False
    target: uint256 = parent.gasLimit // parameters.elasticity
    used: uint256 = parent.gasUsed
    if rules.has & Blocks.PARENT_DA_FOOTPRINT != 0:
        used = max(used, parent.blobGasUsed)
    fee: uint256 = parent.baseFee
    divisor: uint256 = target * parameters.denominator
    if used > target:
        fee += max(self._part(fee, used - target, divisor), 1)
    elif used < target:
        fee -= self._part(fee, target - used, divisor)
    return max(fee, parameters.least), True


@internal
@pure
def extraData(rules: Blocks.ChainRules, attributes: Blocks.Attributes) -> Bytes[JOVIAN_BYTES]:
    """
    @notice Nothing before Holocene, then the parameters by which the block's child goes.
    """
    if rules.has & Blocks.FEE_PARAMETERS == 0:
        return b""
    denominator: uint256 = attributes.denominator
    elasticity: uint256 = attributes.elasticity
    if denominator == 0:
        denominator = rules.denominator
        elasticity = rules.elasticity
    parameters: bytes8 = convert(convert((denominator << 32) | elasticity, uint64), bytes8)
    if rules.has & Blocks.MIN_BASE_FEE == 0:
        return concat(0x00, parameters)
    least: bytes8 = convert(convert(attributes.minBaseFee, uint64), bytes8)
    return concat(0x01, parameters, least)
