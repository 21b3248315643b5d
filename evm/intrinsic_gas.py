"""Gas that a transaction owes before a single opcode runs.

Sources: EIP-2028 (data), 2930 (access list), 3860 (init code), 7623 (floor), 7702 (authorizations).
Pure functions of the transaction; whether it can pay is `transition.py`'s question.
"""

from __future__ import annotations

from typing import Final

from chain.transaction import DepositTransaction, LegacyTransaction, SetCodeTransaction, Transaction

TX_BASE: Final = 21_000
TX_CREATE: Final = 32_000
ZERO_BYTE: Final = 4
NONZERO_BYTE: Final = 16
INIT_CODE_WORD: Final = 2
ACCESS_LIST_ADDRESS: Final = 2_400
ACCESS_LIST_SLOT: Final = 1_900
PER_EMPTY_ACCOUNT: Final = 25_000
FLOOR_PER_TOKEN: Final = 10
MAX_INIT_CODE_SIZE: Final = 49_152


def gas_of(tx: Transaction) -> tuple[int, int]:
    """Intrinsic gas and the floor of EIP-7623, in gas. A gas limit below either is invalid."""
    data = tx.data
    if not data and isinstance(tx, LegacyTransaction | DepositTransaction) and tx.to is not None:
        return TX_BASE, TX_BASE
    zeros = data.count(0)
    tokens = zeros + 4 * (len(data) - zeros)
    intrinsic = TX_BASE + ZERO_BYTE * tokens
    if tx.to is None:
        intrinsic += TX_CREATE + INIT_CODE_WORD * ((len(data) + 31) // 32)
    if not isinstance(tx, LegacyTransaction | DepositTransaction):
        for _, slots in tx.access_list:
            intrinsic += ACCESS_LIST_ADDRESS + ACCESS_LIST_SLOT * len(slots)
    if isinstance(tx, SetCodeTransaction):
        intrinsic += PER_EMPTY_ACCOUNT * len(tx.authorization_list)
    return intrinsic, TX_BASE + FLOOR_PER_TOKEN * tokens
