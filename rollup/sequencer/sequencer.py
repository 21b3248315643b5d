"""The sequencer: one new unsafe block at a time, on the schedule that the config sets.

    origin → attributes (the function that derivation uses) → builder → store → unsafe head

Time is an argument. Knows nothing of L1 transactions, batches or verifiers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from chain.errors import Recovery, StemmaError
from rollup.derivation.attributes import prepare_attributes
from rollup.derivation.forks import UPGRADES, is_activation, must_be_empty
from rollup.derivation.l2_block import L2Source, l2_block_ref, require_block, system_config_of

from .origin_selector import OriginSelector

if TYPE_CHECKING:
    from collections.abc import Callable

    from chain.block import Block, Header
    from chain.heads import Heads, L2BlockRef
    from evm.executor import PayloadAttributes
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1Provider


class BlockNotDue(StemmaError):
    """The time of the next block has not come yet."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class Sealed(Protocol):
    """What is told of a block that was sealed."""

    @property
    def block(self) -> Block:
        """The block."""
        ...


class BlockBuilder(L2Source, Protocol):
    """An execution engine with a pool, ours or another's, that the sequencer seals blocks with."""

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        ...

    def seal(
        self,
        parent: Header,
        attributes: PayloadAttributes,
        *,
        fills: bool,
        stop: Callable[[], bool] | None = None,
    ) -> Sealed:
        """Build a block, with what the pool has where it `fills`, and make it the unsafe head."""
        ...


class Sequencer:
    """Builds the L2's unsafe chain."""

    def __init__(
        self,
        config: RollupConfig,
        provider: L1Provider,
        builder: BlockBuilder,
        *,
        confirmation_depth: int = 0,
    ) -> None:
        """Take origins `confirmation_depth` L1 blocks below L1's head, below most reorgs."""
        config.require_supported()
        self._config = config
        self._builder = builder
        self._origins = OriginSelector(config, provider, confirmation_depth=confirmation_depth)

    @property
    def head(self) -> L2BlockRef:
        """The unsafe head with its L1 origin."""
        block = require_block(self._builder, self._builder.heads.unsafe.hash)
        return l2_block_ref(self._config, block)

    def set_recover_mode(self, is_on: bool) -> None:
        """Catch up with L1 by empty blocks from now on, or only when the window is near its end."""
        self._origins.is_told_to_recover = is_on

    @property
    def next_timestamp(self) -> int:
        """When the next block is due, in seconds."""
        return self.head.timestamp + self._config.block_time

    def build(self, now: int, *, stop: Callable[[], bool] | None = None) -> Sealed:
        """Seal and store the next block.

        `stop` is asked before each transaction and closes the block when true. Raises BlockNotDue,
        L1DataMissing and L1OriginLagging (try again later), ReorgDetected (the driver has to reset
        first).
        """
        parent = self.head
        timestamp = parent.timestamp + self._config.block_time
        if timestamp > now:
            raise BlockNotDue(f"L2 block {parent.number + 1} is due at {timestamp}, it is {now}")
        origin = self._origins.select(parent)
        parent_block = require_block(self._builder, parent.hash)
        attributes = prepare_attributes(
            self._config, parent, system_config_of(self._config, parent_block), origin.block
        )
        fills = not (origin.is_empty or self._is_activation(timestamp))
        return self._builder.seal(parent_block.header, attributes, fills=fills, stop=stop)

    def _is_activation(self, timestamp: int) -> bool:
        """Whether a fork activates in the block: then it holds what the fork deploys, no more.

        A rule since Jovian; before, a precaution, for upgrades take much of a block's gas. Source:
        OP Stack specs, jovian/derivation.md, "Activation Block Rules"; op-node's sequencer.
        """
        return must_be_empty(self._config, timestamp) or any(
            is_activation(self._config, fork, timestamp) for fork in UPGRADES
        )
