"""How far the chain is known: the unsafe, safe and finalized heads, and the moves they may make.

Unsafe is what the sequencer says, safe is what L1 data says, finalized is what L1 cannot take back
any more. Heads are values: a move gives new heads or raises. Knows nothing of storage, nor of which
block descends from which; the caller vouches that the three lie on one chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import StemmaError

if TYPE_CHECKING:
    from .types import Hash32


class InvalidHeadMove(StemmaError):
    """A move would break finalized <= safe <= unsafe, leave the chain, or undo finality."""


@dataclass(frozen=True, slots=True)
class BlockId:
    """A block's height and hash: enough to name it on any fork."""

    number: int
    hash: Hash32

    def __str__(self) -> str:
        return f"{self.number} (0x{self.hash.hex()})"


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block with its link to the parent and its time in seconds; L1's unit of derivation."""

    number: int
    hash: Hash32
    parent_hash: Hash32
    timestamp: int

    @property
    def id(self) -> BlockId:
        """Height and hash alone."""
        return BlockId(self.number, self.hash)

    @property
    def parent(self) -> BlockId:
        """Height and hash of the parent; of no meaning at genesis."""
        return BlockId(self.number - 1, self.parent_hash)


@dataclass(frozen=True, slots=True)
class L2BlockRef(BlockRef):
    """An L2 block with the L1 block it takes its epoch from and its place in that epoch."""

    l1_origin: BlockId
    sequence_number: int


@dataclass(frozen=True, slots=True)
class Heads:
    """The three heads, in order: finalized <= safe <= unsafe. Raises InvalidHeadMove otherwise."""

    unsafe: BlockId
    safe: BlockId
    finalized: BlockId

    def __post_init__(self) -> None:
        _check_order("safe", self.safe, "unsafe", self.unsafe)
        _check_order("finalized", self.finalized, "safe", self.safe)

    @classmethod
    def at_genesis(cls, genesis: BlockId) -> Heads:
        """All three at the block that a chain starts from."""
        return cls(genesis, genesis, genesis)

    def extended(self, block: BlockRef) -> Heads:
        """Move unsafe to its child. Raises InvalidHeadMove for any other block."""
        if block.parent != self.unsafe:
            raise InvalidHeadMove(
                f"unsafe head is {self.unsafe}, block {block.id} has parent {block.parent}"
            )
        return Heads(block.id, self.safe, self.finalized)

    def moved(
        self,
        *,
        unsafe: BlockId | None = None,
        safe: BlockId | None = None,
        finalized: BlockId | None = None,
    ) -> Heads:
        """Move the named heads at once; unsafe and safe may go back, as after an L1 reorg.

        A head that is not named stays where it is, except that safe follows unsafe back when
        unsafe moves below it. Raises InvalidHeadMove if the order breaks or finality is undone.
        """
        unsafe = unsafe or self.unsafe
        safe = safe or (self.safe if self.safe.number <= unsafe.number else unsafe)
        finalized = finalized or self.finalized
        if finalized.number < self.finalized.number or (
            finalized.number == self.finalized.number and finalized != self.finalized
        ):
            raise InvalidHeadMove(
                f"finalized head is {self.finalized}, it cannot go back to {finalized}"
            )
        return Heads(unsafe, safe, finalized)


def _check_order(lower_name: str, lower: BlockId, upper_name: str, upper: BlockId) -> None:
    if lower.number > upper.number:
        raise InvalidHeadMove(f"{lower_name} head {lower} is above {upper_name} head {upper}")
    if lower.number == upper.number and lower != upper:
        raise InvalidHeadMove(
            f"{lower_name} head {lower} and {upper_name} head {upper} are different blocks"
        )
