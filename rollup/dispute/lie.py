"""What a lie about one step is: where it can be told, and what is false behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from evm.step.machine import Machine

Change = Callable[[Machine], None]
"""Puts what is false into the machine right behind the step."""


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


@dataclass(frozen=True, slots=True)
class Lie:
    """A lie that can be told behind some steps.

    `look` is given the machine before a step: what such a lie changes behind it, None where that
    step has nothing to lie about. `is_behind` tells behind a step whether it has done its work: a
    load, a failure or a refusal in its place is no place for the lie.
    """

    look: Callable[[Machine], Change | None]
    is_behind: Callable[[Machine], bool]
    needs: str
    """What a block has to hold, as `it needs ...` goes on."""
