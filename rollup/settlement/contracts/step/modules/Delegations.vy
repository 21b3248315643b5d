# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Delegations
@notice Codes that name another account, whose code runs (EIP-7702).
@dev The twin of `delegate_of` in evm/step/accounts.py, and of the code that an authorization makes.
"""

import rollup.settlement.contracts.step.modules.Code as Code
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.State as State

LENGTH: constant(uint256) = 23
PREFIX: constant(uint256) = 15663360  # 0xef0100
# Bits behind prefix and address in the one chunk of a delegation.
PADDING: constant(uint256) = 72


struct Delegation:
    isOne: bool
    target: uint256
    cursor: uint256


struct Made:
    # Keccak-256 of the code, and what the world map holds of it.
    codeHash: bytes32
    code: Entries.Code


@internal
@view
def read(cursor: uint256, root: bytes32, length: uint256) -> Delegation:
    """
    @notice Where a code delegates to. A code of another length is none, and is not opened.
    """
    found: Delegation = empty(Delegation)
    found.cursor = cursor
    if length != LENGTH:
        return found
    chunk: Code.Chunk = Code.chunk(cursor, root, length, 0)
    found.cursor = chunk.cursor
    if chunk.data >> 232 == PREFIX:
        found.isOne = True
        found.target = (chunk.data >> PADDING) & State.U160
    return found


@internal
@pure
def make(target: uint256) -> Made:
    """
    @notice The code that delegates to an account.
    """
    code: bytes23 = convert(convert((PREFIX << 160) | target, uint184), bytes23)
    chunk: bytes32 = convert(((PREFIX << 160) | target) << PADDING, bytes32)
    # The first byte of a leaf: none of the chunk is data of an earlier PUSH.
    return Made(
        codeHash=keccak256(concat(code, b"")),
        code=Entries.Code(root=keccak256(concat(0x00, chunk)), length=LENGTH),
    )
