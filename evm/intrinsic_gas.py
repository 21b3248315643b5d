"""Gas that a transaction owes before a single opcode runs.

Sources: EIP-2028 (data), 2930 (access list), 3860 (init code), 7623 (floor), 7702 (authorizations).
Pure functions of the transaction; whether it can pay is `transition.py`'s question.
"""

from __future__ import annotations

from typing import Final

from chain.transaction import (
    AccessList,
    DepositTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    Transaction,
)

TX_BASE: Final = 21_000
TX_CREATE: Final = 32_000
GAS_PER_TOKEN: Final = 4
"""A zero byte of data is one token, any other byte four."""
INIT_CODE_WORD: Final = 2
ACCESS_LIST_ADDRESS: Final = 2_400
ACCESS_LIST_SLOT: Final = 1_900
PER_EMPTY_ACCOUNT: Final = 25_000
FLOOR_PER_TOKEN: Final = 10
MAX_INIT_CODE_SIZE: Final = 49_152


def gas_of(tx: Transaction) -> tuple[int, int]:
    """Intrinsic gas and the floor of EIP-7623, in gas. A gas limit below either is invalid."""
    if isinstance(tx, LegacyTransaction | DepositTransaction):
        return required_gas(tx.data, is_create=tx.to is None)
    authorizations = len(tx.authorization_list) if type(tx) is SetCodeTransaction else 0
    return required_gas(tx.data, tx.access_list, authorizations, is_create=tx.to is None)


def minimum_gas(tx: Transaction) -> int:
    """Smallest gas limit with which a transaction can be in a block."""
    return max(gas_of(tx))


def required_gas(
    data: bytes, access_list: AccessList = (), authorizations: int = 0, *, is_create: bool
) -> tuple[int, int]:
    """Intrinsic gas and floor of a message with these parts."""
    tokens = 0
    if data:
        zeros = data.count(0)
        tokens = zeros + 4 * (len(data) - zeros)
    intrinsic = TX_BASE + GAS_PER_TOKEN * tokens + PER_EMPTY_ACCOUNT * authorizations
    if is_create:
        intrinsic += TX_CREATE + INIT_CODE_WORD * ((len(data) + 31) // 32)
    for _, slots in access_list:
        intrinsic += ACCESS_LIST_ADDRESS + ACCESS_LIST_SLOT * len(slots)
    return intrinsic, TX_BASE + FLOOR_PER_TOKEN * tokens
