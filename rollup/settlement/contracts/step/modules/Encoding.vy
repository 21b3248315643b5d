# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Encoding
@notice RLP that a block's end makes: integers, and accounts as the state trie holds them.
@dev The twin of `number` in evm/step/rlp_items.py and of `encode_account` in chain/account.py.
"""

MAX_ACCOUNT: constant(uint256) = 110
# 0xa0 and the storage root, 0xa0 and the code hash.
TAIL: constant(uint256) = 66


@internal
@pure
def integer(number: uint256) -> Bytes[33]:
    """
    @notice An integer with its header.
    """
    if number == 0:
        return x"80"
    size: uint256 = 0
    for _: uint256 in range(32):
        if number >> (8 * size) == 0:
            break
        size += 1
    digits: bytes32 = convert(number << (256 - 8 * size), bytes32)
    if number < 128:
        return slice(digits, 0, 1)
    return concat(convert(convert(128 + size, uint8), bytes1), slice(digits, 0, size))


@internal
@pure
def account(
    nonce: uint256, balance: uint256, storageRoot: bytes32, codeHash: bytes32
) -> Bytes[MAX_ACCOUNT]:
    """
    @notice The four fields of an account; 68 to 108 bytes, so the list's size has one.
    """
    nonceItem: Bytes[9] = convert(self.integer(nonce), Bytes[9])
    balanceItem: Bytes[33] = self.integer(balance)
    size: uint256 = len(nonceItem) + len(balanceItem) + TAIL
    return concat(
        0xf8,
        convert(convert(size, uint8), bytes1),
        nonceItem,
        balanceItem,
        0xa0,
        storageRoot,
        0xa0,
        codeHash,
    )
