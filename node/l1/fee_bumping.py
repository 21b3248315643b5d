"""Fees of an L1 transaction and how they grow while it is stuck. Pure arithmetic, in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass

_REPLACEMENT_PERCENT = 110
"""geth's pool takes a replacement whose two fees are both at least a tenth higher."""


@dataclass(frozen=True, slots=True)
class Fees:
    """Tip and cap of an EIP-1559 transaction, wei per gas."""

    tip_wei: int
    cap_wei: int


def initial_fees(base_fee_wei: int, tip_wei: int) -> Fees:
    """Room for the base fee to double (six full blocks) before the transaction gets stuck."""
    return Fees(tip_wei, 2 * base_fee_wei + tip_wei)


def bump(fees: Fees) -> Fees:
    """The smallest fees that every pool takes as a replacement."""
    return Fees(_tenth_more(fees.tip_wei), _tenth_more(fees.cap_wei))


def _tenth_more(amount_wei: int) -> int:
    return max(amount_wei + 1, -(-amount_wei * _REPLACEMENT_PERCENT // 100))
