"""Permanent and transient storage of the account that a frame works on."""

from __future__ import annotations

from eth.exceptions import OutOfGas, WriteProtection

from ...gas_prices import CALL_STIPEND, COLD_SLOT, STORAGE_RESET, STORAGE_SET, WARM
from ..frame import Frame
from .gas import charge


def sload(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a slot; pushes the value stored there. Yellow paper, 0x54; EIP-2929."""
    # STACK
    slot = stack[-1]
    stack[-1], gas = read_storage(frame, slot, gas)
    return gas


def sstore(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a slot and a value; stores it there. Yellow paper, 0x55; EIP-214, 2200, 2929, 3529."""
    # STACK
    slot, value = stack.pop(), stack.pop()
    return write_storage(frame, slot, value, gas)


def tload(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a slot; pushes its value in transient storage. EIP-1153."""
    # STACK
    slot = stack[-1]
    # OPERATION
    stack[-1] = frame.state.get_transient(frame.msg.storage_address, slot)
    return gas


def tstore(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a slot and a value; keeps it there until the transaction ends. EIP-214, 1153."""
    if frame.msg.is_static:
        raise WriteProtection("write protection")
    # STACK
    slot, value = stack.pop(), stack.pop()
    # OPERATION
    frame.state.set_transient(frame.msg.storage_address, slot, value)
    return gas


def read_storage(frame: Frame, slot: int, gas: int) -> tuple[int, int]:
    """SLOAD at its whole price but WARM: the value and the gas left. Raises OutOfGas."""
    storage = frame.opened or frame.storage
    value = storage.hot.get(slot)
    if value is None:
        # GAS
        if frame.state.access_slot(storage, slot):
            gas = charge(gas, COLD_SLOT - WARM, "SLOAD")
        # OPERATION
        value = storage.hot[slot]
    return value, gas


def write_storage(frame: Frame, slot: int, value: int, gas: int) -> int:
    """SSTORE: writes, counts refunds and returns the gas left.

    Raises OutOfGas (also where only the stipend of 2300 is left) and WriteProtection.
    """
    if frame.msg.is_static:
        raise WriteProtection("write protection")
    # GAS
    if gas <= CALL_STIPEND:
        raise OutOfGas(f"out of gas: SSTORE with {gas} gas, more than 2300 wanted")
    storage = frame.opened or frame.storage
    current = storage.hot.get(slot)
    if current is None:
        if frame.state.access_slot(storage, slot):
            gas -= COLD_SLOT
        current = storage.hot[slot]
    if current == value:
        return charge(gas, WARM, "SSTORE")
    original = storage.originals.get(slot)
    if original is None:
        original = current if storage.base is None else storage.original(slot)
    changing = STORAGE_RESET if original else STORAGE_SET
    cost = changing if original == current else WARM
    gas = charge(gas, cost, "SSTORE")
    # OPERATION
    refund = storage_refund(original, current, value, frame.storage_clears_refund)
    if refund:
        frame.facts.refund += refund
    frame.state.write_slot(storage, slot, value, current)
    return gas


def storage_refund(original: int, current: int, value: int, clears: int) -> int:
    """What writing `value` over `current` adds to the refund counter (EIP-2200), or takes off.

    `clears` is what clearing a slot gives back.
    """
    if original == current:
        return clears if original and not value else 0
    refund = 0
    if original:
        refund += clears if not value else 0
        refund -= clears if not current else 0
    if original == value:
        refund += (STORAGE_RESET if original else STORAGE_SET) - WARM
    return refund
