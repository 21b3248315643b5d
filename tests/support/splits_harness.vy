# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The module Splits, callable
@dev Tests only.
"""

import rollup.settlement.contracts.step.modules.Splits as Splits
import rollup.settlement.contracts.step.modules.Texts as Texts


@external
@pure
def divided(rest: uint256) -> uint256[4]:
    return Splits.divided(rest)


@external
@view
def split(amount: uint256, shares: DynArray[uint256, 256]) -> DynArray[uint256, 256]:
    parts: DynArray[uint256, 256] = []
    mark: uint256 = 0
    equal: uint256 = 0
    # Behind the selector, two words of head and the length.
    mark, equal = Splits.served(amount, 100, len(shares))
    for ppm: uint256 in shares:
        part: uint256 = 0
        part, equal = Splits.part(amount, ppm, mark, equal)
        parts.append(part)
    return parts


@external
@pure
def wideDecimal(high: uint256, low: uint256) -> Bytes[117]:
    return Texts.wideDecimal(high, low)
