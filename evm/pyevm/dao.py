"""The accounts whose wei the DAO fork moved, and the contract it moved them to (EIP-779).

py-evm has the list; here it takes our types. When it happens is `executor.py`'s.
"""

from __future__ import annotations

from typing import Final

from eth.vm.forks.homestead.headers import dao_drain_list, dao_refund_contract

from chain.types import Address, to_address

DAO_ACCOUNTS: Final[tuple[Address, ...]] = tuple(to_address(text) for text in dao_drain_list)
DAO_REFUND: Final = Address(dao_refund_contract)
