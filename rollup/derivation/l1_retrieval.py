"""Stage 2: the batcher's data in one L1 block, transaction by transaction.

A transaction counts when it goes to the batch inbox and is signed by the batcher that the system
config names at this block. Blob transactions give the data of their blobs, in order, and their
calldata means nothing; the others give their calldata.
Source: OP Stack specs, protocol/derivation.md, "L1 Retrieval"; protocol/ecotone/derivation.md.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from chain.crypto.secp256k1 import InvalidSignature
from chain.errors import DecodeError
from chain.transaction import BlobTransaction, SetCodeTransaction, recover_sender
from rollup.l1.provider import L1DataMissing
from rollup.wire.blob import decode_blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chain.transaction import Transaction
    from chain.types import Address, Hash32
    from genesis.config import SystemConfig
    from rollup.l1.provider import L1Block, L1BlockRef, L1Provider

_log: Final = logging.getLogger(__name__)

_Item = bytes | tuple["L1BlockRef", "Hash32"]


class L1BlockSource(Protocol):
    """What this stage needs of L1 traversal."""

    system_config: SystemConfig

    def next_block(self) -> L1Block | None:
        """The L1 block to read, None when it has been handed out."""
        ...


class L1Retrieval:
    """Hands out the data of one batcher transaction, or of one blob, at a time."""

    def __init__(self, source: L1BlockSource, provider: L1Provider, batch_inbox: Address) -> None:
        self._source = source
        self._provider = provider
        self._batch_inbox = batch_inbox
        self._items: list[_Item] = []

    def next_data(self) -> bytes | None:
        """The next data, None when the L1 block has no more.

        Raises L1DataMissing for a blob that is not here yet; call again when it is.
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
            batcher = self._source.system_config.batcher_address
            self._items = list(_batcher_items(block, self._batch_inbox, batcher))

    def _read(self, item: _Item) -> bytes | None:
        """The bytes of an item, None for a blob that is not in the encoding of batchers."""
        if isinstance(item, bytes):
            return item
        ref, versioned_hash = item
        # Asked for anew: blobs may come in after the block.
        blob = self._provider.block_by_hash(ref.hash).blobs.get(versioned_hash)
        if blob is None:
            raise L1DataMissing(block_hash=ref.hash, versioned_hash=versioned_hash)
        try:
            return decode_blob(blob)
        except DecodeError as error:
            _log.warning("%s: blob 0x%s dropped: %s", ref, versioned_hash.hex(), error)
            return None


def _batcher_items(block: L1Block, inbox: Address, batcher: Address) -> Iterator[_Item]:
    for tx in block.transactions:
        if not _is_from_batcher(tx, inbox, batcher):
            continue
        if isinstance(tx, BlobTransaction):
            for versioned_hash in tx.blob_versioned_hashes:
                yield block.ref, versioned_hash
        else:
            yield tx.data


def _is_from_batcher(tx: Transaction, inbox: Address, batcher: Address) -> bool:
    if tx.to != inbox or isinstance(tx, SetCodeTransaction):
        return False
    try:
        return recover_sender(tx) == batcher
    except InvalidSignature:
        return False
