"""Taking gas, whose prices are in evm/gas_prices.py."""

from __future__ import annotations

from eth.exceptions import OutOfGas

from chain.types import Address

from ...gas_prices import COLD_ACCOUNT, WARM
from ..frame import Frame


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
