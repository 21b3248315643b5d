"""Seals blocks on our own execution engine, filled from our own transaction pool.

    attributes → candidates by tip → engine → store → unsafe head → the pool follows

Knows nothing of L1 origins or of when a block is due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from evm.fees import next_base_fee
from rollup.derivation.l2_block import L2Source
from rollup.wire.inbox_item import MAX_ITEM_BYTES, MAX_ITEM_TRANSACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chain.block import Block, Header
    from chain.heads import Heads
    from chain.txpool import PooledTransaction, TransactionPool
    from chain.types import Address, Hash32
    from evm.builder import Rejected
    from evm.errors import InvalidTransaction
    from evm.executor import ExecutionResult, PayloadAttributes
    from genesis.config import ChainConfig


class BuildingEngine(L2Source, Protocol):
    """What the builder needs of the L2's execution engine."""

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


_BATCH_BYTES: Final = 128
"""Of an item and its one batch, without transactions: version, hashes, numbers, headers."""
_TRANSACTION_HEADER_BYTES: Final = 4


def within_an_item(
    candidates: Iterable[PooledTransaction], impossible: list[PooledTransaction]
) -> Iterator[PooledTransaction]:
    """As many candidates as a batch has room for; those that never fit are told as impossible.

    What is offered counts, whether it goes in or not: a little room may stay empty.
    """
    left, count = MAX_ITEM_BYTES - _BATCH_BYTES, 0
    most = left
    for candidate in candidates:
        size = len(candidate.tx.encode()) + _TRANSACTION_HEADER_BYTES
        if size > most:
            impossible.append(candidate)
            continue
        if size > left or count == MAX_ITEM_TRANSACTIONS:
            return
        left -= size
        count += 1
        yield candidate


class PoolBuilder:
    """Our engine and our pool as what a sequencer seals blocks with."""

    def __init__(
        self, engine: BuildingEngine, pool: TransactionPool, *, is_for_inbox: bool = False
    ) -> None:
        """`is_for_inbox`: a block's batch has to fit an item of a batch inbox."""
        self._engine = engine
        self._pool = pool
        self._is_for_inbox = is_for_inbox

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        return self._engine.heads

    def block(self, block_hash: Hash32) -> Block | None:
        """The block of that hash."""
        return self._engine.block(block_hash)

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number."""
        return self._engine.block_by_number(number)

    def seal(
        self,
        parent: Header,
        attributes: PayloadAttributes,
        *,
        fills: bool,
        stop: Callable[[], bool] | None = None,
    ) -> ExecutionResult:
        """Seal and store a block; included and impossible transactions leave the pool.

        Raises InvalidTransaction for one of the attributes'.
        """
        candidates: Iterable[PooledTransaction] = ()
        if fills:
            candidates = self._pool.pending(next_base_fee(self._engine.config, parent))
        impossible: list[PooledTransaction] = []
        if self._is_for_inbox:
            candidates = within_an_item(candidates, impossible)

        def rejected(candidate: PooledTransaction, error: InvalidTransaction) -> None:
            if not error.may_become_valid:
                impossible.append(candidate)

        result = self._engine.build(attributes, candidates, rejected=rejected, stop=stop)
        self._engine.commit(result)
        self._pool.remove(candidate.hash for candidate in impossible)
        self._follow_state(result)
        return result

    def _follow_state(self, result: ExecutionResult) -> None:
        """Tell the pool of the nonces and balances that the block has changed."""
        state = result.state

        def view(address: Address) -> tuple[int, int]:
            return state.get_nonce(address), state.get_balance(address)

        self._pool.reset(view, set(result.senders))
