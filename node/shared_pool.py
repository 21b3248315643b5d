"""The transaction pool, shared by the loop that fills it and the thread that builds blocks from
it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from chain.transaction import SignedTransaction, Transaction
from chain.txpool import (
    AccountView,
    Candidates,
    PoolContent,
    PooledTransaction,
    PoolError,
    PoolLimits,
    PoolStatus,
    TransactionPool,
)
from chain.types import Address, Hash32

logger = logging.getLogger("stemma.pool")


class SharedPool(TransactionPool):
    """A TransactionPool whose changes and whole-pool views exclude each other.

    The candidates of a block are walked without the lock: each step is one look-up by key, and the
    pool allows transactions to leave meanwhile. So a long block does not keep senders waiting.
    """

    def __init__(
        self,
        limits: PoolLimits | None = None,
        *,
        chain_id: int,
        block_gas_limit: int,
        minimum_gas: Callable[[SignedTransaction], int],
        accepted_types: frozenset[int],
    ) -> None:
        """Make an empty pool."""
        super().__init__(
            limits,
            chain_id=chain_id,
            block_gas_limit=block_gas_limit,
            minimum_gas=minimum_gas,
            accepted_types=accepted_types,
        )
        self._lock = threading.RLock()

    def add(
        self,
        tx: Transaction,
        sender: Address,
        account_nonce: int,
        balance_wei: int,
        *,
        extra_cost_wei: int = 0,
    ) -> None:
        """As TransactionPool.add."""
        with self._lock:
            super().add(tx, sender, account_nonce, balance_wei, extra_cost_wei=extra_cost_wei)

    def remove(self, hashes: Iterable[Hash32]) -> None:
        """As TransactionPool.remove."""
        with self._lock:
            super().remove(hashes)

    def reset(self, view: AccountView, senders: Iterable[Address] | None = None) -> None:
        """As TransactionPool.reset."""
        with self._lock:
            super().reset(view, senders)

    def pending(self, base_fee_wei: int) -> Candidates:
        """As TransactionPool.pending."""
        with self._lock:
            return super().pending(base_fee_wei)

    def status(self) -> PoolStatus:
        """As TransactionPool.status."""
        with self._lock:
            return super().status()

    def content(self) -> PoolContent:
        """As TransactionPool.content."""
        with self._lock:
            return super().content()

    def everything(self) -> tuple[PooledTransaction, ...]:
        """All that waits, in order of arrival."""
        content = self.content()
        waiting = [
            pooled
            for side in (content.pending, content.queued)
            for by_nonce in side.values()
            for pooled in by_nonce.values()
        ]
        return tuple(sorted(waiting, key=lambda pooled: pooled.arrival))

    def replace(self, waiting: Iterable[PooledTransaction], view: AccountView) -> None:
        """Hold these and no others, as when the chain goes back to where they waited.

        `view` is the state there. What came in by one state comes in again by the same.
        """
        with self._lock:
            self.reset(view)
            self.remove([pooled.hash for pooled in self.everything()])
            for pooled in waiting:
                nonce, balance_wei = view(pooled.sender)
                try:
                    self.add(pooled.tx, pooled.sender, nonce, balance_wei)
                except PoolError as error:
                    logger.info("not in the pool again: %s", error)
