"""Lies to be planted by a development network: what they are about, and a trace that tells them.

A lying proposer is an honest one over another view of the chain: true below a block, false from
there on; and in the trace of that block true up to the step at which the lie is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.types import Hash32

from .split import ExecutionBounds, VmStatus
from .trace import Outputs, StepData, Steps


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


class BadFault(StemmaError):
    """A fault that is none, or cannot be planted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A lie about one L2 block."""

    kind: FaultKind
    block: int


def parse_fault(text: str) -> Fault:
    """Read KIND@BLOCK. Raises BadFault."""
    name, _, number = text.partition("@")
    kinds = {kind.value: kind for kind in FaultKind}
    if name not in kinds:
        raise BadFault(f"fault {name!r} is none of {', '.join(kinds)}")
    if kinds[name] not in PLANTED:
        planted = ", ".join(sorted(kind.value for kind in PLANTED))
        raise BadFault(f"fault {name!r} cannot be planted yet; what can: {planted}")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) < 2**63:
        raise BadFault(f"fault {text!r}: expected KIND@BLOCK with a block number from 1")
    return Fault(kinds[name], int(number))


PLANTED: Final = frozenset({FaultKind.OUTPUT_ROOT})
"""The kinds that can be planted. Where the others begin is known once blocks are cut into steps."""

FaultyStep = Callable[[Steps], int]
"""Where in a block's trace a lie begins."""


def first_step(steps: Steps) -> int:
    """A lie that is told from a trace's first step on, whatever the steps are."""
    del steps
    return 0


class FaultyOutputs:
    """An honest view of the chain up to a fault, and a lying one behind it."""

    def __init__(self, honest: Outputs, fault: Fault, faulty_step: FaultyStep) -> None:
        """`faulty_step` is asked with the honest trace of the fault's block."""
        self._honest = honest
        self._fault = fault
        self._faulty_step = faulty_step

    def output_root(self, l2_number: int) -> Hash32:
        """True below the fault's block; false, and another for each kind, from there on."""
        root = self._honest.output_root(l2_number)
        if l2_number < self._fault.block:
            return root
        return keccak256(b"fault:" + self._fault.kind.value.encode() + root)

    def steps(self, bounds: ExecutionBounds) -> Steps:
        """True up to the faulty step where the trace begins honestly; else all false."""
        believed = self.output_root(bounds.l2_number)
        if bounds.l2_number != self._fault.block:
            return FaultySteps(None, bounds, 0, believed)
        honest = self._honest.steps(bounds)
        return FaultySteps(honest, bounds, self._faulty_step(honest), believed)


class FaultySteps:
    """The steps of an honest trace up to `first_lie`; false ones from there on."""

    def __init__(
        self, honest: Steps | None, bounds: ExecutionBounds, first_lie: int, believed: Hash32
    ) -> None:
        """`believed` is the output root to which the liar says that the trace leads."""
        self._honest = honest
        self._bounds = bounds
        self._first_lie = first_lie
        self._last = VmStatus.VALID if believed == bounds.disputed else VmStatus.INVALID

    def commitment(self, index: int) -> Hash32:
        """See Steps."""
        if self._honest is not None and index < self._first_lie:
            return self._honest.commitment(index)
        false = keccak256(b"fault:" + self._bounds.pending + index.to_bytes(8, "big"))
        return Hash32(bytes([self._last]) + false[1:])

    def step_data(self, index: int) -> StepData:
        """See Steps: the honest one, for a lie has no witness."""
        if self._honest is None:
            return StepData(self._bounds.first_state, b"")
        return self._honest.step_data(index)
