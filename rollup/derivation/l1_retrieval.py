"""Stage 2: the batcher's data in one L1 block, transaction by transaction.

A transaction counts when it goes to the batch inbox and is signed by the batcher that the system
config names at this block. Since Ecotone blob transactions give the data of their blobs, in order,
and their calldata means nothing; the others give their calldata.
Source: OP Stack specs, protocol/derivation.md, "L1 Retrieval"; protocol/ecotone/derivation.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chain.crypto.secp256k1 import InvalidSignature
from chain.errors import DecodeError
from chain.transaction import (
    BlobTransaction,
    SetCodeTransaction,
    recover_sender,
)
from rollup.l1.provider import L1DataMissing
from rollup.wire.alt_da import COMMITMENT_VERSION
from rollup.wire.blob import BLOB_BYTES, decode_blob

from .journal import ByteRange, DataSource, Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chain.transaction import Transaction
    from chain.types import Address, Hash32
    from genesis.config import SystemConfig
    from rollup.l1.provider import L1Block, L1Provider

    from .forks import ForkSchedule


@dataclass(frozen=True, slots=True)
class BatcherData:
    """Batcher data and where it stands."""

    source: DataSource
    data: bytes


@dataclass(frozen=True, slots=True)
class _Blob:
    source: DataSource
    versioned_hash: Hash32


class L1BlockSource(Protocol):
    """What this stage needs of L1 traversal."""

    system_config: SystemConfig

    def next_block(self) -> L1Block | None:
        """The L1 block to read, None when it has been handed out."""
        ...


class CommitmentReader(Protocol):
    """What knows the data behind an alt-DA commitment."""

    def read(self, source: DataSource, data: bytes) -> bytes | None:
        """The data, None where the commitment does not count. Raises L1DataMissing."""
        ...


class L1Retrieval:
    """Hands out the data of one batcher transaction, or of one blob, at a time."""

    def __init__(
        self,
        source: L1BlockSource,
        provider: L1Provider,
        batch_inbox: Address,
        schedule: ForkSchedule,
        journal: Journal,
        certified: CommitmentReader | None = None,
    ) -> None:
        """`certified` reads alt-DA commitments, on a chain that has a DA committee."""
        self._source = source
        self._provider = provider
        self._batch_inbox = batch_inbox
        self._schedule = schedule
        self._journal = journal
        self._certified = certified
        self._items: list[BatcherData | _Blob] = []

    def next_data(self) -> BatcherData | None:
        """The next data, None when the L1 block has no more.

        Raises L1DataMissing for a blob, of L1 or of the DA committee, that is not here yet; call
        again when it is.
        """
        while True:
            while self._items:
                data = self._read(self._items[0])
                self._items.pop(0)
                if data is not None:
                    return data
            block = self._source.next_block()
            if block is None:
                return None
            self._items = list(self._batcher_items(block))

    def _read(self, item: BatcherData | _Blob) -> BatcherData | None:
        """The bytes of an item, None for a blob or commitment that does not count."""
        if isinstance(item, BatcherData):
            return self._behind(item)
        # Asked for anew: blobs may come in after the block.
        block_hash = item.source.l1.hash
        blob = self._provider.block_by_hash(block_hash).blobs.get(item.versioned_hash)
        if blob is None:
            raise L1DataMissing(block_hash=block_hash, versioned_hash=item.versioned_hash)
        try:
            return BatcherData(item.source, decode_blob(blob))
        except DecodeError as error:
            whole = ByteRange(item.source, 0, BLOB_BYTES)
            self._journal.note(Rule.BLOB_ENCODING, Subject(whole), str(error))
            return None

    def _behind(self, item: BatcherData) -> BatcherData | None:
        """What a commitment stands for; other data as it is."""
        if self._certified is None or item.data[:1] != bytes((COMMITMENT_VERSION,)):
            return item
        payload = self._certified.read(item.source, item.data)
        return None if payload is None else BatcherData(item.source, payload)

    def _batcher_items(self, block: L1Block) -> Iterator[BatcherData | _Blob]:
        reads_blobs = self._schedule.l1(block.timestamp).reads_blobs
        for index, tx in enumerate(block.transactions):
            if tx.to != self._batch_inbox:
                continue
            source = DataSource(block.ref, tx.hash, index)
            if not self._is_from_batcher(tx, source):
                continue
            if not (reads_blobs and isinstance(tx, BlobTransaction)):
                yield BatcherData(source, tx.data)
                continue
            if tx.data:
                whole = ByteRange(source, 0, len(tx.data))
                self._journal.note(Rule.BLOB_CALLDATA, Subject(whole))
            for number, versioned_hash in enumerate(tx.blob_versioned_hashes):
                yield _Blob(DataSource(block.ref, tx.hash, index, number), versioned_hash)

    def _is_from_batcher(self, tx: Transaction, source: DataSource) -> bool:
        whole = Subject(ByteRange(source, 0, len(tx.data)))
        if isinstance(tx, SetCodeTransaction):
            self._journal.note(Rule.WRONG_TYPE, whole, f"type {tx.type}")
            return False
        batcher = self._source.system_config.batcher_address
        try:
            sender = recover_sender(tx)
        except InvalidSignature as error:
            self._journal.note(Rule.WRONG_SENDER, whole, str(error))
            return False
        if sender != batcher:
            detail = f"sender 0x{sender.hex()}, batcher 0x{batcher.hex()}"
            self._journal.note(Rule.WRONG_SENDER, whole, detail)
            return False
        return True
