"""The transactions of a block run once more, one after another, on the state before it.

For tracers: any transaction may be heard, and the state between two of them looked at. The block
is not sealed and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.block import Block
from chain.transaction import DepositTransaction, Transaction
from chain.types import Address
from chain.watched_state import WatchedState

from .executor import BlockExecution
from .tracing import FrameEntry, Tracer
from .transition import Applied, create_address


class BlockReplay:
    """A block on its way; made by `ExecutionEngine.replay`."""

    def __init__(
        self,
        block: Block,
        senders: Sequence[Address],
        execution: BlockExecution,
        state: WatchedState,
    ) -> None:
        self.block = block
        self.state = state
        self.index = 0
        """Of the transaction that comes next."""
        self.log_count = 0
        """Logs of the transactions so far."""
        self._senders = senders
        self._execution = execution

    def advance(self, tracer: Tracer | None = None) -> Applied:
        """Run the next transaction, which `tracer` hears. Raises InvalidTransaction, IndexError."""
        transaction, sender = self.block.transactions[self.index], self._senders[self.index]
        applied = self._execution.add(transaction, sender, tracer)
        if tracer is not None and _never_began(transaction, applied):
            _report(transaction, sender, applied, tracer)
        self.index += 1
        self.log_count += len(applied.outcome.logs)
        return applied

    def skip_to(self, index: int) -> None:
        """Run the transactions before that index."""
        while self.index < index:
            self.advance()


def _never_began(transaction: Transaction, applied: Applied) -> bool:
    """Whether this is a deposit that could not run at all: it is in the block without a frame."""
    error = applied.outcome.error
    return isinstance(transaction, DepositTransaction) and (error or "").startswith("failed")


def _report(transaction: Transaction, sender: Address, applied: Applied, tracer: Tracer) -> None:
    to = transaction.to or create_address(sender, applied.deposit_nonce or 0)
    tracer.enter(
        FrameEntry(
            kind="CREATE" if transaction.to is None else "CALL",
            sender=sender,
            to=to,
            value=transaction.value,
            gas=transaction.gas_limit,
            data=transaction.data,
            depth=0,
        )
    )
    tracer.leave(applied.gas_used, b"", applied.outcome.error)
