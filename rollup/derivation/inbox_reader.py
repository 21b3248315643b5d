"""Stages 2 to 5 of a chain whose batch inbox is a contract: from its events to batches.

    L1Traversal → InboxReader → BatchProvider

The contract has seen to who may write; a transaction that failed has left no event. So nothing is
asked here of senders, and L1, when it proves what a block is made of, reads what we read.
Source: docs/protocol/batch-inbox.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from chain import abi
from chain.errors import DecodeError
from rollup.wire.inbox_item import UnreadableBatch, decode_item, is_item

from .journal import ByteRange, DataSource, Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from chain.receipt import Log
    from chain.types import Address
    from rollup.l1.provider import L1Block
    from rollup.wire.batch import SingularBatch
    from rollup.wire.inbox_item import ItemBatch

BATCHES: Final = abi.event_topic("Batches(uint256,bytes)")
"""The event of the BatchInbox: index of the item, and the item."""


@dataclass(frozen=True, slots=True)
class InboxBatch:
    """A batch and where it came from; `timestamp` is the time of its L2 block, in seconds."""

    batch: SingularBatch
    place: ByteRange

    @property
    def timestamp(self) -> int:
        """Time of its L2 block."""
        return self.batch.timestamp

    @property
    def subject(self) -> Subject:
        """The batch as the journal names it."""
        return Subject(self.place, timestamp=self.timestamp)


@dataclass(frozen=True, slots=True)
class InboxItem:
    """An item and the event that it came in."""

    source: DataSource
    index: int
    data: bytes


class L1BlockSource(Protocol):
    """What this stage needs of L1 traversal."""

    def next_block(self) -> L1Block | None:
        """The L1 block to read, None when it has been handed out."""
        ...


def items_of(block: L1Block, inbox: Address) -> Iterator[InboxItem]:
    """The items that a block brought, in order. Raises DecodeError where that is no BatchInbox."""
    for position, (tx, receipt) in enumerate(zip(block.transactions, block.receipts, strict=True)):
        for log in receipt.logs:
            if log.address == inbox and log.topics[:1] == (BATCHES,):
                yield _item(log, DataSource(block.ref, tx.hash, position))


def _item(log: Log, source: DataSource) -> InboxItem:
    if len(log.topics) != 2:
        raise DecodeError(f"{source}: event of {len(log.topics)} topics, a BatchInbox writes 2")
    (data,) = abi.decode(("bytes",), log.data)
    return InboxItem(source, int.from_bytes(log.topics[1], "big"), data)


class InboxReader:
    """Hands out the batches of the L1 block that is being read, in order."""

    def __init__(self, source: L1BlockSource, inbox: Address, journal: Journal) -> None:
        self._source = source
        self._inbox = inbox
        self._journal = journal
        self._batches: Iterator[InboxBatch] = iter(())

    def next_batch(self) -> InboxBatch | None:
        """The next batch that can be read, None when the L1 block has no more."""
        while True:
            found = next(self._batches, None)
            if found is not None:
                return found
            block = self._source.next_block()
            if block is None:
                return None
            self._batches = self._batches_of(block)

    def drop_channel(self) -> None:
        """Nothing: batches stand by themselves, a bad one takes no other with it."""

    def _batches_of(self, block: L1Block) -> Iterator[InboxBatch]:
        for item in items_of(block, self._inbox):
            if not is_item(item.data):
                whole = ByteRange(item.source, 0, len(item.data))
                self._journal.note(Rule.ITEM_VERSION, Subject(whole))
                continue
            yield from self._batches_in(item)

    def _batches_in(self, item: InboxItem) -> Iterator[InboxBatch]:
        batches: Iterator[ItemBatch] = decode_item(item.data)
        while True:
            try:
                found = next(batches, None)
            except UnreadableBatch as error:
                rest = ByteRange(item.source, error.position, len(item.data))
                self._journal.note(Rule.ITEM_UNREADABLE, Subject(rest), str(error))
                return
            if found is None:
                return
            yield InboxBatch(found.batch, ByteRange(item.source, found.start, found.end))
