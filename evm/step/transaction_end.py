"""Phase TRANSACTION_END: money, destroyed accounts, and the receipt, log by log.

Sources: EIP-3529, 6780, 7623; OP specs deposits.md (Deposit Receipt), exec-engine.md (fee vaults).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chain.account import EMPTY_CODE_HASH
from chain.crypto.keccak import keccak256
from chain.trie import EMPTY_ROOT
from genesis.addresses import BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT

from .block_records import ChainRules, Job, Prices, Progress, ReceiptWork, Rule, Stage
from .block_requests import DEPOSIT_EVENT, EVENT_BYTES, MAX_BYTES, deposited
from .block_work import (
    credit,
    phase_of_block,
    progress_of,
    read_data,
    rest_of,
    rules_of,
    set_progress,
)
from .data_fees import operator_fee
from .machine import Machine
from .names import NOTHING, Link, Raw, is_nothing
from .ordered_trie import leaf_head
from .rlp_items import head, list_of, number, string
from .state import Ending, Log, Outcome, Phase
from .streams import FRESH_CARRY, MAX_CARRY_BYTES, absorbed, digest
from .structures.words import WINDOW_BYTES
from .structures.world import Account, find
from .transaction_fields import DEPOSIT, LEGACY

MAX_REFUND_QUOTIENT: Final = 5
"""EIP-3529."""
BLOOM_BYTES: Final = 256
_BLOOM_BITS: Final = 2048
KEY_BYTES: Final = 57
_DEPOSIT_RECEIPT_VERSION: Final = 1


@phase_of_block
def step_transaction_end(m: Machine) -> None:
    """Do the next stage of what ends."""
    progress = progress_of(m)
    job = m.opener.open(progress.job, Job)
    if job.stage == Stage.SETTLE:
        _settle(m, job, progress)
    elif job.stage == Stage.DESTROY:
        _destroy(m, job, progress)
    elif job.stage == Stage.MEASURE:
        _measure(m, job, progress)
    else:
        _write(m, job, progress)


def _settle(m: Machine, job: Job, progress: Progress) -> None:
    """Give the sender what was not used and everyone else their part."""
    outcome = m.opener.open(m.pending, Outcome)
    rules = rules_of(m, rest_of(m))
    used = job.gas_limit - outcome.gas
    used -= min(used // MAX_REFUND_QUOTIENT, job.refund + m.effects.refund)
    used = max(used, job.floor)
    if job.type != DEPOSIT:
        _pay_out(m, job, rules, progress, used)
    succeeded = int(outcome.ending in (Ending.SUCCEEDED, Ending.DEPOSITED))
    job = replace(job, stage=Stage.DESTROY, gas_used=used, succeeded=succeeded)
    m.pending = NOTHING
    set_progress(m, replace(progress, job=job, gas_used=progress.gas_used + used))


def _pay_out(m: Machine, job: Job, rules: ChainRules, progress: Progress, used: int) -> None:
    back = (job.gas_limit - used) * job.gas_price
    fee = 0
    if rules.has & Rule.OPERATOR_FEE:
        prices = m.opener.open(progress.prices, Prices)
        fee = operator_fee(prices, rules, used)
        back += operator_fee(prices, rules, job.gas_limit) - fee
    block = m.block
    coinbase, base_fee = block.coinbase, block.base_fee
    credit(m, job.sender, back)
    credit(m, coinbase, used * job.tip)
    if rules.has & Rule.OPTIMISM:
        credit(m, BASE_FEE_VAULT, used * base_fee)
        credit(m, L1_FEE_VAULT, job.data_fee)
    if rules.has & Rule.OPERATOR_FEE:
        credit(m, OPERATOR_FEE_VAULT, fee)


def _destroy(m: Machine, job: Job, progress: Progress) -> None:
    """One account that has ended; behind the last one the receipt begins."""
    effects = m.effects
    if is_nothing(effects.destroyed):
        work = ReceiptWork(NOTHING, 0, Raw(bytes(BLOOM_BYTES)), NOTHING, NOTHING, 0)
        job = replace(job, stage=Stage.MEASURE, receipt=work)
        set_progress(m, replace(progress, job=job))
        return
    link = m.opener.open(effects.destroyed, Link)
    key = Raw(m.opener.raw(link.item, KEY_BYTES))
    place = find(m.opener, effects.world, key, Account)
    old = place.found
    dead = Account(
        0, 0, EMPTY_CODE_HASH, EMPTY_ROOT, old.generation + 1, 0, old.warm, 0, old.destroyed
    )
    m.effects = replace(effects, world=place.put(dead), destroyed=link.previous)


# -- the receipt ----------------------------------------------------------------------------------


def _measure(m: Machine, job: Job, progress: Progress) -> None:
    """The newest log: its size and bloom. Behind the oldest one, the receipt's beginning."""
    work = m.opener.open(job.receipt, ReceiptWork)
    effects = m.effects
    if is_nothing(effects.logs):
        rest = rest_of(m)
        bloom = m.opener.raw(work.bloom, BLOOM_BYTES)
        above = _above_logs(job, progress, work.logs_bytes, bloom, rest.transaction_count)
        work = replace(work, carry=Raw(absorbed(FRESH_CARRY, above)))
        job = replace(job, stage=Stage.WRITE, receipt=work)
        block_bloom = bytes(BLOOM_BYTES)
        if not is_nothing(progress.bloom):
            block_bloom = m.opener.raw(progress.bloom, BLOOM_BYTES)
        progress = replace(progress, bloom=Raw(_union(block_bloom, bloom)))
    else:
        link = m.opener.open(effects.logs, Link)
        log = m.opener.open(link.item, Log)
        bloom = _union(m.opener.raw(work.bloom, BLOOM_BYTES), _bloom(log))
        size = len(_above_data(log)) + log.data_length
        work = replace(
            work, logs=Link(work.logs, log), logs_bytes=work.logs_bytes + size, bloom=Raw(bloom)
        )
        job = replace(job, receipt=work)
        m.effects = replace(effects, logs=link.previous)
    set_progress(m, replace(progress, job=job))


def _above_logs(job: Job, progress: Progress, logs: int, bloom: bytes, count: int) -> bytes:
    """The leaf of the receipts' trie up to the first log."""
    status = b"\x01" if job.succeeded else b"\x80"
    before = status + number(progress.gas_used) + string(bloom) + head(0xC0, logs)
    size = len(before) + logs + len(_below_logs(job))
    before = head(0xC0, size) + before
    kind = b"" if job.type == LEGACY else bytes((job.type,))
    value = kind + before
    size = len(value) + logs + len(_below_logs(job))
    return leaf_head(progress.done, count, size, value[:1]) + value


def _below_logs(job: Job) -> bytes:
    """A deposit's receipt ends in its nonce and the receipt's version (Canyon)."""
    if job.type != DEPOSIT:
        return b""
    return number(job.deposit_nonce) + number(_DEPOSIT_RECEIPT_VERSION)


def _topics(log: Log) -> list[bytes]:
    words = (log.topic_0, log.topic_1, log.topic_2, log.topic_3)
    return [word.to_bytes(32, "big") for word in words[: log.topic_count]]


def _above_data(log: Log) -> bytes:
    """A log's encoding up to its data. One byte of data is its tree's root: nothing is opened."""
    first = b""
    if log.data_length == 1:
        first = log.data if isinstance(log.data, bytes) else log.data.name
    data_head = head(0x80, log.data_length, first)
    inner = string(log.address) + list_of(b"".join(map(string, _topics(log)))) + data_head
    return head(0xC0, len(inner) + log.data_length) + inner


def _write(m: Machine, job: Job, progress: Progress) -> None:
    """The oldest log that is left, 1,024 bytes of its data at a time; then the receipt is done."""
    work = m.opener.open(job.receipt, ReceiptWork)
    carry = m.opener.raw(work.carry, MAX_CARRY_BYTES)
    if is_nothing(work.log):
        if is_nothing(work.logs):
            _close(m, job, progress, Raw(b"\xa0" + digest(absorbed(carry, _below_logs(job)))))
            return
        link = m.opener.open(work.logs, Link)
        log = m.opener.open(link.item, Log)
        progress = _with_request(m, progress, log)
        carry = absorbed(carry, _above_data(log))
        work = replace(work, logs=link.previous, log=log, position=0)
    else:
        log = m.opener.open(work.log, Log)
    end = work.position + WINDOW_BYTES
    carry = absorbed(carry, read_data(m, log.data, log.data_length, work.position, end))
    work = replace(work, position=end, carry=Raw(carry))
    if end >= log.data_length:
        work = replace(work, log=NOTHING, position=0)
    set_progress(m, replace(progress, job=replace(job, receipt=work)))


def _with_request(m: Machine, progress: Progress, log: Log) -> Progress:
    """On an L1 from Prague on, an event of the deposit contract is a request (EIP-6110)."""
    rules = rules_of(m, rest_of(m))
    is_l1 = rules.has & (Rule.REQUESTS | Rule.OPTIMISM) == Rule.REQUESTS
    is_event = log.topic_count and log.topic_0 == DEPOSIT_EVENT
    if not (is_l1 and is_event and log.address == rules.deposit_contract):
        return progress
    event = read_data(m, log.data, log.data_length, 0, EVENT_BYTES + 1)
    before = m.opener.raw(progress.deposit_requests, MAX_BYTES)
    return replace(progress, deposit_requests=Raw(before + deposited(event)))


def _close(m: Machine, job: Job, progress: Progress, reference: Raw) -> None:
    if progress.done:
        progress = replace(progress, receipts=Link(progress.receipts, reference))
    else:
        progress = replace(progress, first_receipt=reference)
    m.phase, m.pending = Phase.TRANSACTION_BEGIN, NOTHING
    set_progress(m, replace(progress, done=progress.done + 1, job=NOTHING))


def _bloom(log: Log) -> bytes:
    bits = 0
    for entry in (log.address, *_topics(log)):
        hashed = keccak256(entry)
        for at in (0, 2, 4):
            bits |= 1 << (int.from_bytes(hashed[at : at + 2], "big") % _BLOOM_BITS)
    return bits.to_bytes(BLOOM_BYTES, "big")


def _union(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") | int.from_bytes(right, "big")).to_bytes(BLOOM_BYTES, "big")
