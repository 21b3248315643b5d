# pragma version 0.4.3
# pragma evm-version cancun

import rollup.settlement.contracts.step.modules.NativeData as NativeData


@external
@view
def utf8(data: Bytes[1024]) -> Bytes[32]:
    # Behind the selector and two words of head.
    return NativeData._utf8(68, len(data))


@external
@pure
def decimalOfSum(number: uint256, more: uint256) -> Bytes[78]:
    return NativeData.decimalOfSum(number, more)
