"""Lies about what the phases of a block and of its transactions do around the code that runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from evm.step.accounts import add_balance
from evm.step.block_records import Claim, Job, Sealing, SealStage, Stage
from evm.step.block_work import progress_of, rest_of, set_progress
from evm.step.machine import Machine
from evm.step.names import Link, is_nothing, name_of
from evm.step.state import Phase
from evm.step.transaction_fields import DEPOSIT

from .lie import Change, Lie


def _other(value: bytes) -> bytes:
    """The same bytes but for the last bit."""
    return value[:-1] + bytes([value[-1] ^ 1])


# -- block begin ----------------------------------------------------------------------------------


def _wrong_base_fee(before: Machine) -> Change | None:
    """One wei more than what follows from the parent."""
    is_first = before.phase == Phase.BLOCK_BEGIN and is_nothing(before.context_name)
    return _dearer if is_first else None


def _dearer(m: Machine) -> None:
    m.set_block(replace(m.block, base_fee=m.block.base_fee + 1))


def _calls_systems(m: Machine) -> bool:
    return m.phase == Phase.SYSTEM_CALL


# -- transactions ---------------------------------------------------------------------------------


def _skipped_transaction(before: Machine) -> Change | None:
    """One transaction is taken up, and the one behind it is left out."""
    if before.phase != Phase.TRANSACTION_BEGIN or not is_nothing(before.pending):
        return None
    has_next = progress_of(before).done + 1 < rest_of(before).transaction_count
    return _skip if has_next else None


def _skip(m: Machine) -> None:
    rest, progress = rest_of(m), progress_of(m)
    skipped = m.opener.open(progress.left, Link)
    fewer = replace(rest, transaction_count=rest.transaction_count - 1)
    m.set_block(replace(m.block, rest=fewer))
    set_progress(m, replace(progress, left=skipped.previous))


def _is_at_work(m: Machine) -> bool:
    return m.phase == Phase.TRANSACTION_BEGIN and not is_nothing(m.pending)


def _paying(before: Machine) -> Job | None:
    """The transaction that pays next."""
    if not _is_at_work(before):
        return None
    job = before.opener.open(before.pending, Job)
    return job if job.stage == Stage.PAY else None


def _wrong_l1_fee(before: Machine) -> Change | None:
    """The sender pays one wei less for its bytes on L1; where that is nothing, one more."""
    job = _paying(before)
    return None if job is None or job.type == DEPOSIT else _other_data_fee


def _other_data_fee(m: Machine) -> None:
    job = m.opener.open(m.pending, Job)
    false = job.data_fee - 1 if job.data_fee else 1
    add_balance(m, job.sender, job.data_fee - false)
    m.pending = replace(job, data_fee=false)


def _wrong_deposit(before: Machine) -> Change | None:
    """A deposit mints one wei more than L1 has taken in."""
    job = _paying(before)
    if job is None or job.type != DEPOSIT or not job.mint:
        return None
    sender = job.sender
    return lambda m: add_balance(m, sender, 1)


def _has_paid(m: Machine) -> bool:
    """Whether the deposit's or transaction's turn went on, whether it can run or not."""
    return m.phase in (Phase.TRANSACTION_BEGIN, Phase.TRANSACTION_END)


# -- block end ------------------------------------------------------------------------------------


def _sealing(m: Machine) -> Sealing | None:
    if m.phase != Phase.BLOCK_END or is_nothing(m.pending):
        return None
    return m.opener.open(m.pending, Sealing)


def _wrong_receipt_root(before: Machine) -> Change | None:
    """The receipts' trie is closed with another root."""
    work = _sealing(before)
    return _other_receipts if work is not None and work.stage == SealStage.RECEIPTS else None


def _other_receipts(m: Machine) -> None:
    work = m.opener.open(m.pending, Sealing)
    m.pending = replace(work, receipts_root=_other(work.receipts_root))


def _has_receipts(m: Machine) -> bool:
    work = _sealing(m)
    return work is not None and work.stage == SealStage.HEADER


def _wrong_output_root(before: Machine) -> Change | None:
    """The last step gives another output root."""
    work = _sealing(before)
    if work is None or work.stage != SealStage.OUTPUT:
        return None
    disputed = before.opener.open(rest_of(before).claim, Claim).disputed

    def change(m: Machine) -> None:
        m.pending = _other(name_of(m.pending))
        m.phase = Phase.VALID if m.pending == disputed else Phase.INVALID

    return change


def _is_judged(m: Machine) -> bool:
    return m.phase in (Phase.VALID, Phase.INVALID)


WRONG_BASE_FEE: Final = Lie(_wrong_base_fee, _calls_systems, "nothing")
SKIPPED_TRANSACTION: Final = Lie(_skipped_transaction, _is_at_work, "two transactions")
WRONG_L1_FEE: Final = Lie(_wrong_l1_fee, _has_paid, "a transaction that is no deposit")
WRONG_DEPOSIT: Final = Lie(_wrong_deposit, _has_paid, "a deposit that brings ether")
WRONG_RECEIPT_ROOT: Final = Lie(_wrong_receipt_root, _has_receipts, "nothing")
WRONG_OUTPUT_ROOT: Final = Lie(_wrong_output_root, _is_judged, "nothing")
