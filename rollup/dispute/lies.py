"""What a planted lie changes in the state behind a step, and behind which steps it can be told.

The liar is the step machine itself: it goes on from the changed state, so all that follows, the
output root too, is what such a lie would lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from typing import Final

from evm.step.machine import Machine
from evm.step.names import Link
from evm.step.running import opcode_at
from evm.step.slots import place_of_slot
from evm.step.state import Copy, Log, Phase
from evm.step.stepping import advance
from evm.step.structures.world import Slot

from .block_steps import BlockSteps

Change = Callable[[Machine], None]
_SSTORE: Final = 0x55
_LOGS: Final = range(0xA0, 0xA5)
_MOST_PLACES: Final = 8
"""So many steps are tried, the last ones of the block first: what a revert undoes is no lie."""


class FaultKind(Enum):
    """What a lie is about; the value is its name on the command line."""

    STORAGE_WRITE = "wrong-storage-write"
    GAS = "gas-off-by-one"
    LOG = "forged-log"
    TRANSACTIONS = "skipped-or-inserted-transaction"
    DEPOSIT = "wrong-deposit"
    BASE_FEE = "wrong-base-fee"
    L1_FEE = "wrong-l1-fee"
    PRECOMPILE = "wrong-precompile-payout"
    WITHDRAWAL = "wrong-withdrawal"
    ORIGIN = "stale-origin"
    RECEIPT_ROOT = "wrong-receipt-root"
    OUTPUT_ROOT = "wrong-output-root"


def places(honest: BlockSteps, kind: FaultKind) -> Iterator[tuple[int, Change]]:
    """Steps behind which the lie can be told, and how; few, the last one of the block first."""
    begun, found = honest.begun, []
    machine = Machine(begun.first, begun.opener, begun.rules)
    for index in range(honest.trace.steps):
        change = CHANGES[kind](machine)
        advance(machine)
        is_log = kind is FaultKind.LOG and machine.phase == Phase.COPY
        if change is not None and (is_log or machine.phase == Phase.RUN):
            found.append((index, change))
            del found[:-_MOST_PLACES]
    yield from reversed(found)


def _opcode(m: Machine) -> int | None:
    if m.phase != Phase.RUN:
        return None
    m.open_frame()
    return opcode_at(m)


def _wrong_storage_write(before: Machine) -> Change | None:
    """One more than what SSTORE has to write."""
    if _opcode(before) != _SSTORE or before.stack_size < 2:
        return None
    stack, size = before.stack, before.stack_size
    slot = before.pop()
    before.stack, before.stack_size = stack, size
    address, generation = before.call.address, before.call.generation

    def change(m: Machine) -> None:
        place = place_of_slot(m, address, generation, slot)
        found = place.found
        false = (found.value + 1) % 2**256
        m.set_world(place.put(Slot(false, found.original, found.original_in, found.warm)))

    return change


def _gas_off_by_one(before: Machine) -> Change | None:
    """One gas less than an opcode of a transaction costs; the sender pays less."""
    if _opcode(before) is None or not before.effects.transaction or before.call.depth:
        return None

    def change(m: Machine) -> None:
        m.open_frame()
        m.gas += 1

    return change


def _forged_log(before: Machine) -> Change | None:
    """The log of an account in the name of another."""
    opcode = _opcode(before)
    if opcode not in _LOGS:
        return None

    def forged(log: Log) -> Log:
        return replace(log, address=bytes(19) + b"\x01")

    def change(m: Machine) -> None:
        if m.phase == Phase.COPY:
            copy = m.opener.open(m.pending, Copy)
            m.pending = replace(copy, next=forged(m.opener.open(copy.next, Log)))
            return
        last = m.opener.open(m.effects.logs, Link)
        log = forged(m.opener.open(last.item, Log))
        m.effects = replace(m.effects, logs=Link(last.previous, log))

    return change


CHANGES: Final[Mapping[FaultKind, Callable[[Machine], Change | None]]] = {
    FaultKind.STORAGE_WRITE: _wrong_storage_write,
    FaultKind.GAS: _gas_off_by_one,
    FaultKind.LOG: _forged_log,
}
"""For each kind of lie about a step: from the machine before a step to what is changed behind it;
None where that step has nothing to lie about.
"""
