"""Stage 7: payload attributes of the next block: L1 attributes, deposits, the batch's transactions.

A batch with a transaction that cannot be read gives a block of deposits only, and its channel is
given up, just as when the engine finds a transaction invalid.
Source: OP Stack specs, protocol/derivation.md, "Payload Attributes Derivation";
protocol/holocene/derivation.md, "Engine Queue".
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from chain.errors import DecodeError
from chain.transaction import BlobTransaction, DepositTransaction, decode_transaction

from .attributes import prepare_attributes
from .l2_block import L2Source, require_block, system_config_of

if TYPE_CHECKING:
    from chain.heads import L2BlockRef
    from chain.transaction import Transaction
    from evm.executor import PayloadAttributes
    from genesis.config import RollupConfig
    from rollup.l1.provider import L1Block, L1BlockRef, L1Provider
    from rollup.wire.batch import SingularBatch

_log: Final = logging.getLogger(__name__)


class BatchSource(Protocol):
    """What this stage needs of the batch queue."""

    def next_batch(self, parent: L2BlockRef) -> SingularBatch | None:
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
    """The next block as L1 has it: build on parent, found complete in L1 block derived_from."""

    parent: L2BlockRef
    attributes: PayloadAttributes
    derived_from: L1BlockRef

    @property
    def is_deposits_only(self) -> bool:
        """Whether nothing but deposits is left, which no engine can refuse."""
        return all(isinstance(tx, DepositTransaction) for tx in self.attributes.transactions)

    def deposits_only(self) -> DerivedAttributes:
        """The same block without the batch's transactions."""
        kept = tuple(
            tx for tx in self.attributes.transactions if isinstance(tx, DepositTransaction)
        )
        return replace(self, attributes=replace(self.attributes, transactions=kept))


class AttributesQueue:
    """Turns batches into attributes."""

    def __init__(
        self,
        config: RollupConfig,
        provider: L1Provider,
        l2: L2Source,
        traversal: Origin,
        source: BatchSource,
    ) -> None:
        self._config = config
        self._provider = provider
        self._l2 = l2
        self._traversal = traversal
        self._source = source
        # Kept until attributes came of it: L1 data may be missing at the first attempt.
        self._batch: SingularBatch | None = None

    def next_attributes(self, parent: L2BlockRef) -> DerivedAttributes | None:
        """The attributes of the block after parent, None when this L1 block gives none.

        Raises L1DataMissing, and what prepare_attributes raises.
        """
        if self._batch is None or self._batch.parent_hash != parent.hash:
            self._batch = self._source.next_batch(parent)
        batch = self._batch
        if batch is None:
            return None
        derived = self._derive(batch, parent)
        self._batch = None
        return derived

    def drop_channel(self) -> None:
        """Give up the rest of the current channel: the last attributes gave an invalid block."""
        self._source.drop_channel()

    def _derive(self, batch: SingularBatch, parent: L2BlockRef) -> DerivedAttributes:
        origin = self._provider.block_by_hash(batch.epoch_hash)
        parent_block = require_block(self._l2, parent.hash)
        attributes = prepare_attributes(
            self._config, parent, system_config_of(self._config, parent_block), origin
        )
        try:
            transactions = _decode_transactions(batch.transactions)
        except DecodeError as error:
            _log.warning("L2 block %d gets deposits only: %s", parent.number + 1, error)
            self.drop_channel()
            transactions = ()
        attributes = replace(attributes, transactions=attributes.transactions + transactions)
        return DerivedAttributes(parent, attributes, self._traversal.origin.ref)


def _decode_transactions(raw_transactions: tuple[bytes, ...]) -> tuple[Transaction, ...]:
    """Read a batch's transactions. Raises DecodeError for one that no L2 block may hold."""
    transactions = []
    for index, raw in enumerate(raw_transactions):
        try:
            tx = decode_transaction(raw)
        except DecodeError as error:
            raise DecodeError(f"batch transaction {index}: {error}") from error
        if isinstance(tx, BlobTransaction):
            raise DecodeError(f"batch transaction {index}: blob transactions stay on L1")
        transactions.append(tx)
    return tuple(transactions)
