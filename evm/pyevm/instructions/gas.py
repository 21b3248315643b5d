"""Prices in gas, and taking them (yellow paper, appendix G; EIPs at each)."""

from __future__ import annotations

from typing import Final

from eth.exceptions import OutOfGas

from chain.types import Address

from ..frame import Frame

# Constant prices, which stand in the table of this package.
ZERO: Final = 0
JUMPDEST: Final = 1
BASE: Final = 2
VERY_LOW: Final = 3
LOW: Final = 5
MID: Final = 8
HIGH: Final = 10
BLOCK_HASH: Final = 20
KECCAK256: Final = 30
WARM: Final = 100
"""An account or a slot that the transaction has met before (EIP-2929); also TLOAD and TSTORE."""
LOG: Final = 375
CREATE: Final = 32_000
SELF_DESTRUCT: Final = 5_000

# Prices that depend on the operands.
EXPONENT_BYTE: Final = 50
"""EIP-160."""
KECCAK256_WORD: Final = 6
COPY_WORD: Final = 3
LOG_TOPIC: Final = 375
LOG_BYTE: Final = 8
COLD_SLOT: Final = 2_100
"""EIP-2929."""
COLD_ACCOUNT: Final = 2_600
"""EIP-2929."""
STORAGE_SET: Final = 20_000
"""EIP-2200."""
STORAGE_RESET: Final = 2_900
"""EIP-2200, less the first access of EIP-2929."""
CALL_STIPEND: Final = 2_300
CALL_VALUE: Final = 9_000
NEW_ACCOUNT: Final = 25_000
"""For giving wei to an account that is empty (EIP-161)."""
CODE_BYTE: Final = 200


def charge(gas: int, amount: int, what: str) -> int:
    """The gas left after paying. Raises OutOfGas."""
    if amount > gas:
        raise OutOfGas(f"out of gas: {what} costs {amount}, {gas} left")
    return gas - amount


def pay_access(frame: Frame, account: Address, gas: int) -> int:
    """The gas left after meeting an account, where WARM is paid (EIP-2929). Raises OutOfGas."""
    if frame.state.access(account):
        return charge(gas, COLD_ACCOUNT - WARM, "first access of an account")
    return gas


def words(size: int) -> int:
    """How many words so many bytes take."""
    return (size + 31) >> 5


def all_but_one_64th(gas: int) -> int:
    """The most that a frame may hand to one below it (EIP-150)."""
    return gas - gas // 64
