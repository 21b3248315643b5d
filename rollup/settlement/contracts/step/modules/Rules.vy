# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Rules
@notice In what the forks from Cancun on differ for single steps, a bit each. A verifier is made for
        the blocks of one fork; phase block begin refuses those of another.
"""

# CLZ (EIP-7939).
HAS_CLZ: constant(uint256) = 1
# The precompiles of BLS12-381 (EIP-2537).
HAS_BLS: constant(uint256) = 2
# Accounts that delegate to code elsewhere (EIP-7702).
HAS_DELEGATIONS: constant(uint256) = 4
# P256VERIFY (RIP-7212, EIP-7951).
HAS_P256: constant(uint256) = 8
# The native precompiles of stemma: "STEMMA", zeros, and a number from 1 to 5.
HAS_NATIVES: constant(uint256) = 16
# The prices of Osaka and Karst: MODEXP's of EIP-7883, with numbers of at most 1,024 bytes (EIP-7823);
# P256VERIFY's of EIP-7951.
HAS_OSAKA_PRICES: constant(uint256) = 32
# BN254 pairing takes at most 57,600 bytes (Karst).
HAS_SHORT_PAIRING: constant(uint256) = 64
# 916214050522250000000000000000000000000001
FIRST_NATIVE: constant(uint256) = 91621405052225 * 2**112 + 1
NATIVES: constant(uint256) = 5


@internal
@pure
def isPrecompile(rules: uint256, account: uint256) -> bool:
    """
    @notice Whether something runs at an address that has no code. Such accounts are always warm.
    """
    if account == 0 or (account > 256 and account < FIRST_NATIVE):
        return False
    if account <= 17:
        return account <= 10 or rules & HAS_BLS != 0
    if account == 256:
        return rules & HAS_P256 != 0
    return account >= FIRST_NATIVE and account < FIRST_NATIVE + NATIVES and rules & HAS_NATIVES != 0
