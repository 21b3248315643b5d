"""What happened on the chain, told to filters and subscriptions.

The hub compares the head it last told about with the engine's head, so it needs no help to notice
a reorg: it walks both back to their common ancestor. It lives on the event loop; it does not know
who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chain.block import Block, Header
from chain.receipt import Receipt
from chain.transaction import Transaction
from chain.types import Address, Hash32

_LONGEST_WALK_BLOCKS = 10_000


class ChainReader(Protocol):
    """What the hub reads of a chain."""

    def head(self) -> Header:
        """The newest header."""

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        """A header, canonical or not."""

    def block_with_receipts(self, block_hash: Hash32) -> tuple[Block, Sequence[Receipt]] | None:
        """A block and its receipts, canonical or not."""


@dataclass(frozen=True, slots=True)
class HeadChange:
    """Blocks that left the canonical chain (newest first) and blocks that joined it (oldest
    first).
    """

    dropped: tuple[Header, ...]
    added: tuple[Header, ...]


class EventHub:
    """Tells listeners about head changes and pending transactions."""

    def __init__(self, reader: ChainReader) -> None:
        """Start at the present head: what is there already is not news."""
        self._reader = reader
        self._told = reader.head()
        self.on_head: list[Callable[[HeadChange], None]] = []
        self.on_pending: list[Callable[[Transaction, Address], None]] = []

    def announce_head(self) -> None:
        """Compare with the engine's head and tell the difference; call after every commit."""
        head = self._reader.head()
        if head.hash == self._told.hash:
            return
        change = self._difference(self._told, head)
        self._told = head
        for listener in list(self.on_head):
            listener(change)

    def announce_pending(self, transaction: Transaction, sender: Address) -> None:
        """Tell that the pool took a transaction."""
        for listener in list(self.on_pending):
            listener(transaction, sender)

    def _difference(self, old: Header, new: Header) -> HeadChange:
        dropped: list[Header] = []
        added: list[Header] = []
        left: Header | None = old
        right: Header | None = new
        for _ in range(_LONGEST_WALK_BLOCKS):
            if left is None or right is None or left.hash == right.hash:
                break
            if right.number > left.number:
                added.append(right)
                right = self._reader.header_by_hash(right.parent_hash)
            else:
                dropped.append(left)
                left = self._reader.header_by_hash(left.parent_hash)
        return HeadChange(tuple(dropped), tuple(reversed(added)))
