"""Accounts and codes in the world map: looking them up, meeting them, moving wei.

What is not there raises `Missing`, and the step becomes a load. Prices beyond the access of an
account are the instructions'.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chain.account import EMPTY_CODE_HASH

from .. import gas_prices as gas
from .errors import Missing
from .machine import Machine
from .names import NOTHING, Name
from .state import LoadKind
from .structures.code import Chunk
from .structures.world import Account, Code, Place, account_key, code_key, find

MASK: Final = 2**256 - 1
DELEGATION_PREFIX: Final = b"\xef\x01\x00"
DELEGATION_BYTES: Final = 23


def place_of(m: Machine, address: bytes) -> Place[Account]:
    """Where an account lies. Raises Missing where it is not loaded."""
    place = find(m.opener, m.effects.world, account_key(address), Account)
    if place.entry is None:
        raise Missing(LoadKind.ACCOUNT, address)
    return place


def account_of(m: Machine, address: bytes) -> Account:
    """The account at an address. Raises Missing."""
    return place_of(m, address).found


def change_account(m: Machine, address: bytes, **fields: object) -> None:
    """Put an account with other values of these fields; it then exists. Raises Missing."""
    place = place_of(m, address)
    m.set_world(place.put(replace(place.found, exists=1, **fields)))  # type: ignore[arg-type]


def add_balance(m: Machine, address: bytes, wei: int) -> None:
    """Add wei, which may be negative, modulo 2**256; the account then exists. Raises Missing."""
    place = place_of(m, address)
    balance = (place.found.balance + wei) & MASK
    m.set_world(place.put(replace(place.found, balance=balance, exists=1)))


def transfer(m: Machine, sender: bytes, receiver: bytes, wei: int) -> None:
    """Move wei, not none. The sender has them. Raises Missing."""
    add_balance(m, sender, -wei)
    add_balance(m, receiver, wei)


def touch_empty(m: Machine, address: bytes) -> None:
    """An empty account that anything touches is gone (EIP-161). Raises Missing."""
    place = place_of(m, address)
    if place.found.exists and place.found.is_empty:
        m.set_world(place.put(replace(place.found, exists=0)))


def access(m: Machine, address: bytes) -> tuple[Account, bool]:
    """Meet an account; was it for the first time in this transaction (EIP-2929)? Raises Missing.

    Precompiles are warm from the start.
    """
    place = place_of(m, address)
    account = place.found
    transaction = m.effects.transaction
    if account.warm == transaction or address in m.rules.precompiles:
        return account, False
    account = replace(account, warm=transaction)
    m.set_world(place.put(account))
    return account, True


def pay_access(m: Machine, address: bytes) -> Account:
    """Meet an account where WARM is paid. Raises ExceptionalHalt and Missing."""
    account, is_cold = access(m, address)
    if is_cold:
        m.charge(gas.COLD_ACCOUNT - gas.WARM)
    return account


def code_of(m: Machine, address: bytes, account: Account) -> tuple[Name, int]:
    """Code tree and length of an account's code. Raises Missing."""
    if account.code_hash == EMPTY_CODE_HASH:
        return NOTHING, 0
    place = find(m.opener, m.effects.world, code_key(account.code_hash), Code)
    if place.entry is None:
        raise Missing(LoadKind.CODE, address, int.from_bytes(account.code_hash, "big"))
    return place.entry.root, place.entry.length


def put_code(m: Machine, code_hash: bytes, code: Code) -> None:
    """Put a code under its hash."""
    m.set_world(find(m.opener, m.effects.world, code_key(code_hash), Code).put(code))


def delegate_of(m: Machine, root: Name, length: int) -> bytes | None:
    """Where a code delegates to (EIP-7702), or None where it is no delegation."""
    if length != DELEGATION_BYTES:
        return None
    data = m.opener.open(root, Chunk).data
    return data[3:DELEGATION_BYTES] if data.startswith(DELEGATION_PREFIX) else None
