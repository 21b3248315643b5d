"""Phase TRANSACTION_BEGIN: from the block's next bytes to the message that they send.

The order is that of `evm.transition`: a transaction is read to its end, checked and paid for before
its access list warms anything. Sources: EIP-1559, 2028, 2930, 3607, 3651, 3860, 4844, 7623, 7702,
7825; OP specs deposits.md and {isthmus,jovian}/exec-engine.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chain.crypto.keccak import keccak256

from .. import gas_prices as price
from .accounts import (
    DELEGATION_PREFIX,
    access,
    account_of,
    change_account,
    code_of,
    delegate_of,
    put_code,
)
from .block_begin import begin_transaction, behind_transactions
from .block_records import BlockRest, ChainRules, Data, Job, Prices, Progress, Rule, Stage
from .block_work import (
    credit,
    phase_of_block,
    progress_of,
    read_data,
    read_job,
    rest_of,
    rules_of,
    set_progress,
)
from .data_fees import da_footprint, data_fee, operator_fee, read_prices
from .header_rules import GAS_PER_BLOB
from .machine import Machine
from .names import NOTHING, Link, is_nothing
from .refusal import NotInOrder
from .rlp_items import Fields, list_of, number, string
from .slots import place_of_slot
from .state import Copy, Ending, Flag, Message, Outcome, Phase, Source, Then
from .structures.code import code_tree
from .structures.words import ZEROS, data_depth, words_in
from .structures.world import Code, Slot
from .transaction_fields import BLOB, DEPOSIT, HEAD_BYTES, LEGACY, read_head
from .transaction_lists import (
    LONGEST_AUTHORIZATION,
    LONGEST_HEAD,
    compress,
    read_access_list,
    read_authorization,
    read_authorizations,
    read_blobs,
    read_signature,
    scan,
)

TX_BASE: Final = 21_000
TOKEN_GAS: Final = 4
TOKENS_OF_BYTE: Final = 4
ACCESS_LIST_ADDRESS: Final = 2_400
ACCESS_LIST_SLOT: Final = 1_900
PER_EMPTY_ACCOUNT: Final = 25_000
REFUND_EXISTING_ACCOUNT: Final = 12_500
MAX_NONCE: Final = 2**64 - 1
ADDRESS_BYTES: Final = 20
_AUTHORIZATION_MAGIC: Final = b"\x05"


@phase_of_block
def step_transaction_begin(m: Machine) -> None:
    """Do the next stage of the transaction at hand, or take up the next one."""
    if is_nothing(m.pending):
        _take_up(m)
        return
    job = m.opener.open(m.pending, Job)
    simple = _SIMPLE.get(job.stage)
    if simple is not None:
        m.pending = simple(m, job)
    elif job.stage == Stage.START:
        _start(m, job)
    else:
        rest = rest_of(m)
        rules = rules_of(m, rest)
        if job.stage == Stage.BLOBS:
            m.pending = read_blobs(m, job, rules)
        elif job.stage == Stage.SCAN:
            m.pending = scan(m, job, rules, progress_of(m).done, rest.transaction_count)
        else:
            _pay(m, job, rest, rules)


def _take_up(m: Machine) -> None:
    rest, progress = rest_of(m), progress_of(m)
    rules = rules_of(m, rest)
    if progress.done == rest.transaction_count:
        behind_transactions(m, rules, progress)
        return
    link = m.opener.open(progress.left, Link)
    data = m.opener.open(link.item, Data)
    head = read_data(m, data.root, data.length, 0, HEAD_BYTES)
    job = read_head(head, data.root, data.length)
    is_deposit = job.type == DEPOSIT
    if not (rules.has & Rule.OPTIMISM if is_deposit else rules.types >> job.type & 1):
        raise NotInOrder(f"transaction type {job.type:#04x} at {progress.done}")
    m.pending = job
    set_progress(m, replace(progress, left=link.previous))


# -- checks and payment ---------------------------------------------------------------------------


def _pay(m: Machine, job: Job, rest: BlockRest, rules: ChainRules) -> None:
    """Check everything, take the most that the run can cost, and list the transaction."""
    progress = progress_of(m)
    if job.gas_limit > m.block.gas_limit - progress.gas_used:
        raise NotInOrder(f"gas limit {job.gas_limit} reached")
    if job.type == DEPOSIT:
        _take_deposit(m, job, rules, _listed(progress, job))
        return
    intrinsic, floor = _gas_of(job, rules)
    _check(m, job, rules, intrinsic, floor)
    signer = m.rules.recover(m.opener.raw(job.signing, 32), job.y_parity, job.r, job.s)
    if signer is None:
        raise NotInOrder("a signature of nobody")
    job = replace(job, sender=signer, floor=floor, gas=job.gas_limit - intrinsic)
    progress = _price(m, job, rules, progress)
    begin_transaction(m, m.effects.transaction + 1)
    _charge(m, job, rules, progress)
    job.stage = Stage.START if job.type == LEGACY else Stage.WARM
    job.cursor, job.entry_end = job.list_start, job.list_start
    m.pending = job
    set_progress(
        m, _listed(progress, job), number=m.effects.transaction, origin=job.sender,
        gas_price=job.gas_price, blob_hashes=job.blob_hashes, blob_count=job.blob_count,
    )  # fmt: skip


def _listed(progress: Progress, job: Job) -> Progress:
    if progress.done:
        return replace(progress, transactions=Link(progress.transactions, job.leaf))
    return replace(progress, first_transaction=job.leaf)


def _gas_of(job: Job, rules: ChainRules) -> tuple[int, int]:
    """Intrinsic gas, and the floor of EIP-7623."""
    tokens = job.data_zeros + TOKENS_OF_BYTE * (job.data_length - job.data_zeros)
    gas = TX_BASE + TOKEN_GAS * tokens + PER_EMPTY_ACCOUNT * job.authorizations
    if job.is_creation:
        gas += price.CREATE + price.INIT_CODE_WORD * words_in(job.data_length)
    gas += ACCESS_LIST_ADDRESS * job.addresses + ACCESS_LIST_SLOT * job.slots
    return gas, TX_BASE + rules.floor_per_token * tokens if rules.floor_per_token else 0


def _check(m: Machine, job: Job, rules: ChainRules, intrinsic: int, floor: int) -> None:
    """What does not depend on the sender. Raises NotInOrder."""
    block = m.block
    is_ours = not job.is_protected or job.chain_id == rules.chain_id
    is_too_long = job.is_creation and job.data_length > price.MAX_INIT_CODE_BYTES
    is_dear_enough = job.tip_cap <= job.fee_cap and job.fee_cap >= block.base_fee
    if not is_ours or is_too_long or not is_dear_enough:
        raise NotInOrder("a transaction of another chain, too long, or too cheap")
    if not max(intrinsic, floor) <= job.gas_limit <= rules.max_transaction_gas:
        raise NotInOrder(f"gas limit {job.gas_limit}, {max(intrinsic, floor)} at least")
    if job.type == BLOB and job.blob_fee_cap < block.blob_base_fee:
        raise NotInOrder("a transaction that pays too little for its blobs")


def _price(m: Machine, job: Job, rules: ChainRules, progress: Progress) -> Progress:
    """Fill in what the transaction pays; count its blobs or its footprint. Raises NotInOrder."""
    base_fee = m.block.base_fee
    job.tip = min(job.tip_cap, job.fee_cap - base_fee)
    job.gas_price = base_fee + job.tip
    if not rules.has & Rule.OPTIMISM:
        blob_gas = progress.blob_gas_used + GAS_PER_BLOB * job.blob_count
        if blob_gas > rules.blob_max * GAS_PER_BLOB:
            raise NotInOrder(f"{blob_gas} blob gas")
        return replace(progress, blob_gas_used=blob_gas)
    if is_nothing(progress.prices):
        progress = replace(progress, prices=read_prices(m, rules))
    prices = m.opener.open(progress.prices, Prices)
    job.data_fee = data_fee(prices, rules, job)
    footprint = progress.da_footprint + da_footprint(prices, job)
    if footprint > m.block.gas_limit:
        raise NotInOrder(f"DA footprint {footprint}")
    return replace(progress, da_footprint=footprint)


def _charge(m: Machine, job: Job, rules: ChainRules, progress: Progress) -> None:
    """Who signed can and does pay. Raises NotInOrder and Missing."""
    account = account_of(m, job.sender)
    if account.nonce != job.nonce or job.nonce >= MAX_NONCE:
        raise NotInOrder(f"nonce {job.nonce}, expected {account.nonce}")
    code, length = code_of(m, job.sender, account)
    if length and not (m.rules.has_delegations and delegate_of(m, code, length)):
        raise NotInOrder("a sender with code")
    fees = job.data_fee
    if rules.has & Rule.OPERATOR_FEE:
        prices = m.opener.open(progress.prices, Prices)
        fees += operator_fee(prices, rules, job.gas_limit)
    blob_gas = GAS_PER_BLOB * job.blob_count
    most = job.gas_limit * job.fee_cap + job.value + fees + blob_gas * job.blob_fee_cap
    if account.balance < most:
        raise NotInOrder(f"balance {account.balance}, {most} needed")
    cost = job.gas_limit * job.gas_price + fees + blob_gas * m.block.blob_base_fee
    change_account(m, job.sender, balance=account.balance - cost, nonce=job.nonce + 1)


# -- deposits -------------------------------------------------------------------------------------


def _take_deposit(m: Machine, job: Job, rules: ChainRules, progress: Progress) -> None:
    """Mint first, whatever comes; a deposit that cannot run still takes all its gas."""
    begin_transaction(m, m.effects.transaction + 1)
    credit(m, job.sender, job.mint)
    account = account_of(m, job.sender)
    intrinsic, floor = _gas_of(job, rules)
    is_too_long = job.is_creation and job.data_length > price.MAX_INIT_CODE_BYTES
    is_lame = job.is_system or job.gas_limit < max(intrinsic, floor) or is_too_long
    change_account(m, job.sender, nonce=account.nonce + 1)
    job = replace(job, stage=Stage.START, deposit_nonce=account.nonce, nonce=account.nonce)
    fields = {"number": m.effects.transaction, "origin": job.sender, "gas_price": 0}
    fields |= {"blob_hashes": NOTHING, "blob_count": 0}
    if not is_lame and account.balance >= job.value:
        m.pending = replace(job, floor=floor, gas=job.gas_limit - intrinsic)
        set_progress(m, progress, **fields)
        return
    job.stage = Stage.SETTLE
    m.phase, m.pending = Phase.TRANSACTION_END, Outcome(Ending.FAILED, 0, NOTHING, 0, NOTHING)
    set_progress(m, replace(progress, job=job), **fields)


# -- what is warm, and whose code runs ------------------------------------------------------------


def _warm(m: Machine, job: Job) -> Job:
    """One address or one slot of the access list."""
    if job.cursor == job.list_end:
        following = Stage.AUTHORIZE if job.authorizations else Stage.START
        return replace(job, stage=following, cursor=job.authorizations_start)
    reader = Fields(read_job(m, job, job.cursor, LONGEST_HEAD), 0)
    if job.cursor == job.entry_end:
        entry = reader.header(is_list=True)
        reader.position = entry.start
        address = reader.fixed(ADDRESS_BYTES)
        reader.position = reader.header(is_list=True).start
        access(m, address)
        job = replace(job, entry_address=address, entry_end=job.cursor + entry.end)
    else:
        slot = int.from_bytes(reader.fixed(32), "big")
        generation = account_of(m, job.entry_address).generation
        place = place_of_slot(m, job.entry_address, generation, slot)
        found = place.found
        m.set_world(
            place.put(Slot(found.value, found.original, found.original_in, m.effects.transaction))
        )
    return replace(job, cursor=job.cursor + reader.position)


def _authorize(m: Machine, job: Job) -> Job:
    """One authorization (EIP-7702); what does not fit is passed over."""
    if job.cursor == job.authorizations_end:
        return replace(job, stage=Stage.START)
    reader = Fields(read_job(m, job, job.cursor, LONGEST_AUTHORIZATION), 0)
    chain_id, target, nonce, y_parity, r, s = read_authorization(reader)
    job = replace(job, cursor=job.cursor + reader.position)
    if chain_id not in (0, m.block.chain_id) or nonce >= MAX_NONCE:
        return job
    signed = list_of(number(chain_id) + string(target) + number(nonce))
    authority = m.rules.recover(keccak256(_AUTHORIZATION_MAGIC + signed), y_parity, r, s)
    if authority is None:
        return job
    account, _ = access(m, authority)
    code, length = code_of(m, authority, account)
    if (length and delegate_of(m, code, length) is None) or account.nonce != nonce:
        return job
    code = DELEGATION_PREFIX + target if any(target) else b""
    if code:
        put_code(m, keccak256(code), Code(code_tree(code), len(code)))
    change_account(m, authority, code_hash=keccak256(code), nonce=nonce + 1)
    return replace(job, refund=job.refund + REFUND_EXISTING_ACCOUNT * account.exists)


def _start(m: Machine, job: Job) -> None:
    """Send the message; its data is copied out of the transaction first."""
    progress = progress_of(m)
    to, flags = job.to, 0
    if job.is_creation:
        made = keccak256(list_of(string(job.sender) + number(job.nonce)))
        to, flags = made[12:], Flag.CREATION
    for address in (job.sender, to, m.block.coinbase):
        access(m, address)
    code_address = to
    if m.rules.has_delegations and not job.is_creation:
        code, length = code_of(m, to, account_of(m, to))
        delegate = delegate_of(m, code, length)
        if delegate is not None:
            access(m, delegate)
            code_address, flags = delegate, Flag.DELEGATED
    size = job.data_length
    message = Message(
        job.gas, flags, 0, to, job.sender, job.value, code_address, NOTHING, size, 0, 0, 0
    )
    m.phase, m.pending = Phase.ENTER, message
    if size:
        m.phase = Phase.COPY
        m.pending = Copy(
            Then.MESSAGE, Source.WORDS, job.data, job.length, job.data_start,
            ZEROS[data_depth(size)], size, 0, size, message,
        )  # fmt: skip
    job = replace(job, stage=Stage.SETTLE)
    set_progress(m, replace(progress, job=job))


_SIMPLE: Final[dict[int, Callable[[Machine, Job], Job]]] = {
    Stage.ACCESS_LIST: read_access_list,
    Stage.AUTHORIZATIONS: read_authorizations,
    Stage.SIGNATURE: read_signature,
    Stage.COMPRESS: compress,
    Stage.WARM: _warm,
    Stage.AUTHORIZE: _authorize,
}
"""Stages that need neither rules nor progress."""
