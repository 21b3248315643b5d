"""What a planted lie changes in the state behind a step, and behind which steps it can be told.

The liar is the step machine itself: it goes on from the changed state, so all that follows, the
output root too, is what such a lie would lead to. Each lie is about execution: the block's inputs
stay those that L1 has given. A proposer who names other inputs (a transaction left out, a deposit
nobody made, an L1 origin that is none) is another matter, which no step shows:
docs/protocol/dispute-scope.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from evm.step.machine import Machine
from evm.step.stepping import advance

from . import block_lies, frame_lies
from .block_steps import BlockSteps
from .lie import Change, FaultKind, Lie

_MOST_PLACES: Final = 8
"""So many steps are tried, the last ones of the block first: what a revert undoes is no lie."""

LIES: Final[Mapping[FaultKind, tuple[Lie, ...]]] = {
    FaultKind.STORAGE_WRITE: (frame_lies.WRONG_STORAGE_WRITE,),
    FaultKind.GAS: (frame_lies.WRONG_GAS_LEFT, frame_lies.GAS_OFF_BY_ONE),
    FaultKind.LOG: (frame_lies.FORGED_LOG,),
    FaultKind.TRANSACTIONS: (block_lies.SKIPPED_TRANSACTION,),
    FaultKind.DEPOSIT: (block_lies.WRONG_DEPOSIT,),
    FaultKind.BASE_FEE: (block_lies.WRONG_BASE_FEE,),
    FaultKind.L1_FEE: (block_lies.WRONG_L1_FEE,),
    FaultKind.PRECOMPILE: (frame_lies.WRONG_PAYOUT, frame_lies.WRONG_OUTPUT),
    FaultKind.WITHDRAWAL: (frame_lies.FORGED_WITHDRAWAL,),
    FaultKind.ORIGIN: (frame_lies.STALE_ORIGIN,),
    FaultKind.RECEIPT_ROOT: (block_lies.WRONG_RECEIPT_ROOT,),
    FaultKind.OUTPUT_ROOT: (block_lies.WRONG_OUTPUT_ROOT,),
}
"""For each kind the lies that make it, the one to be preferred first."""


def places(honest: BlockSteps, kind: FaultKind) -> Iterator[tuple[int, Change]]:
    """Steps behind which the lie can be told, and how; few, the last one of the block first."""
    for lie in LIES[kind]:
        yield from _places(honest, lie)


def needed(kind: FaultKind) -> str:
    """What a block has to hold so that the lie can be told about it."""
    return ", or ".join(lie.needs for lie in LIES[kind])


def _places(honest: BlockSteps, lie: Lie) -> Iterator[tuple[int, Change]]:
    begun, found = honest.begun, []
    machine = Machine(begun.first, begun.opener, begun.rules)
    for index in range(honest.trace.steps):
        change = lie.look(machine)
        advance(machine)
        if change is not None and lie.is_behind(machine):
            found.append((index, change))
            del found[:-_MOST_PLACES]
    yield from reversed(found)


def lies_at(before: Machine) -> Iterator[tuple[FaultKind, Lie, Change]]:
    """All lies that can be told behind the step that the machine takes next."""
    for kind, lies in LIES.items():
        for lie in lies:
            if (change := lie.look(before)) is not None:
                yield kind, lie, change
