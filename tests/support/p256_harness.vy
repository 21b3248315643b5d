# pragma version 0.4.3
# pragma evm-version cancun
# The curve P-256 behind a door of its own, for tests.

from rollup.settlement.contracts.step.modules import P256


@external
@pure
def verify(digest: uint256, r: uint256, s: uint256, x: uint256, y: uint256) -> bool:
    return P256.verify(digest, r, s, x, y)
