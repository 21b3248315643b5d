"""Frames below a frame, and the end of one: calls, creations, RETURN, REVERT, SELFDESTRUCT.

A call pays here and leaves a `Message`; the phases COPY, ENTER and LEAVE do the rest. What it hands
on is no longer the caller's gas; a message that does not come to be gives it back at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.types import MAX_UINT64, Address

from ... import gas_prices as gas
from ..accounts import (
    access,
    account_of,
    add_balance,
    code_of,
    delegate_of,
    pay_access,
    place_of,
    touch_empty,
    transfer,
)
from ..errors import ExceptionalHalt
from ..machine import Machine
from ..names import NOTHING, Link
from ..state import Ending, Flag, Message, Phase, Then
from ..structures.words import words_in
from ..structures.world import Account, account_key
from .numbers import address_in
from .storage import require_writable

MAX_DEPTH: Final = 1024
"""Frames below the outermost."""


# -- calls ----------------------------------------------------------------------------------------


def call(m: Machine) -> None:
    """Pops gas, an address, wei, and where input and output lie; calls the account there.

    Pushes 1 on success, else 0. Yellow paper, 0xf1; EIP-150, 161, 214, 2929, 7702.
    """
    # STACK
    wanted, address, value = m.pop(), address_in(m.pop()), m.pop()
    if value:
        require_writable(m)
    ranges = _ranges(m)
    # GAS
    account, code_address, delegated = _meet(m, address)
    if value:
        m.charge(gas.CALL_VALUE + gas.NEW_ACCOUNT if account.is_empty else gas.CALL_VALUE)
    given, stipend = _hand_on(m, wanted, value)
    # OPERATION
    own = m.call
    flags = (own.flags & Flag.STATIC) | delegated
    message = _message(m, given + stipend, flags, address, own.address, value, code_address, ranges)
    _send(m, message, ranges, value)


def callcode(m: Machine) -> None:
    """Pops what CALL pops; runs the code of the account there on this frame's own account.

    Pushes 1 on success, else 0. Yellow paper, 0xf2; EIP-150, 2929, 7702.
    """
    # STACK
    wanted, address, value = m.pop(), address_in(m.pop()), m.pop()
    ranges = _ranges(m)
    # GAS
    _, code_address, delegated = _meet(m, address)
    if value:
        m.charge(gas.CALL_VALUE)
    given, stipend = _hand_on(m, wanted, value)
    # OPERATION
    own = m.call
    flags = (own.flags & Flag.STATIC) | Flag.KEEPS_VALUE | delegated
    message = _message(
        m, given + stipend, flags, own.address, own.address, value, code_address, ranges
    )
    _send(m, message, ranges, value)


def delegatecall(m: Machine) -> None:
    """Pops what CALL pops but for the wei; runs the code there as if it were this frame's own.

    Sender and value stay what they are. Pushes 1 on success, else 0. EIP-7, 150, 2929, 7702.
    """
    # STACK
    wanted, address = m.pop(), address_in(m.pop())
    ranges = _ranges(m)
    # GAS
    _, code_address, delegated = _meet(m, address)
    given, _ = _hand_on(m, wanted, 0)
    # OPERATION
    own = m.call
    flags = (own.flags & Flag.STATIC) | Flag.KEEPS_VALUE | delegated
    message = _message(m, given, flags, own.address, own.caller, own.value, code_address, ranges)
    _send(m, message, ranges, 0)


def staticcall(m: Machine) -> None:
    """Pops what CALL pops but for the wei; calls the account there, which may change nothing.

    Pushes 1 on success, else 0. EIP-150, 214, 2929, 7702.
    """
    # STACK
    wanted, address = m.pop(), address_in(m.pop())
    ranges = _ranges(m)
    # GAS
    _, code_address, delegated = _meet(m, address)
    given, _ = _hand_on(m, wanted, 0)
    # OPERATION
    flags = Flag.STATIC | delegated
    message = _message(m, given, flags, address, m.call.address, 0, code_address, ranges)
    _send(m, message, ranges, 0)


_Ranges = tuple[int, int, int, int]


def _ranges(m: Machine) -> _Ranges:
    """Pop where input and output lie, and pay for that memory."""
    start, size, target, most = m.pop(), m.pop(), m.pop(), m.pop()
    m.touch(start, size)
    m.touch(target, most)
    return start, size, target if most else 0, most


def _meet(m: Machine, address: bytes) -> tuple[Account, bytes, int]:
    """Pay for meeting an account: it, the account that its code is from, and Flag.DELEGATED or 0.

    The two accounts differ where the one delegates to the other (EIP-7702).
    """
    account = pay_access(m, address)
    if not m.rules.has_delegations:
        return account, address, 0
    delegate = delegate_of(m, *code_of(m, address, account))
    if delegate is None:
        return account, address, 0
    m.charge(gas.WARM)
    pay_access(m, delegate)
    return account, delegate, Flag.DELEGATED


def _hand_on(m: Machine, wanted: int, value: int) -> tuple[int, int]:
    """Take the gas that is handed on; that gas, and the stipend that comes with value."""
    given = min(wanted, gas.all_but_one_64th(m.gas))
    m.gas -= given
    return given, gas.CALL_STIPEND if value else 0


def _message(
    m: Machine, given: int, flags: int, address: bytes, caller: bytes, value: int,
    code_address: bytes, ranges: _Ranges,
) -> Message:  # fmt: skip
    _, size, target, most = ranges
    return Message(
        given, flags, m.call.depth + 1, address, caller, value, code_address, NOTHING, size,
        target, most, 0,
    )  # fmt: skip


def _send(m: Machine, message: Message, ranges: _Ranges, value: int) -> None:
    """Send a message that is paid for, or push 0 and take its gas back where it cannot be sent."""
    # PROGRAM COUNTER
    m.pc += 1
    is_poor = value and account_of(m, m.call.address).balance < value
    if is_poor or message.depth > MAX_DEPTH:
        m.gas += message.gas
        _refuse(m)
        return
    start, size, _, _ = ranges
    if size:
        m.copy_from_memory(Then.MESSAGE, start, size, message)
    else:
        m.phase = Phase.ENTER
        m.pending = message


def _refuse(m: Machine) -> None:
    """Push 0 for a frame that did not come to be."""
    m.return_data, m.return_data_length = NOTHING, 0
    m.push(0)


# -- creations ------------------------------------------------------------------------------------


def create(m: Machine) -> None:
    """Pops wei and where init code lies; makes a contract whose address is by sender and nonce.

    Pushes that address, 0 where it fails. Yellow paper, 0xf0; EIP-150, 2929, 3860, 7610.
    """
    require_writable(m)
    # STACK
    value, start, size = m.pop(), m.pop(), m.pop()
    # GAS
    _pay_init_code(m, start, size)
    # OPERATION
    _create(m, value, start, size, None)


def create2(m: Machine) -> None:
    """Pops wei, where init code lies and a salt; makes a contract, its address by salt and code.

    Pushes that address, 0 where it fails. EIP-150, 1014, 2929, 3860, 7610.
    """
    require_writable(m)
    # STACK
    value, start, size, salt = m.pop(), m.pop(), m.pop(), m.pop()
    # GAS
    m.charge(gas.KECCAK256_WORD * words_in(size))
    _pay_init_code(m, start, size)
    # OPERATION
    _create(m, value, start, size, salt)


def _pay_init_code(m: Machine, start: int, size: int) -> None:
    if size > gas.MAX_INIT_CODE_BYTES:
        raise ExceptionalHalt("max initcode size exceeded")
    m.charge(gas.INIT_CODE_WORD * words_in(size))
    m.touch(start, size)


def _create(m: Machine, value: int, start: int, size: int, salt: int | None) -> None:
    """Hand on all gas that may be to a message whose call data is the init code."""
    # PROGRAM COUNTER
    m.pc += 1
    own = m.call
    creator = account_of(m, own.address)
    if own.depth >= MAX_DEPTH or creator.balance < value or creator.nonce >= MAX_UINT64:
        _refuse(m)
        return
    address, flags = bytes(20), int(Flag.CREATION | Flag.SALTED)
    if salt is None:
        address, flags = created_address(own.address, creator.nonce), int(Flag.CREATION)
    given = gas.all_but_one_64th(m.gas)
    m.gas -= given
    message = Message(
        given, flags, own.depth + 1, address, own.address, value, address, NOTHING, size, 0, 0,
        salt or 0,
    )  # fmt: skip
    if size:
        m.copy_from_memory(Then.MESSAGE, start, size, message)
    else:
        m.phase = Phase.ENTER
        m.pending = message


def created_address(creator: bytes, nonce: int) -> bytes:
    """Where a creation by an account with that nonce puts its code (yellow paper, 7)."""
    return keccak256(rlp.encode([Address(creator), rlp.encode_int(nonce)]))[12:]


def salted_address(creator: bytes, salt: int, init_code: bytes) -> bytes:
    """Where a salted creation puts its code (EIP-1014)."""
    origin = b"\xff" + creator + salt.to_bytes(32, "big")
    return keccak256(origin + keccak256(init_code))[12:]


# -- the end of a frame ---------------------------------------------------------------------------


def stop(m: Machine) -> None:
    """Ends the frame without output. Yellow paper, 0x00."""
    m.end(Ending.SUCCEEDED)


def return_(m: Machine) -> None:
    """Pops offset and size; ends the frame with that memory as its output. Y.p., 0xf3."""
    # STACK
    offset, size = m.pop(), m.pop()
    # GAS
    m.touch(offset, size)
    # OPERATION
    m.end(Ending.SUCCEEDED, offset, size)


def revert(m: Machine) -> None:
    """Pops offset and size; undoes the frame, with that memory as its output. EIP-140."""
    # STACK
    offset, size = m.pop(), m.pop()
    # GAS
    m.touch(offset, size)
    # OPERATION
    m.end(Ending.REVERTED, offset, size)


def selfdestruct(m: Machine) -> None:
    """Pops an address; gives it all wei and ends the frame, and a new account with it.

    Yellow paper, 0xff; EIP-150, 161, 214, 2929, 3529, 6780.
    """
    require_writable(m)
    # STACK
    heir = address_in(m.pop())
    # GAS
    account, is_cold = access(m, heir)
    if is_cold:
        m.charge(gas.COLD_ACCOUNT)
    own_address = m.call.address
    own = account_of(m, own_address)
    if account.is_empty and own.balance:
        m.charge(gas.NEW_ACCOUNT)
    # OPERATION
    if own.created == m.effects.transaction:
        _destroy(m, own_address, heir, own.balance)
    elif own.balance and heir != own_address:
        transfer(m, own_address, heir, own.balance)
    m.end(Ending.SUCCEEDED)


def _destroy(m: Machine, address: bytes, heir: bytes, wei: int) -> None:
    """Give all wei away, even where it is to itself, and note that the account is gone."""
    if wei:
        add_balance(m, heir, wei)
    else:
        touch_empty(m, heir)
    place = place_of(m, address)
    was_destroyed, transaction = place.found.destroyed, m.effects.transaction
    m.set_world(place.put(replace(place.found, balance=0, destroyed=transaction)))
    if was_destroyed != transaction:
        effects = m.effects
        m.effects = replace(effects, destroyed=Link(effects.destroyed, account_key(address)))
