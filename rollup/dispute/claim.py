"""One claim of a game, as the contract keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.crypto.keccak import keccak256
from chain.types import ZERO_ADDRESS, Address, Hash32, Wei

from .clock import Clock
from .position import Position

NO_PARENT: Final = 2**32 - 1
"""The root claim's parent index in the contract."""


@dataclass(frozen=True, slots=True)
class Claim:
    """`claimant` says `value` at `position`, in answer to the claim `parent_index` (None: root)."""

    parent_index: int | None
    countered_by: Address
    claimant: Address
    bond_wei: Wei
    value: Hash32
    position: Position
    clock: Clock

    @property
    def is_countered(self) -> bool:
        """Whether a step, or the verdict, has gone against it."""
        return self.countered_by != ZERO_ADDRESS

    @property
    def name(self) -> Hash32:
        """Under which the contract refuses a second equal claim."""
        parent = NO_PARENT if self.parent_index is None else self.parent_index
        return claim_name(self.value, self.position, parent)


def claim_name(value: Hash32, position: Position, parent_index: int) -> Hash32:
    """keccak(claim ‖ position u128 ‖ parent index u256)."""
    return keccak256(value + position.to_bytes(16, "big") + parent_index.to_bytes(32, "big"))
