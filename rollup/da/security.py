"""How much stake has to vouch so that honest stake can always give the data back.

Source: EigenDA v2, docs/spec security-parameters.md: chunks are handed out by stake, disjoint, and
a certificate is safe when what confirms less what may lie still reconstructs.

    chunks of an operator = ceil(stake share * (chunks - max operators))
    reconstruction        = chunks / (chunks - max operators) / coding rate
    safe                  : confirmation - safety >= reconstruction;   live : 1 - confirmation
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from chain.crypto.keccak import keccak256

from .custody import custody_cells
from .erasure import CELLS_PER_BLOB, CELLS_TO_RECOVER
from .errors import DataAvailabilityError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis.da_committee import DaCommittee

MIN_HOLDERS: Final = 2


class UnsafeCommittee(DataAvailabilityError):
    """Thresholds with which signers could hide data that they have confirmed."""


@dataclass(frozen=True, slots=True)
class ErasureScheme:
    """`chunks` of which any `chunks / coding_rate` give the data back, for `max_operators`."""

    chunks: int
    max_operators: int
    coding_rate: int

    @property
    def reconstruction(self) -> Fraction:
        """Share of stake that is always enough."""
        return Fraction(self.chunks, (self.chunks - self.max_operators) * self.coding_rate)

    def assigned(self, stakes: Sequence[int]) -> tuple[int, ...]:
        """How many chunks each operator keeps; together at most `chunks`."""
        total = sum(stakes)
        shared = self.chunks - self.max_operators
        return tuple(-(-stake * shared // total) for stake in stakes)

    def is_safe(self, confirmation: Fraction, safety: Fraction) -> bool:
        """Whether signers of `confirmation` give data back if `safety` of all stake lies."""
        return confirmation - safety >= self.reconstruction


EIGENDA_V2: Final = ErasureScheme(chunks=8192, max_operators=3537, coding_rate=8)
"""Blob parameters of version 0: 22 % of the stake reconstruct."""


def blinding_stake(operators: Sequence[tuple[int, int]]) -> int:
    """The most stake that a set of operators has which together cannot give a blob back.

    Each operator is (stake, bit set of its cells). All sets are looked at: 2^16 at most.
    """
    worst = 0
    reached: list[tuple[int, int]] = [(0, 0)]
    for stake, cells in operators:
        grown = []
        for other_stake, other_cells in reached:
            together = other_cells | cells
            # A set that gives the blob back does so with more members too.
            if together.bit_count() < CELLS_TO_RECOVER:
                grown.append((other_stake + stake, together))
                worst = max(worst, other_stake + stake)
        reached += grown
    return worst


@lru_cache(maxsize=16)
def assignments(committee: DaCommittee) -> tuple[tuple[int, ...], ...]:
    """The cells that each operator keeps, ascending, by operator number.

    Those of its custody groups, by its node id; and since few random sets may leave cells out,
    every cell with fewer than two holders (or one, where there is one operator) is dealt to those
    who keep the fewest by then, ties by number: a sampler finds any cell with one node down.
    """
    kept = [
        set(custody_cells(node_id(operator.identity), operator.custody_groups))
        for operator in committee.operators
    ]
    for cell in range(CELLS_PER_BLOB):
        while sum(cell in cells for cells in kept) < min(MIN_HOLDERS, len(kept)):
            fewest = min((len(cells), i) for i, cells in enumerate(kept) if cell not in cells)
            kept[fewest[1]].add(cell)
    return tuple(tuple(sorted(cells)) for cells in kept)


def node_id(identity: bytes) -> bytes:
    """A node's id: keccak256 of its Ed25519 public key."""
    return bytes(keccak256(identity))


def check_committee(committee: DaCommittee) -> None:
    """Raises UnsafeCommittee where a quorum less the stake that may lie could hide data."""
    pairs = zip(committee.operators, assignments(committee), strict=True)
    held = [(operator.stake, sum(1 << cell for cell in cells)) for operator, cells in pairs]
    blind, total = blinding_stake(held), committee.total_stake
    honest_percent = committee.confirmation_percent - committee.safety_percent
    if honest_percent * total <= blind * 100:
        raise UnsafeCommittee(
            f"stemma_da: {committee.confirmation_percent} % confirm and "
            f"{committee.safety_percent} % may lie, but operators with {blind} of {total} stake "
            "cannot put a blob together: raise confirmation_percent or custody_groups"
        )
