"""Phase LOAD: what the world map lacks is put there, from the tries of the block's beginning.

Accounts and slots are appended to the journal too: the block's end writes them into the tries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chain import rlp
from chain.account import decode_account
from chain.block import decode_header
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError

from .accounts import account_of
from .errors import Missing, WitnessError
from .instructions.block import ANCESTORS, ANCESTORS_DEPTH, NO_ADDRESS
from .machine import Machine
from .names import NOTHING, Link
from .state import Load, LoadKind
from .structures.code import code_tree
from .structures.words import change_word, read_word
from .structures.world import (
    NO_ACCOUNT,
    Account,
    Code,
    Slot,
    account_key,
    code_key,
    find,
    slot_key,
)
from .trie import lookup

MAX_HEADER_BYTES: Final = 1024
MAX_CODE_BYTES: Final = 2**24 - 1
"""What the length of a witness's item can say; EIP-170 leaves codes much shorter."""


def step_load(m: Machine) -> None:
    """Put what is missing into the world map and go back."""
    wanted = m.opener.open(m.pending, Load)
    back = wanted.back_phase, wanted.back_pending
    try:
        if wanted.kind == LoadKind.ANCESTOR:
            load_ancestor(m, wanted.key)
            m.phase, m.pending = back
            return
        m.phase, m.pending = back
        if wanted.kind == LoadKind.ACCOUNT:
            load_account(m, wanted.address)
        elif wanted.kind == LoadKind.SLOT:
            load_slot(m, wanted.address, wanted.key)
        else:
            load_code(m, wanted.key.to_bytes(32, "big"))
    except Missing as missing:  # the account of a slot, the block above an ancestor
        m.load(missing)


def load_ancestor(m: Machine, number: int) -> None:
    """Learn the hash of an ancestor from the header above it. Raises Missing for that one's hash.

    Unlike the rest this goes into the context, which no failing frame undoes: the hash is the same.
    """
    block, above = m.block, number + 1
    name = read_word(m.opener, block.ancestors, ANCESTORS_DEPTH, above % ANCESTORS)
    if name == NOTHING:
        raise Missing(LoadKind.ANCESTOR, NO_ADDRESS, above)
    try:
        parent_hash = decode_header(m.opener.raw(name, MAX_HEADER_BYTES)).parent_hash
    except DecodeError as error:
        raise WitnessError(f"header 0x{name.hex()}: {error}") from None
    tree = change_word(
        m.opener, block.ancestors, ANCESTORS_DEPTH, number % ANCESTORS, lambda _: parent_hash
    )
    m.set_block(replace(block, ancestors=tree))


def load_account(m: Machine, address: bytes) -> None:
    """Put an account of the block's beginning into the map."""
    data = lookup(m.opener, m.block.state_root, keccak256(address))
    account = NO_ACCOUNT
    if data is not None:
        found = decode_account(data)
        account = Account(
            found.nonce, found.balance, found.code_hash, found.storage_root, 0, 1, 0, 0, 0
        )
    key = account_key(address)
    m.set_world(find(m.opener, m.effects.world, key, Account).put(account))
    m.effects = replace(m.effects, journal=Link(m.effects.journal, key))


def load_slot(m: Machine, address: bytes, slot: int) -> None:
    """Put a slot into the map; its account is there already."""
    account = account_of(m, address)
    data = lookup(m.opener, account.storage_root, keccak256(slot.to_bytes(32, "big")))
    value = 0 if data is None else int.from_bytes(rlp.decode_bytes(rlp.decode(data), "slot"), "big")
    key = slot_key(address, account.generation, slot)
    m.set_world(find(m.opener, m.effects.world, key, Slot).put(Slot(value, 0, 0, 0)))
    m.effects = replace(m.effects, journal=Link(m.effects.journal, key))


def load_code(m: Machine, code_hash: bytes) -> None:
    """Put a code into the map, cut into chunks."""
    code = m.opener.raw(code_hash, MAX_CODE_BYTES)
    place = find(m.opener, m.effects.world, code_key(code_hash), Code)
    m.set_world(place.put(Code(code_tree(code), len(code))))


def ensure_account(m: Machine, address: bytes) -> Account:
    """The account, put into the map if it is not there."""
    if find(m.opener, m.effects.world, account_key(address), Account).entry is None:
        load_account(m, address)
    return account_of(m, address)


def ensure_slot(m: Machine, address: bytes, slot: int) -> None:
    """Put a slot into the map if it is not there; its account is."""
    key = slot_key(address, account_of(m, address).generation, slot)
    if find(m.opener, m.effects.world, key, Slot).entry is None:
        load_slot(m, address, slot)
