"""Dividing an amount in given proportions, to the last wei, and the parts of an answer's fee.

Every split of money is made here: integers only, the parts sum to the whole exactly (Hamilton's
method, largest remainder). The precompiles pay by it and auditors recompute with it. It does not
know which account receives which part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import StemmaError

BASIS_POINTS = 10_000

PLATFORM_BP, HOST_BP, STAKERS_BP, CONTRIBUTORS_BP = 1_000, 2_000, 2_000, 5_000
"""The default split of OpenLedger's example, of what royalties leave."""

PLATFORM, HOST, STAKERS, CONTRIBUTOR, ADAPTER_OWNER, BASE_OWNER = range(1, 7)
"""Roles in the event Paid."""


class InvalidSplit(StemmaError, ValueError):
    """The weights do not define a split."""


def split_largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Divide `total` into one part for each weight, in proportion, exactly.

    Each part is first its quota rounded down; the units left over go one each to the largest
    remainders. Equal remainders are served in the order of the weights, so the caller orders them
    by id. A weight of 0 gets 0. Raises InvalidSplit for a negative amount or weight, or a sum of
    weights of 0.
    """
    whole = sum(weights)
    if total < 0 or whole <= 0 or min(weights) < 0:
        raise InvalidSplit(f"cannot split {total} over weights that sum to {whole}")
    parts, remainders = [], []
    for weight in weights:
        quota, remainder = divmod(total * weight, whole)
        parts.append(quota)
        remainders.append(remainder)
    left_over = total - sum(parts)
    # The sort is stable: among equal remainders the lower position comes first. There are fewer
    # units left over than remainders that are not 0, so a weight of 0 never gets one.
    by_remainder = sorted(range(len(weights)), key=lambda index: -remainders[index])
    for index in by_remainder[:left_over]:
        parts[index] += 1
    return parts


@dataclass(frozen=True, slots=True)
class FeeParts:
    """A fee divided; the fields sum to the fee. All in wei."""

    adapter_owner_wei: int
    base_owner_wei: int
    platform_wei: int
    host_wei: int
    stakers_wei: int
    contributors_wei: int


def divide_fee(
    fee_wei: int, *, adapter_royalty_bp: int, base_royalty_bp: int, has_stakers: bool
) -> FeeParts:
    """Divide a fee exactly.

    Royalties are rounded down, each of the whole fee. The rest is split by largest remainder, ties
    to the lower role. Where nobody is bonded the stakers' part goes to the platform.
    """
    adapter_owner_wei = fee_wei * adapter_royalty_bp // BASIS_POINTS
    base_owner_wei = fee_wei * base_royalty_bp // BASIS_POINTS
    rest_wei = fee_wei - adapter_owner_wei - base_owner_wei
    platform_wei, host_wei, stakers_wei, contributors_wei = split_largest_remainder(
        rest_wei, (PLATFORM_BP, HOST_BP, STAKERS_BP, CONTRIBUTORS_BP)
    )
    if not has_stakers:
        platform_wei, stakers_wei = platform_wei + stakers_wei, 0
    return FeeParts(
        adapter_owner_wei,
        base_owner_wei,
        platform_wei,
        host_wei,
        stakers_wei,
        contributors_wei,
    )
