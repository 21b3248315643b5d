"""Why the L2 chain is what it is: derivation once more over one L1 block, with its notes kept.

The L2 blocks are those that a node has already; nothing is executed. Where the attributes that L1
gives are not those of the node's block, the block tells that the engine refused them; where even
that does not explain it, node and L1 disagree, and that is said.
Source: as rules.py names it for each note. Knows nothing of how blocks are fetched or shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from chain.errors import Recovery, StemmaError

from .attributes import attributes_mismatch
from .attributes_queue import BatchUndone
from .journal import Explanation
from .l2_block import L2Source, l2_block_ref
from .pipeline import DerivationPipeline, OriginAdvanced, OriginConsumed

if TYPE_CHECKING:
    from chain.block import Block
    from chain.heads import BlockId
    from chain.types import Hash32
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1Provider

    from .attributes_queue import DerivedAttributes
    from .journal import Note


class L2BlockMissing(StemmaError):
    """A block of the L2 chain is not here yet: fetch it and call again."""

    recovery: ClassVar[Recovery] = Recovery.RETRY

    def __init__(self, *, number: int | None = None, block_hash: Hash32 | None = None) -> None:
        self.number = number
        self.block_hash = block_hash
        what = str(number) if block_hash is None else f"0x{block_hash.hex()}"
        super().__init__(f"L2 block {what} is not available")


class ChainDisagrees(StemmaError):
    """The node has another L2 block than the one that L1 gives."""


class Explainer:
    """Derives over an L2 chain that is there, and keeps every note."""

    def __init__(
        self,
        config: RollupConfig,
        provider: L1Provider,
        l2: L2Source,
        safe_head: Block,
        consumed: BlockId,
    ) -> None:
        """Start where L1 up to `consumed` gives safe_head. Raises L1DataMissing, L2BlockMissing."""
        self._config = config
        self._l2 = l2
        self._journal = Explanation()
        self._pipeline = DerivationPipeline(
            config, provider, l2, safe_head, consumed, self._journal
        )
        self._safe = self._head = l2_block_ref(config, safe_head)

    def explain(self, l1_number: int) -> tuple[Note, ...]:
        """What became of that L1 block's data, in order.

        Raises L1DataMissing and L2BlockMissing (fetch, and call again), ChainDisagrees.
        """
        while self._pipeline.origin.number <= l1_number:
            step = self._pipeline.step(self._head)
            if isinstance(step, OriginConsumed) and step.origin.number == l1_number:
                break
            if isinstance(step, BatchUndone):
                self._head = self._safe
            elif not isinstance(step, OriginAdvanced | OriginConsumed):
                self._follow(step)
        return tuple(note for note in self._journal.notes if note.l1.number == l1_number)

    def _follow(self, derived: DerivedAttributes) -> None:
        """Go on to the block that the node has there."""
        number = derived.parent.number + 1
        block = self._l2.block_by_number(number)
        if block is None:
            raise L2BlockMissing(number=number)
        mismatch = attributes_mismatch(self._config, derived.attributes, block)
        if mismatch is not None and derived.is_deposits_only:
            raise ChainDisagrees(f"L2 block {number} is not what L1 gives: {mismatch}")
        if mismatch is not None:
            instead = self._pipeline.invalidate(derived, f"the chain has another block: {mismatch}")
            if instead is None:
                self._head = self._safe
                return
            mismatch = attributes_mismatch(self._config, instead.attributes, block)
            if mismatch is not None:
                raise ChainDisagrees(f"L2 block {number} is not what L1 gives: {mismatch}")
        self._head = l2_block_ref(self._config, block)
        if derived.concludes:
            self._safe = self._head
