"""The state in which a message begins, and what surrounds it, from plain values.

Transactions and blocks make such states by steps of their own; whoever wants to look at one message
makes it here. Warmth of what the transaction names is put in beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from . import loading
from .accounts import access
from .machine import Machine
from .names import NOTHING, Name
from .opener import LiveOpener
from .rules import StepRules
from .slots import place_of_slot
from .state import (
    NO_EFFECTS,
    Block,
    Context,
    Effects,
    Flag,
    Message,
    Phase,
    State,
    Transaction,
)
from .structures.words import data_tree, tree_of
from .structures.world import Slot

ANCESTORS = 256


@dataclass(frozen=True, slots=True)
class Outermost:
    """An outermost call or creation: wei, gas, and what its transaction has warmed.

    `to` is where the value goes and storage lies: of a creation the new address. `delegate` is the
    account whose code runs instead (EIP-7702), None where `to` runs its own.
    """

    sender: bytes
    to: bytes
    value: int
    data: bytes
    gas: int
    is_creation: bool = False
    delegate: bytes | None = None
    warm: Iterable[bytes] = field(default=())
    warm_slots: Iterable[tuple[bytes, int]] = field(default=())


def ancestors_of(number: int, hash_of: Callable[[int], bytes | None]) -> Name:
    """The tree of the hashes of the last 256 blocks before block `number`."""
    words = [bytes(32)] * ANCESTORS
    for ancestor in range(max(0, number - ANCESTORS), number):
        words[ancestor % ANCESTORS] = hash_of(ancestor) or bytes(32)
    return tree_of(b"".join(words), 8)


def begin_message(
    outermost: Outermost,
    block: Block,
    transaction: Transaction,
    opener: LiveOpener,
    rules: StepRules,
    effects: Effects = NO_EFFECTS,
) -> State:
    """The state before the step that enters a message; `effects` are those of earlier ones."""
    began = replace(effects, transaction=transaction.number)
    state = State(Phase.ENTER, NOTHING, Context(block, transaction), began, NOTHING)
    m = Machine(state, opener, rules)
    delegate = outermost.delegate
    for address in (*outermost.warm, *([] if delegate is None else [delegate])):
        warm(m, address)
    for address, slot in outermost.warm_slots:
        warm_slot(m, address, slot)
    flags = (Flag.CREATION if outermost.is_creation else 0) | (
        0 if delegate is None else Flag.DELEGATED
    )
    m.pending = Message(
        gas=outermost.gas,
        flags=flags,
        depth=0,
        address=outermost.to,
        caller=outermost.sender,
        value=outermost.value,
        code_address=outermost.to if delegate is None else delegate,
        calldata=data_tree(outermost.data),
        calldata_length=len(outermost.data),
        output_offset=0,
        output_size=0,
        salt=0,
    )
    return m.state()


def warm(m: Machine, address: bytes) -> None:
    """Load an account and meet it."""
    loading.ensure_account(m, address)
    access(m, address)


def warm_slot(m: Machine, address: bytes, slot: int) -> None:
    """Load a slot and meet it; its account is loaded, but not met."""
    generation = loading.ensure_account(m, address).generation
    loading.ensure_slot(m, address, slot)
    place = place_of_slot(m, address, generation, slot)
    found = place.found
    number = m.effects.transaction
    m.set_world(place.put(Slot(found.value, found.original, found.original_in, number)))
