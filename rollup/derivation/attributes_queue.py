"""Stage 7: payload attributes of the next block: L1 attributes, deposits, the batch's transactions.

A batch with a transaction that cannot be read, or that the engine finds invalid, gives since
Holocene a block of deposits only, and its channel is given up; before Holocene the batch is dropped
and the blocks of its span that were built already are undone.
Source: OP Stack specs, protocol/derivation.md, "Payload Attributes Derivation" and "L1-sync:
payload attributes processing"; protocol/holocene/derivation.md, "Engine Queue".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from chain.errors import DecodeError
from chain.transaction import BlobTransaction, DepositTransaction, decode_transaction

from .attributes import prepare_attributes
from .journal import Journal, Subject
from .l2_block import L2Source, require_block, system_config_of
from .rules import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chain.heads import L2BlockRef
    from chain.transaction import Transaction
    from evm.executor import PayloadAttributes
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1Block, L1BlockRef, L1Provider
    from rollup.wire.batch import SingularBatch

    from .batch_origins import NextBatch
    from .forks import ForkSchedule


class BatchSource(Protocol):
    """What this stage needs of the batch stage."""

    def next_batch(self, parent: L2BlockRef) -> NextBatch | None:
        """The batch of the block after parent, None when the L1 block gives none."""
        ...

    def drop_channel(self) -> None:
        """Give up the rest of the current channel."""
        ...


class Origin(Protocol):
    """Where on L1 the pipeline stands."""

    origin: L1Block


@dataclass(frozen=True, slots=True)
class DerivedAttributes:
    """The next block as L1 has it: build on parent, found complete in L1 block derived_from.

    While `concludes` is false the block is not safe yet: the rest of its span may undo it.
    `refused` are the transactions of a batch that gave way to a block of deposits alone.
    """

    parent: L2BlockRef
    attributes: PayloadAttributes
    derived_from: L1BlockRef
    concludes: bool = True
    refused: tuple[bytes, ...] = ()

    @property
    def is_deposits_only(self) -> bool:
        """Whether nothing but deposits is left, which no engine can refuse."""
        return all(isinstance(tx, DepositTransaction) for tx in self.attributes.transactions)

    def deposits_only(self) -> DerivedAttributes:
        """The same block without the batch's transactions."""
        kept = tuple(
            tx for tx in self.attributes.transactions if isinstance(tx, DepositTransaction)
        )
        others = self.attributes.transactions[len(kept) :]
        return replace(
            self,
            attributes=replace(self.attributes, transactions=kept),
            refused=self.refused or tuple(tx.encode() for tx in others),
        )


@dataclass(frozen=True, slots=True)
class BatchUndone:
    """A batch cannot become a block: go on from the safe head, without its span's first blocks."""

    parent: L2BlockRef


class AttributesQueue:
    """Turns batches into attributes."""

    def __init__(
        self,
        config: RollupConfig,
        schedule: ForkSchedule,
        provider: L1Provider,
        l2: L2Source,
        traversal: Origin,
        source: BatchSource,
        journal: Journal,
    ) -> None:
        self._config = config
        self._schedule = schedule
        self._provider = provider
        self._l2 = l2
        self._traversal = traversal
        self._source = source
        self._journal = journal
        # Kept until attributes came of it: L1 data may be missing at the first attempt.
        self._next: NextBatch | None = None

    def next_attributes(self, parent: L2BlockRef) -> DerivedAttributes | BatchUndone | None:
        """The attributes of the block after parent, None when this L1 block gives none.

        Raises L1DataMissing, and what prepare_attributes raises.
        """
        if self._next is None or self._next.batch.parent_hash != parent.hash:
            self._next = self._source.next_batch(parent)
        if self._next is None:
            return None
        derived = self._derive(self._next, parent)
        self._next = None
        return derived

    def invalidate(self, derived: DerivedAttributes, reason: str) -> DerivedAttributes | None:
        """What comes in the place of attributes that the engine refused.

        Since Holocene the same block of deposits only; before it nothing, and derivation goes on
        from the safe head.
        """
        subject = Subject(
            timestamp=derived.attributes.timestamp, l2_number=derived.parent.number + 1
        )
        if not self._schedule.l1(self._traversal.origin.timestamp).is_strict:
            self._journal.note(Rule.PAYLOAD_INVALID, subject, reason)
            return None
        self._journal.note(Rule.DEPOSITS_ONLY, subject, reason)
        self._source.drop_channel()
        return derived.deposits_only()

    def _derive(self, found: NextBatch, parent: L2BlockRef) -> DerivedAttributes | BatchUndone:
        batch = found.batch
        origin = self._provider.block_by_hash(batch.epoch_hash)
        parent_block = require_block(self._l2, parent.hash)
        attributes = prepare_attributes(
            self._config, parent, system_config_of(self._config, parent_block), origin
        )
        derived = DerivedAttributes(parent, attributes, self._traversal.origin.ref, found.concludes)
        try:
            transactions = _decode_transactions(batch, self._already_decoded(parent))
        except DecodeError as error:
            unreadable = replace(derived, refused=batch.transactions)
            return self.invalidate(unreadable, str(error)) or BatchUndone(parent)
        attributes = replace(attributes, transactions=attributes.transactions + transactions)
        subject = Subject(timestamp=batch.timestamp, l2_number=parent.number + 1)
        self._journal.note(Rule.PAYLOAD, subject, f"{len(attributes.transactions)} transactions")
        return replace(derived, attributes=attributes)

    def _already_decoded(self, parent: L2BlockRef) -> Mapping[bytes, Transaction]:
        """Transactions of the unsafe block in this place, by their bytes: mostly the very ones."""
        present = self._l2.block_by_number(parent.number + 1)
        return {} if present is None else {tx.encode(): tx for tx in present.transactions}


def _decode_transactions(
    batch: SingularBatch, known: Mapping[bytes, Transaction]
) -> tuple[Transaction, ...]:
    """Read a batch's transactions. Raises DecodeError for one that no L2 block may hold."""
    transactions = []
    for index, raw in enumerate(batch.transactions):
        try:
            tx = known.get(raw) or decode_transaction(raw)
        except DecodeError as error:
            raise DecodeError(f"batch transaction {index}: {error}") from error
        if isinstance(tx, BlobTransaction):
            raise DecodeError(f"batch transaction {index}: blob transactions stay on L1")
        transactions.append(tx)
    return tuple(transactions)
