"""Phase BLOCK_END: everything that was touched is written into the tries, and the header is made.

One key of the journal a step, then one leaf of a list's trie a step, then header and output root.
Sources: yellow paper, 4.3; OP specs isthmus/exec-engine.md, protocol/proposals.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chain.account import decode_account, encode_account
from chain.block import Header
from chain.crypto.keccak import keccak256
from chain.types import Address, Hash32
from genesis.addresses import L2_TO_L1_MESSAGE_PASSER

from .accounts import account_of, place_of
from .block_records import (
    Attributes,
    ChainRules,
    Claim,
    Progress,
    Rule,
    Sealing,
    SealStage,
)
from .block_requests import requests_hash
from .block_work import finish, phase_of_block, progress_of, rest_of, rules_of
from .header_rules import extra_data
from .machine import Machine
from .names import NOTHING, Link, Name, Raw, is_nothing
from .ordered_trie import EMPTY_ROOT, MAX_BUILDER_BYTES, add_leaf, at_place
from .rlp_items import number
from .state import Phase
from .structures.world import Slot, find
from .transaction_end import BLOOM_BYTES, KEY_BYTES
from .trie_update import MAX_NODE_BYTES, look_up, update

ACCOUNT_KEY: Final = 1
_REFERENCE_BYTES: Final = 33
MAX_EXTRA_DATA_BYTES: Final = 32


@phase_of_block
def step_block_end(m: Machine) -> None:
    """Do the next piece of what makes the header."""
    if is_nothing(m.pending):
        root = m.block.state_root
        m.pending = Sealing(
            SealStage.JOURNAL, root, EMPTY_ROOT, EMPTY_ROOT, 0, NOTHING, NOTHING, NOTHING
        )
        return
    work = m.opener.open(m.pending, Sealing)
    if work.stage == SealStage.JOURNAL:
        m.pending = _write_back(m, work)
    elif work.stage == SealStage.HEADER:
        m.pending = _seal(m, work)
    elif work.stage == SealStage.OUTPUT:
        _judge(m, work)
    else:
        m.pending = _add_to_list(m, work)


# -- state ----------------------------------------------------------------------------------------


def _write_back(m: Machine, work: Sealing) -> Sealing:
    """The newest entry of the journal. Slots come before their account, being loaded after it."""
    effects = m.effects
    if is_nothing(effects.journal):
        return _next_list(work, progress_of(m).transactions, SealStage.TRANSACTIONS)
    link = m.opener.open(effects.journal, Link)
    key = m.opener.raw(link.item, KEY_BYTES)
    address = key[1:21]
    if key[0] == ACCOUNT_KEY:
        account = account_of(m, address)
        value = b""
        if account.exists:
            value = encode_account(
                account.nonce, account.balance, account.storage_root, account.code_hash
            )
        root = _updated(m, work.state_root, keccak256(address), value)
        work = replace(work, state_root=root)
    else:
        _write_slot(m, address, key)
    m.effects = replace(m.effects, journal=link.previous)
    return work


def _write_slot(m: Machine, address: bytes, key: bytes) -> None:
    place = place_of(m, address)
    account = place.found
    if not account.exists or account.generation != int.from_bytes(key[21:25], "big"):
        return
    slot = find(m.opener, m.effects.world, Raw(key), Slot).found
    value = number(slot.value) if slot.value else b""
    root = _updated(m, account.storage_root, keccak256(key[25:]), value)
    m.set_world(place.put(replace(account, storage_root=root)))


def _updated(m: Machine, root: bytes, key: bytes, value: bytes) -> bytes:
    opener = m.opener
    return update(lambda name: opener.raw(name, MAX_NODE_BYTES), root, key, value, opener.keep)


# -- lists ----------------------------------------------------------------------------------------


def _next_list(work: Sealing, chain: Name, stage: SealStage) -> Sealing:
    return replace(work, stage=stage, place=0, builder=Raw(b""), chain=chain)


def _add_to_list(m: Machine, work: Sealing) -> Sealing:
    """One leaf, in descending order of keys; behind the last the next list, then the header."""
    progress, count = progress_of(m), rest_of(m).transaction_count
    is_receipts = work.stage == SealStage.RECEIPTS
    if work.place < count:
        first = progress.first_receipt if is_receipts else progress.first_transaction
        chain: Name = work.chain
        if at_place(work.place, count):
            link = m.opener.open(chain, Link)
            chain, item = link.previous, link.item
        else:
            item = first
        reference = m.opener.raw(item, _REFERENCE_BYTES)
        builder = m.opener.raw(work.builder, MAX_BUILDER_BYTES)
        grown = Raw(add_leaf(builder, work.place, count, reference))
        return replace(work, place=work.place + 1, builder=grown, chain=chain)
    root = m.opener.raw(work.builder, 32) if count else EMPTY_ROOT
    if is_receipts:
        return replace(work, stage=SealStage.HEADER, receipts_root=root)
    work = replace(work, transactions_root=root)
    return _next_list(work, progress.receipts, SealStage.RECEIPTS)


# -- the header -----------------------------------------------------------------------------------


def _seal(m: Machine, work: Sealing) -> Sealing:
    """The header, and its hash."""
    rest, progress = rest_of(m), progress_of(m)
    rules = rules_of(m, rest)
    attributes = m.opener.open(rest.attributes, Attributes)
    withdrawals: bytes = EMPTY_ROOT
    if rules.has & Rule.MESSAGE_PASSER_ROOT:
        withdrawals = passer_root(m, work)
    header = _header(m, work, rules, attributes, progress, withdrawals)
    return replace(work, stage=SealStage.OUTPUT, header_hash=header.hash)


def _judge(m: Machine, work: Sealing) -> None:
    """The output root, and whether it is the disputed one."""
    claim = m.opener.open(rest_of(m).claim, Claim)
    output = bytes(32) + work.state_root + passer_root(m, work) + work.header_hash
    root = keccak256(output)
    finish(m, Phase.VALID if root == claim.disputed else Phase.INVALID, root)


def passer_root(m: Machine, work: Sealing) -> bytes:
    """The storage root of the message passer."""
    passer = look_up(
        lambda name: m.opener.raw(name, MAX_NODE_BYTES),
        work.state_root,
        keccak256(L2_TO_L1_MESSAGE_PASSER),
    )
    return decode_account(passer).storage_root if passer else EMPTY_ROOT


def _header(
    m: Machine,
    work: Sealing,
    rules: ChainRules,
    attributes: Attributes,
    progress: Progress,
    withdrawals: bytes,
) -> Header:
    block, rest = m.block, rest_of(m)
    bloom = bytes(BLOOM_BYTES)
    if not is_nothing(progress.bloom):
        bloom = m.opener.raw(progress.bloom, BLOOM_BYTES)
    extra = extra_data(rules, attributes)
    if not rules.has & Rule.OPTIMISM:
        extra = m.opener.raw(attributes.extra_data, MAX_EXTRA_DATA_BYTES)
    requests = requests_hash(m, progress.deposit_requests, progress.requests)
    return Header(
        parent_hash=Hash32(rest.parent_hash),
        beneficiary=Address(block.coinbase),
        state_root=Hash32(work.state_root),
        transactions_root=Hash32(work.transactions_root),
        receipts_root=Hash32(work.receipts_root),
        logs_bloom=bloom,
        number=block.number,
        gas_limit=block.gas_limit,
        gas_used=progress.gas_used,
        timestamp=block.timestamp,
        extra_data=extra,
        prev_randao=Hash32(block.prev_randao.to_bytes(32, "big")),
        base_fee_per_gas=block.base_fee,
        withdrawals_root=Hash32(withdrawals),
        blob_gas_used=progress.blob_gas_used + progress.da_footprint,
        excess_blob_gas=rest.excess_blob_gas,
        parent_beacon_block_root=Hash32(attributes.beacon_root),
        requests_hash=Hash32(requests) if rules.has & Rule.REQUESTS else None,
    )
