"""Slots, permanent and transient: prices, refunds, and what a transaction has found.

Instructions and native precompiles share it. Sources: EIP-1153, 2200, 2929, 3529.
"""

from __future__ import annotations

from .. import gas_prices as gas
from .errors import ExceptionalHalt, Missing
from .machine import Machine
from .state import LoadKind
from .structures.world import (
    Place,
    Slot,
    TransientSlot,
    find,
    slot_key,
    transient_key,
)


def place_of_slot(m: Machine, address: bytes, generation: int, slot: int) -> Place[Slot]:
    """Where a slot lies. Raises Missing where it is not loaded."""
    place = find(m.opener, m.effects.world, slot_key(address, generation, slot), Slot)
    if place.entry is None:
        raise Missing(LoadKind.SLOT, address, slot)
    return place


def read_slot(m: Machine, address: bytes, generation: int, slot: int) -> int:
    """The value of a slot, where WARM is paid. Raises ExceptionalHalt and Missing."""
    place = place_of_slot(m, address, generation, slot)
    found = place.found
    transaction = m.effects.transaction
    if found.warm != transaction:
        m.charge(gas.COLD_SLOT - gas.WARM)
        m.set_world(place.put(Slot(found.value, found.original, found.original_in, transaction)))
    return found.value


def write_slot(m: Machine, address: bytes, generation: int, slot: int, value: int) -> None:
    """Write a slot and pay for it. Raises ExceptionalHalt and Missing."""
    if m.gas <= gas.CALL_STIPEND:
        raise ExceptionalHalt("out of gas")
    place = place_of_slot(m, address, generation, slot)
    found = place.found
    transaction, current = m.effects.transaction, found.value
    original = found.original_at(transaction)
    cost = gas.COLD_SLOT if found.warm != transaction else 0
    if value == current or original != current:
        m.charge(cost + gas.WARM)
    else:
        m.charge(cost + (gas.STORAGE_RESET if original else gas.STORAGE_SET))
    if value != current:
        m.set_world(place.put(Slot(value, original, transaction, transaction)))
        refund = refund_of(original, current, value)
        if refund:
            m.add_refund(refund)
    elif cost:
        m.set_world(place.put(Slot(current, found.original, found.original_in, transaction)))


def refund_of(original: int, current: int, value: int) -> int:
    """What writing `value` over `current` adds to the refund counter, or takes off (EIP-3529)."""
    if original == current:
        return gas.STORAGE_CLEARS_REFUND if original and not value else 0
    refund = 0
    if original:
        refund += gas.STORAGE_CLEARS_REFUND if not value else 0
        refund -= gas.STORAGE_CLEARS_REFUND if not current else 0
    if original == value:
        refund += (gas.STORAGE_RESET if original else gas.STORAGE_SET) - gas.WARM
    return refund


def read_transient(m: Machine, address: bytes, slot: int) -> int:
    """The value of a transient slot; 0 where nothing was written in this transaction."""
    effects = m.effects
    key = transient_key(effects.transaction, address, slot)
    entry = find(m.opener, effects.world, key, TransientSlot).entry
    return 0 if entry is None else entry.value


def write_transient(m: Machine, address: bytes, slot: int, value: int) -> None:
    """Write a transient slot."""
    effects = m.effects
    key = transient_key(effects.transaction, address, slot)
    m.set_world(find(m.opener, effects.world, key, TransientSlot).put(TransientSlot(value)))
