"""The sequencer: one new unsafe block at a time, on the schedule that the config sets.

    origin → attributes (the function that derivation uses) → builder → store → unsafe head

Time is an argument. Knows nothing of L1 transactions, batches or verifiers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from chain.errors import Recovery, StemmaError
from evm.fees import next_base_fee
from rollup.derivation.attributes import prepare_attributes
from rollup.derivation.forks import UPGRADES, is_activation, must_be_empty
from rollup.derivation.l2_block import L2Source, l2_block_ref, require_block, system_config_of

from .origin_selector import OriginSelector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chain.heads import Heads, L2BlockRef
    from chain.txpool import PooledTransaction, TransactionPool
    from chain.types import Address
    from evm.builder import Rejected
    from evm.errors import InvalidTransaction
    from evm.executor import ExecutionResult, PayloadAttributes
    from genesis.config import ChainConfig, RollupConfig
    from rollup.l1.provider import L1Provider


class BlockNotDue(StemmaError):
    """The time of the next block has not come yet."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class BuildingEngine(L2Source, Protocol):
    """What the sequencer needs of the L2's execution engine."""

    config: ChainConfig

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        ...

    def build(
        self,
        attributes: PayloadAttributes,
        candidates: Iterable[PooledTransaction] = (),
        *,
        rejected: Rejected | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> ExecutionResult:
        """Execute attributes and then candidates on top of the parent."""
        ...

    def commit(self, result: ExecutionResult) -> None:
        """Store a block on top of the unsafe head and make it the unsafe head."""
        ...


class Sequencer:
    """Builds the L2's unsafe chain."""

    def __init__(
        self,
        config: RollupConfig,
        provider: L1Provider,
        engine: BuildingEngine,
        pool: TransactionPool,
        *,
        confirmation_depth: int = 0,
    ) -> None:
        """Take origins `confirmation_depth` L1 blocks below L1's head, below most reorgs."""
        config.require_supported()
        self._config = config
        self._engine = engine
        self._pool = pool
        self._origins = OriginSelector(config, provider, confirmation_depth=confirmation_depth)

    @property
    def head(self) -> L2BlockRef:
        """The unsafe head with its L1 origin."""
        block = require_block(self._engine, self._engine.heads.unsafe.hash)
        return l2_block_ref(self._config, block)

    def set_recover_mode(self, is_on: bool) -> None:
        """Catch up with L1 by empty blocks from now on, or only when the window is near its end."""
        self._origins.is_told_to_recover = is_on

    @property
    def next_timestamp(self) -> int:
        """When the next block is due, in seconds."""
        return self.head.timestamp + self._config.block_time

    def build(self, now: int, *, stop: Callable[[], bool] | None = None) -> ExecutionResult:
        """Seal and store the next block; included and impossible transactions leave the pool.

        `stop` is asked before each transaction and closes the block when true. Raises BlockNotDue,
        L1DataMissing and L1OriginLagging (try again later), ReorgDetected (the driver has to reset
        first).
        """
        parent = self.head
        timestamp = parent.timestamp + self._config.block_time
        if timestamp > now:
            raise BlockNotDue(f"L2 block {parent.number + 1} is due at {timestamp}, it is {now}")
        origin = self._origins.select(parent)
        parent_block = require_block(self._engine, parent.hash)
        attributes = prepare_attributes(
            self._config, parent, system_config_of(self._config, parent_block), origin.block
        )
        candidates: Iterable[PooledTransaction] = ()
        if not (origin.is_empty or self._is_activation(timestamp)):
            candidates = self._pool.pending(next_base_fee(self._engine.config, parent_block.header))
        impossible: list[PooledTransaction] = []

        def rejected(candidate: PooledTransaction, error: InvalidTransaction) -> None:
            if not error.may_become_valid:
                impossible.append(candidate)

        result = self._engine.build(attributes, candidates, rejected=rejected, stop=stop)
        self._engine.commit(result)
        self._pool.remove(candidate.hash for candidate in impossible)
        self._follow_state(result)
        return result

    def _is_activation(self, timestamp: int) -> bool:
        """Whether a fork activates in the block: then it holds what the fork deploys, no more.

        A rule since Jovian; before, a precaution, for upgrades take much of a block's gas. Source:
        OP Stack specs, jovian/derivation.md, "Activation Block Rules"; op-node's sequencer.
        """
        return must_be_empty(self._config, timestamp) or any(
            is_activation(self._config, fork, timestamp) for fork in UPGRADES
        )

    def _follow_state(self, result: ExecutionResult) -> None:
        """Tell the pool of the nonces and balances that the block has changed."""
        state = result.state

        def view(address: Address) -> tuple[int, int]:
            return state.get_nonce(address), state.get_balance(address)

        self._pool.reset(view, set(result.senders))
