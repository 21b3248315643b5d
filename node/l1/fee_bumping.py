"""Fees of an L1 transaction and how they grow while it is stuck: arithmetic in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass

_REPLACEMENT_PERCENT = 110
_BLOB_REPLACEMENT_PERCENT = 200
"""geth's pools take a replacement whose fees are all a tenth higher; twice, where it has blobs."""


@dataclass(frozen=True, slots=True)
class Fees:
    """Tip and cap of an EIP-1559 transaction; the blob cap is 0 where there are no blobs."""

    tip_wei: int
    cap_wei: int
    blob_cap_wei: int = 0


def initial_fees(base_fee_wei: int, tip_wei: int, blob_base_fee_wei: int = 0) -> Fees:
    """Room for the fees to double (six full blocks) before the transaction gets stuck."""
    return Fees(tip_wei, 2 * base_fee_wei + tip_wei, 2 * blob_base_fee_wei)


def bump(fees: Fees) -> Fees:
    """The smallest fees that every pool takes as a replacement."""
    percent = _BLOB_REPLACEMENT_PERCENT if fees.blob_cap_wei else _REPLACEMENT_PERCENT
    return Fees(
        _raised(fees.tip_wei, percent),
        _raised(fees.cap_wei, percent),
        _raised(fees.blob_cap_wei, percent) if fees.blob_cap_wei else 0,
    )


def at_least(fees: Fees, market: Fees) -> Fees:
    """Fees that are no lower than what the market asks for now."""
    return Fees(
        max(fees.tip_wei, market.tip_wei),
        max(fees.cap_wei, market.cap_wei),
        max(fees.blob_cap_wei, market.blob_cap_wei),
    )


def _raised(amount_wei: int, percent: int) -> int:
    return max(amount_wei + 1, -(-amount_wei * percent // 100))
