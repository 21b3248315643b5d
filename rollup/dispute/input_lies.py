"""Lies about what a block is made of, where L1 computes that: they end at the trace's first step.

The liar's trace begins from transactions of its own and is right from there on, so both sides part
at once, and the state before is the one that the game makes with L1's inputs. Where the word of the
proposer is taken no step shows such a lie; there the kinds are told of execution (lies.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chain.transaction import DepositTransaction, Transaction
from evm.step_differences import Difference

from ..bridge.l1_attributes import L1Attributes
from .lie import FaultKind

Transactions = Sequence[Transaction]


@dataclass(frozen=True, slots=True)
class InputLie:
    """`falsified` gives the transactions that the liar names, None where a block has no place for
    the lie, and what differs from the true ones.
    """

    falsified: Callable[[Transactions], tuple[list[Transaction], Difference] | None]
    needs: str


def _without_the_last(true: Transactions) -> tuple[list[Transaction], Difference] | None:
    """The last transaction is left out."""
    last = true[-1]
    if isinstance(last, DepositTransaction):
        return None
    what = f"transaction {len(true) - 1} among the block's inputs"
    return [*true[:-1]], Difference(what, "0x" + last.hash.hex(), "none")


def _dearer_deposit(true: Transactions) -> tuple[list[Transaction], Difference] | None:
    """A deposit mints one wei more than L1 has taken in."""
    for index, tx in enumerate(true):
        if isinstance(tx, DepositTransaction) and tx.mint:
            false = replace(tx, mint=tx.mint + 1)
            difference = Difference(
                f"mint of deposit {index} among the block's inputs", str(tx.mint), str(false.mint)
            )
            return [*true[:index], false, *true[index + 1 :]], difference
    return None


def _stale_origin(true: Transactions) -> tuple[list[Transaction], Difference] | None:
    """The first deposit names the number of the L1 block before the origin."""
    first = true[0]
    assert isinstance(first, DepositTransaction)  # noqa: S101 - it opens each block of an L2
    told = L1Attributes.decode(first.data)
    stale = replace(told, number=told.number - 1)
    what = "L1 origin among the block's inputs"
    difference = Difference(what, str(told.number), str(stale.number))
    return [replace(first, data=stale.encode()), *true[1:]], difference


INPUT_LIES: Final[Mapping[FaultKind, InputLie]] = {
    FaultKind.TRANSACTIONS: InputLie(_without_the_last, "a transaction that is no deposit"),
    FaultKind.DEPOSIT: InputLie(_dearer_deposit, "a deposit that brings ether"),
    FaultKind.ORIGIN: InputLie(_stale_origin, "nothing"),
}
