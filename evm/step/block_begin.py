"""Phases BLOCK_BEGIN and SYSTEM_CALL: from a claim to the block in which transactions run.

Sources: EIP-2935, 4788; OP specs exec-engine.md, holocene/derivation.md (deposits alone). What the
inputs say is taken as given; that they are the right ones is another part of the dispute.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chain.block import decode_header
from chain.errors import DecodeError
from genesis.addresses import (
    BEACON_ROOTS,
    CONSOLIDATION_REQUESTS,
    HISTORY_STORAGE,
    SYSTEM_ADDRESS,
    WITHDRAWAL_REQUESTS,
)

from .accounts import account_of, code_of
from .block_records import (
    INPUTS_DEPTH,
    NO_PROGRESS,
    Attributes,
    BlockRest,
    ChainRules,
    Claim,
    Data,
    Progress,
    Recount,
    Rule,
)
from .block_requests import requested
from .block_work import (
    finish,
    phase_of_block,
    progress_of,
    read_data,
    rest_of,
    rules_of,
    set_progress,
)
from .errors import WitnessError
from .header_rules import blob_base_fee, excess_blob_gas, next_base_fee
from .instructions.block import ANCESTORS, ANCESTORS_DEPTH
from .loading import MAX_HEADER_BYTES
from .machine import Machine
from .names import NOTHING, Link, Name, is_nothing, name_of
from .ordered_trie import MAX_COUNT
from .refusal import NotInOrder
from .state import (
    NO_EFFECTS,
    Block,
    Context,
    Flag,
    Message,
    Phase,
    Transaction,
)
from .structures.words import ZEROS, Pair, descend

OUTPUT_BYTES: Final = 128
SYSTEM_CALL_GAS: Final = 30_000_000
DEPOSIT: Final = b"\x7e"
TRANSACTIONS: Final = b""
"""Stands for all of them among the system calls."""


@phase_of_block
def step_block_begin(m: Machine) -> None:
    """Open what the block follows and what it is made from; or count its deposits."""
    if is_nothing(m.context_name):
        _begin(m, m.opener.open(m.pending, Claim))
    else:
        _begin_again(m)


def _begin(m: Machine, claim: Claim) -> None:
    output = m.opener.raw(claim.agreed, OUTPUT_BYTES)
    if len(output) != OUTPUT_BYTES or any(output[:32]):
        raise WitnessError(f"output of {len(output)} bytes: expected one of version 0")
    parent_hash = output[96:]
    try:
        parent = decode_header(m.opener.raw(parent_hash, MAX_HEADER_BYTES))
    except DecodeError as error:
        raise WitnessError(f"header 0x{parent_hash.hex()}: {error}") from None
    if parent.number == claim.number:
        # A game names no block behind the claimed one, so a trace may be left with nothing to do.
        root = name_of(claim.agreed)
        finish(m, Phase.VALID if root == claim.disputed else Phase.INVALID, root)
        return
    leaf, _ = descend(m.opener, claim.inputs, INPUTS_DEPTH, claim.number % (1 << INPUTS_DEPTH))
    attributes = m.opener.open(leaf, Attributes)
    rules = m.opener.open(attributes.rules, ChainRules)
    if parent.number + 1 != claim.number or attributes.timestamp <= parent.timestamp:
        raise NotInOrder(f"block {claim.number} at {attributes.timestamp}: not after its parent")
    if attributes.transaction_count > MAX_COUNT:
        raise NotInOrder(f"{attributes.transaction_count} transactions, {MAX_COUNT} at most")
    excess = excess_blob_gas(rules, parent)
    block = Block(
        number=claim.number,
        timestamp=attributes.timestamp,
        coinbase=attributes.fee_recipient,
        prev_randao=attributes.prev_randao,
        gas_limit=attributes.gas_limit,
        base_fee=next_base_fee(rules, parent),
        blob_base_fee=blob_base_fee(rules, excess),
        chain_id=rules.chain_id,
        fork=rules.fork,
        state_root=output[32:64],
        ancestors=_only_word(parent_hash, parent.number % ANCESTORS),
        rest=BlockRest(
            claim=claim,
            attributes=attributes,
            rules=rules,
            parent_hash=parent_hash,
            excess_blob_gas=excess,
            transaction_count=attributes.transaction_count,
            deposits_only=0,
        ),
    )
    _go(m, block, attributes)


def _only_word(word: bytes, index: int) -> Name:
    """The ancestors' tree with one hash in it; BLOCKHASH loads the others when it asks for them."""
    tree: Name = word
    for level in range(ANCESTORS_DEPTH):
        zeros = ZEROS[level]
        tree = Pair(zeros, tree) if index >> level & 1 else Pair(tree, zeros)
    return tree


def _go(m: Machine, block: Block, attributes: Attributes) -> None:
    """From nothing that the block has done, to its system calls."""
    progress = replace(NO_PROGRESS, left=attributes.transactions)
    m.set_context(Context(block, Transaction(0, SYSTEM_ADDRESS, 0, NOTHING, 0, progress)))
    m.effects = NO_EFFECTS
    m.phase, m.pending = Phase.SYSTEM_CALL, NOTHING


def _begin_again(m: Machine) -> None:
    """One transaction a step: is it a deposit too? Behind the last, begin with the deposits."""
    rest = rest_of(m)
    attributes = m.opener.open(rest.attributes, Attributes)
    count = Recount(attributes.transactions, 0)
    if not is_nothing(m.pending):
        count = m.opener.open(m.pending, Recount)
    if count.count < attributes.transaction_count:
        link = m.opener.open(count.left, Link)
        data = m.opener.open(link.item, Data)
        if read_data(m, data.root, data.length, 0, 1) == DEPOSIT:
            m.pending = Recount(link.previous, count.count + 1)
            return
    deposits = replace(rest, deposits_only=1, transaction_count=count.count)
    _go(m, replace(m.block, rest=deposits), attributes)


# -- system calls ---------------------------------------------------------------------------------


@phase_of_block
def step_system_call(m: Machine) -> None:
    """Take what the last call gave; begin the next, skip it where no contract is, or go on."""
    rest, progress = rest_of(m), progress_of(m)
    rules = rules_of(m, rest)
    calls = _calls(rules)
    at = progress.system_calls
    if at > calls.index(TRANSACTIONS) + 1:
        progress = replace(progress, requests=requested(m, progress.requests, calls[at - 1]))
    m.pending = NOTHING
    if at == len(calls):
        m.phase = Phase.BLOCK_END
    elif calls[at] == TRANSACTIONS:
        m.phase = Phase.TRANSACTION_BEGIN
    else:
        _call(m, calls[at], rest)
        progress = replace(progress, system_calls=at + 1)
    set_progress(m, progress, number=m.effects.transaction)


def _calls(rules: ChainRules) -> list[bytes]:
    """Contracts in the order in which they are called, and between them the transactions."""
    calls: list[bytes] = [BEACON_ROOTS]
    if rules.has & Rule.PARENT_HASHES:
        calls.append(HISTORY_STORAGE)
    calls.append(TRANSACTIONS)
    if rules.has & Rule.REQUESTS and not rules.has & Rule.OPTIMISM:
        calls += [WITHDRAWAL_REQUESTS, CONSOLIDATION_REQUESTS]
    return calls


def behind_transactions(m: Machine, rules: ChainRules, progress: Progress) -> None:
    """Go on with the calls that come after the transactions, on an L1 from Prague on."""
    m.phase, m.pending = Phase.SYSTEM_CALL, NOTHING
    set_progress(m, replace(progress, system_calls=_calls(rules).index(TRANSACTIONS) + 1))


def _call(m: Machine, contract: bytes, rest: BlockRest) -> None:
    data = b""
    if contract == BEACON_ROOTS:
        data = m.opener.open(rest.attributes, Attributes).beacon_root
    elif contract == HISTORY_STORAGE:
        data = rest.parent_hash
    _, length = code_of(m, contract, account_of(m, contract))
    if not length:
        if not data:
            raise NotInOrder(f"no system contract at 0x{contract.hex()}")
        return
    begin_transaction(m, m.effects.transaction + 1)
    m.phase = Phase.ENTER
    m.pending = Message(
        SYSTEM_CALL_GAS, Flag.SYSTEM, 0, contract, SYSTEM_ADDRESS, 0, contract,
        data or NOTHING, len(data), 0, 0, 0,
    )  # fmt: skip


def begin_transaction(m: Machine, number: int) -> None:
    """Nothing is warm, logged, destroyed or to be refunded."""
    m.effects = replace(m.effects, destroyed=NOTHING, logs=NOTHING, refund=0, transaction=number)
