"""Which L1 block the next L2 block takes as its origin, and whether users' transactions may go in.

    next L1 block known, deep enough and not in L2's future  → move on to it
    otherwise                                                → stay
    L2 time past origin + drift                              → stay, but with an empty block
    ... and the next L1 block is not known                   → wait for L1

A sequencer whose sequencing window is about to close recovers: it takes the next origin at once and
leaves blocks empty, which gives the very blocks that verifiers force when the window is over.
Source: OP Stack specs, protocol/derivation.md, "Batch Queue"; op-node's L1OriginSelector.
Knows nothing of transactions or clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from chain.errors import Recovery, StemmaError
from rollup.derivation.errors import ReorgDetected
from rollup.l1.provider import L1DataMissing

if TYPE_CHECKING:
    from chain.heads import L2BlockRef
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1Block, L1BlockRef, L1Provider


class L1OriginLagging(StemmaError):
    """L2 is past the drift limit of its origin and the next L1 block is not known yet."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


@dataclass(frozen=True, slots=True)
class SelectedOrigin:
    """The origin of the next block; `is_empty` keeps the pool out of it."""

    block: L1Block
    is_empty: bool
    is_recovering: bool


class OriginSelector:
    """Selects origins at least `confirmation_depth` blocks below L1's head."""

    def __init__(
        self, config: RollupConfig, provider: L1Provider, *, confirmation_depth: int = 0
    ) -> None:
        self._config = config
        self._provider = provider
        self._confirmation_depth = confirmation_depth
        self.is_told_to_recover = False
        """Set from outside: recover although the window is not about to close."""

    def select(self, parent: L2BlockRef) -> SelectedOrigin:
        """The origin of the block after parent.

        Raises L1DataMissing or L1OriginLagging (wait), ReorgDetected when parent's own origin is
        not canonical any more.
        """
        head = self._provider.head()
        if head is None:
            raise L1DataMissing(number=parent.l1_origin.number)
        current = self._canonical_origin(parent, head)
        is_recovering = self.is_told_to_recover or self._is_recovering(parent, head)
        depth = 0 if is_recovering else self._confirmation_depth
        following = self._following(current, head, depth)
        timestamp = parent.timestamp + self._config.block_time
        if following is not None and following.timestamp <= timestamp:
            current = following
        latest = current.timestamp + self._config.max_sequencer_drift_at(current.timestamp)
        if timestamp > latest and following is None:
            raise L1OriginLagging(
                f"L2 block {parent.number + 1}: time {timestamp} is past the drift limit {latest} "
                f"of {current.ref}, and L1's head {head.number} is not {depth} blocks past the next"
            )
        return SelectedOrigin(current, timestamp > latest or is_recovering, is_recovering)

    def _canonical_origin(self, parent: L2BlockRef, head: L1BlockRef) -> L1Block:
        origin = parent.l1_origin
        if origin.number > head.number:
            raise ReorgDetected(
                f"L2 block {parent.number} has L1 origin {origin}, L1's head is {head.number}"
            )
        block = self._provider.block_by_number(origin.number)
        if block.hash != origin.hash:
            raise ReorgDetected(
                f"L2 block {parent.number} has L1 origin {origin}, canonical is {block.ref}"
            )
        return block

    def _following(self, current: L1Block, head: L1BlockRef, depth: int) -> L1Block | None:
        number = current.number + 1
        if number + depth > head.number:
            return None
        block = self._provider.block_by_number(number)
        if block.parent_hash != current.hash:
            raise ReorgDetected(f"{block.ref} does not build on {current.ref}")
        return block

    def _is_recovering(self, parent: L2BlockRef, head: L1BlockRef) -> bool:
        """Whether a batch sent now for parent's epoch would come in too late, or nearly so."""
        window = self._config.seq_window_size
        margin = max(1, window // 10)  # a batch takes some L1 blocks to get in
        return parent.l1_origin.number + window <= head.number + margin
