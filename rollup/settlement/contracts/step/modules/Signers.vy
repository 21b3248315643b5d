# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Signers
@notice Who signed a digest, by the precompile at 0x01.
@dev The twin of evm/step/signers.py. The precompile takes more than a transaction may have (EIP-2):
     a high s is refused here. Vyper reverts where the precompile's call fails, so that a step for
     which there is too little gas is not taken for one with a signature of nobody.
"""

CURVE_ORDER: constant(uint256) = (
    115792089237316195423570985008687907852837564279074904382605163141518161494337
)
HALF_CURVE_ORDER: constant(uint256) = CURVE_ORDER // 2
# Of the precompile, for parity 0.
FIRST_V: constant(uint256) = 27


@internal
@view
def recover(digest: bytes32, parity: uint256, r: uint256, s: uint256) -> uint256:
    """
    @notice The address; zero where nobody can have signed.
    """
    if parity > 1 or r == 0 or r >= CURVE_ORDER or s == 0 or s > HALF_CURVE_ORDER:
        return 0
    signer: address = ecrecover(digest, FIRST_V + parity, r, s)
    return convert(convert(signer, bytes20), uint256)
