"""Lies about what a frame does: an opcode of it, or the precompile that it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chain import abi
from chain.crypto.keccak import keccak256
from chain.types import Address
from evm.step.accounts import account_of, add_balance
from evm.step.machine import Machine
from evm.step.names import Link
from evm.step.running import opcode_at
from evm.step.slots import place_of_slot
from evm.step.state import Copy, Ending, Flag, Log, Outcome, Phase
from evm.step.structures.words import data_depth, data_tree
from evm.step.structures.world import Slot, find, slot_key
from genesis.addresses import L1_BLOCK, L2_TO_L1_MESSAGE_PASSER

from .lie import Change, Lie

_SSTORE: Final = 0x55
_GAS: Final = 0x5A
_LOGS: Final = range(0xA0, 0xA5)
_U64: Final = 2**64 - 1
_ORIGIN_SLOT: Final = 0
"""Of L1Block: the L1 origin's number (low 64 bits) and its timestamp."""
_MESSAGE_NONCE_SLOT: Final = 1
FORGED_MESSAGE: Final = (
    1 << 240 | 2**64,
    Address(bytes(19) + b"\x01"),
    Address(bytes(19) + b"\x02"),
    10**15,
    100_000,
    b"",
)
"""The withdrawal that the liar invents: nonce, sender, target, wei, gas limit, data."""
_MESSAGE_TYPES: Final = ("uint256", "address", "address", "uint256", "uint256", "bytes")
FORGED_SLOT: Final = int.from_bytes(
    keccak256(keccak256(abi.encode(_MESSAGE_TYPES, FORGED_MESSAGE)) + bytes(32)), "big"
)
"""Where the message passer would have recorded it: sentMessages[hash], a mapping in slot 0."""


def _runs_on(m: Machine) -> bool:
    return m.phase == Phase.RUN


def _opcode(m: Machine) -> int | None:
    if m.phase != Phase.RUN:
        return None
    m.open_frame()
    return opcode_at(m)


def _written(before: Machine) -> tuple[int, int] | None:
    """Slot and value of an SSTORE that comes next."""
    if _opcode(before) != _SSTORE or before.stack_size < 2:
        return None
    stack, size = before.stack, before.stack_size
    operands = before.pop(), before.pop()
    before.stack, before.stack_size = stack, size
    return operands


def _other_value(before: Machine, slot: int, false: Callable[[int], int]) -> Change:
    """Another value in a slot of the account that writes it."""
    address, generation = before.call.address, before.call.generation

    def change(m: Machine) -> None:
        place = place_of_slot(m, address, generation, slot)
        found = place.found
        value = false(found.value) % 2**256
        m.set_world(place.put(Slot(value, found.original, found.original_in, found.warm)))

    return change


def _wrong_storage_write(before: Machine) -> Change | None:
    """One more than what SSTORE has to write."""
    written = _written(before)
    return None if written is None else _other_value(before, written[0], lambda value: value + 1)


def _stale_origin(before: Machine) -> Change | None:
    """The first deposit gives the number of the L1 block before the origin."""
    written = _written(before)
    if written is None or before.call.address != L1_BLOCK or written[0] != _ORIGIN_SLOT:
        return None
    if not written[1] & _U64:
        return None
    return _other_value(before, _ORIGIN_SLOT, lambda value: value - 1)


def _forged_withdrawal(before: Machine) -> Change | None:
    """Beside the message that is sent, one that nobody has sent."""
    written = _written(before)
    if written is None or before.call.address != L2_TO_L1_MESSAGE_PASSER:
        return None
    if written[0] == _MESSAGE_NONCE_SLOT or written[1] != 1:
        return None
    generation = before.call.generation
    key = slot_key(L2_TO_L1_MESSAGE_PASSER, generation, FORGED_SLOT)

    def change(m: Machine) -> None:
        effects = m.effects
        place = find(m.opener, effects.world, key, Slot)
        forged = place.put(Slot(1, 0, effects.transaction, effects.transaction))
        m.effects = replace(effects, world=forged, journal=Link(effects.journal, key))

    return change


def _one_gas_more(m: Machine) -> None:
    m.open_frame()
    m.gas += 1


def _wrong_gas_left(before: Machine) -> Change | None:
    """The opcode GAS takes one gas less than it costs."""
    return _one_gas_more if _opcode(before) == _GAS and _is_outermost(before) else None


def _gas_off_by_one(before: Machine) -> Change | None:
    """One gas less than an opcode of a transaction costs; the sender pays less."""
    return _one_gas_more if _opcode(before) is not None and _is_outermost(before) else None


def _is_outermost(m: Machine) -> bool:
    """Whether a transaction runs here, no frame below it and no system call."""
    return not m.call.depth and not m.call.flags & Flag.SYSTEM


def _forged_log(before: Machine) -> Change | None:
    """The log of an account in the name of another."""
    if _opcode(before) not in _LOGS:
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


def _logs_on(m: Machine) -> bool:
    return m.phase in (Phase.RUN, Phase.COPY)


# -- precompiles ----------------------------------------------------------------------------------


def _wrong_payout(before: Machine) -> Change | None:
    """A native pays its caller one wei that it does not owe."""
    native = _precompile(before, is_native=True)
    if native is None or before.call.flags & Flag.STATIC:
        return None
    caller = before.call.caller

    def change(m: Machine) -> None:
        if account_of(m, native).balance:
            add_balance(m, native, -1)
        add_balance(m, caller, 1)

    return change


def _wrong_output(before: Machine) -> Change | None:
    """One of Ethereum's precompiles answers with another last byte; with nothing, it costs less."""
    return None if _precompile(before, is_native=False) is None else _other_outcome


def _other_outcome(m: Machine) -> None:
    outcome = m.opener.open(m.pending, Outcome)
    size = outcome.output_length
    if not size:
        m.pending = replace(outcome, gas=outcome.gas + 1)
        return
    output = m.opener.leaves(outcome.output, data_depth(size))[:size]
    false = output[:-1] + bytes([output[-1] ^ 1])
    m.pending = replace(outcome, output=data_tree(false))


def _precompile(m: Machine, *, is_native: bool) -> bytes | None:
    """The precompile that runs next, if it is of that sort."""
    if m.phase != Phase.PRECOMPILE:
        return None
    m.open_frame()
    address = m.call.code_address
    return address if (address in m.rules.natives) == is_native else None


def _has_succeeded(m: Machine) -> bool:
    return m.phase == Phase.LEAVE and m.opener.open(m.pending, Outcome).ending == Ending.SUCCEEDED


_ANY_OPCODE: Final = "a transaction that runs code"
WRONG_STORAGE_WRITE: Final = Lie(_wrong_storage_write, _runs_on, "a write of storage that stays")
STALE_ORIGIN: Final = Lie(
    _stale_origin, _runs_on, "a first deposit that writes the L1 origin, not L1's block 0"
)
FORGED_WITHDRAWAL: Final = Lie(_forged_withdrawal, _runs_on, "a withdrawal")
WRONG_GAS_LEFT: Final = Lie(_wrong_gas_left, _runs_on, "the opcode GAS in a transaction")
GAS_OFF_BY_ONE: Final = Lie(_gas_off_by_one, _runs_on, _ANY_OPCODE)
FORGED_LOG: Final = Lie(_forged_log, _logs_on, "a log")
WRONG_PAYOUT: Final = Lie(_wrong_payout, _has_succeeded, "a call of a native precompile")
WRONG_OUTPUT: Final = Lie(
    _wrong_output, _has_succeeded, "a call of another precompile that something depends on"
)
