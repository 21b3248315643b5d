"""The accounts of a development chain: keys that everyone knows, from the best-known mnemonic.

The first ten are those of anvil and hardhat, so that existing scripts run unchanged; the roles of
the rollup follow at later indexes. Never to be used where money is: node refuses them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from chain.crypto.hd import derive_key
from chain.crypto.secp256k1 import address_of
from chain.types import Address

DEV_MNEMONIC: Final = "test test test test test test test test test test test junk"
DEV_BALANCE_WEI: Final = 10_000 * 10**18
USER_COUNT: Final = 10
ROLES: Final = (
    "deployer",
    "batcher",
    "proposer",
    "sequencer",
    "challenger",
    "worker",
    "gateway",
)


@dataclass(frozen=True, slots=True)
class DevAccount:
    """A named account with its published private key."""

    name: str
    address: Address
    private_key: bytes


def _account(name: str, index: int) -> DevAccount:
    private_key = derive_key(DEV_MNEMONIC, f"m/44'/60'/0'/0/{index}")
    return DevAccount(name, address_of(private_key), private_key)


@cache
def dev_accounts() -> tuple[DevAccount, ...]:
    """account0 … account9, then one account per role."""
    names = [*(f"account{index}" for index in range(USER_COUNT)), *ROLES]
    return tuple(_account(name, index) for index, name in enumerate(names))


def dev_account(name: str) -> DevAccount:
    """The account of that name, for example "batcher". Raises KeyError."""
    for account in dev_accounts():
        if account.name == name:
            return account
    raise KeyError(name)
