"""Dividing an amount in given proportions, to the last wei.

Every split of money on this chain is this function: integers only, the parts sum to the whole
exactly (Hamilton's method, largest remainder). It does not know who receives what.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.errors import StemmaError


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
