"""Address aliasing: how an L1 contract appears on L2, so that it cannot pose as an L2 contract.

Source: specs protocol/deposits.md, "Address Aliasing". Knows addresses and nothing else.
"""

from __future__ import annotations

from typing import Final

from chain.types import Address

ALIAS_OFFSET: Final = 0x1111000000000000000000000000000000001111
_ADDRESS_SPACE: Final = 1 << 160


def apply_l1_to_l2_alias(l1_address: Address) -> Address:
    """The address under which a contract of L1 sends deposits on L2."""
    number = (int.from_bytes(l1_address, "big") + ALIAS_OFFSET) % _ADDRESS_SPACE
    return Address(number.to_bytes(20, "big"))


def undo_l1_to_l2_alias(l2_address: Address) -> Address:
    """The L1 contract behind an aliased address of L2."""
    number = (int.from_bytes(l2_address, "big") - ALIAS_OFFSET) % _ADDRESS_SPACE
    return Address(number.to_bytes(20, "big"))
