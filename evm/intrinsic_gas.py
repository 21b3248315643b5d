"""Gas that a transaction owes before a single opcode runs.

Sources: EIP-2028 (data), 2930 (access list), 3860 (init code), 7623 (floor), 7702 (authorizations).
Pure functions of the transaction and the rules; whether it can pay is `transition.py`'s question.
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

from .forks import PRAGUE, RuleSet

TX_BASE: Final = 21_000
GAS_PER_TOKEN: Final = 4
"""A zero byte of data is one token, any other byte four (EIP-2028; 17 before)."""
ACCESS_LIST_ADDRESS: Final = 2_400
ACCESS_LIST_SLOT: Final = 1_900
PER_EMPTY_ACCOUNT: Final = 25_000


def gas_of(tx: Transaction, rules: RuleSet = PRAGUE) -> tuple[int, int]:
    """Intrinsic gas and the floor of EIP-7623, in gas. A gas limit below either is invalid."""
    if isinstance(tx, LegacyTransaction | DepositTransaction):
        return required_gas(tx.data, is_create=tx.to is None, rules=rules)
    authorizations = len(tx.authorization_list) if type(tx) is SetCodeTransaction else 0
    return required_gas(
        tx.data, tx.access_list, authorizations, is_create=tx.to is None, rules=rules
    )


def minimum_gas(tx: Transaction) -> int:
    """Smallest gas limit with which a transaction can be in a block, from Prague on."""
    return max(gas_of(tx))


def required_gas(
    data: bytes,
    access_list: AccessList = (),
    authorizations: int = 0,
    *,
    is_create: bool,
    rules: RuleSet = PRAGUE,
) -> tuple[int, int]:
    """Intrinsic gas and floor of a message with these parts; the floor is 0 where there is none."""
    tokens = 0
    if data:
        zeros = data.count(0)
        tokens = zeros + rules.nonzero_byte_tokens * (len(data) - zeros)
    intrinsic = TX_BASE + GAS_PER_TOKEN * tokens + PER_EMPTY_ACCOUNT * authorizations
    if is_create:
        intrinsic += rules.create_gas + rules.init_code_word_gas * ((len(data) + 31) // 32)
    for _, slots in access_list:
        intrinsic += ACCESS_LIST_ADDRESS + ACCESS_LIST_SLOT * len(slots)
    floor = TX_BASE + rules.floor_per_token * tokens if rules.floor_per_token else 0
    return intrinsic, floor
