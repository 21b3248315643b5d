"""Items of a batch inbox: singular batches one after the other, without frames or compression.

    item = 0x02 ++ rlp(batch) ++ rlp(batch) ++ ...      each a byte string, a batch with its version

On a chain whose inbox is a contract, one item is what the batcher hands it in one call, and L1
reads items as we do (rollup/settlement/contracts/inputs): hence nothing here takes more than one
look from front to back. Source: docs/protocol/batch-inbox.md. Knows nothing of which batch fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from chain import abi, rlp
from chain.errors import DecodeError, EncodeError

from .batch import SINGULAR_BATCH_VERSION, SingularBatch, decode_batch

ITEM_VERSION: Final = 2
"""First byte of an item; 0 are frames and 1 commitments, which such an inbox does not read."""
MAX_ITEM_BYTES: Final = 120_000
"""So much goes into one L1 transaction beside its other fields, and L1 can read it in one more."""
MAX_ITEM_TRANSACTIONS: Final = 1_536
"""So many, of all batches of an item, L1 can look at in one transaction (EIP-7825)."""
MAX_ITEM_BATCHES: Final = 256
"""As above, beside so many transactions: eight minutes of blocks of a chain with two seconds a
block.
"""

_LONGEST_HEADER: Final = 4
_APPEND: Final = abi.selector("append(bytes)")


class ItemFull(EncodeError):
    """The batch does not fit into the item any more: close it and open the next."""


@dataclass(frozen=True, slots=True)
class ItemBatch:
    """A batch and the bytes of its item that it stands in."""

    batch: SingularBatch
    start: int
    end: int


class UnreadableBatch(DecodeError):
    """A batch that ends its item; `position` is where it begins."""

    def __init__(self, position: int, reason: str) -> None:
        self.position = position
        super().__init__(f"item byte {position}: {reason}")


def encode_item(batches: Iterable[SingularBatch]) -> bytes:
    """Join batches into an item. Raises ItemFull beyond the limits, EncodeError."""
    out = ItemOut()
    for batch in batches:
        out.add(batch)
    return out.close()


def encode_in_item(batch: SingularBatch) -> bytes:
    """The bytes of one batch in an item. Raises EncodeError."""
    return rlp.encode(batch.encode())


def is_item(data: bytes) -> bool:
    """Whether data are an item that is read: of our version, and not too long."""
    return data[:1] == bytes((ITEM_VERSION,)) and len(data) <= MAX_ITEM_BYTES


def decode_item(data: bytes) -> Iterator[ItemBatch]:
    """The batches of an item, in order.

    Raises DecodeError for what is no item, UnreadableBatch at the first batch that cannot be read.
    """
    if not is_item(data):
        raise DecodeError(f"item: {len(data)} bytes of version 0x{data[:1].hex()}, expected 0x02")
    position, left, count = 1, MAX_ITEM_TRANSACTIONS, 0
    while position < len(data):
        try:
            if count == MAX_ITEM_BATCHES:
                raise DecodeError(f"{MAX_ITEM_BATCHES} batches of an item are read, no more")
            end = rlp.item_end(data, position)
            batch = _decode_batch(rlp.decode_bytes(rlp.decode(data[position:end]), "batch"), left)
        except DecodeError as error:
            raise UnreadableBatch(position, str(error)) from error
        yield ItemBatch(batch, position, end)
        position, left, count = end, left - len(batch.transactions), count + 1


def _decode_batch(data: bytes, most: int) -> SingularBatch:
    if data[:1] != bytes((SINGULAR_BATCH_VERSION,)):
        raise DecodeError(f"batch: version 0x{data[:1].hex()}, an item has singular batches")
    batch = decode_batch(data)
    assert isinstance(batch, SingularBatch)  # noqa: S101 - of that version
    if len(batch.transactions) > most:
        raise DecodeError(
            f"batch: {len(batch.transactions)} transactions, {most} are left of the item's "
            f"{MAX_ITEM_TRANSACTIONS}"
        )
    return batch


def append_call(item: bytes) -> bytes:
    """The call of a BatchInbox that appends an item."""
    return _APPEND + abi.encode(("bytes",), (item,))


class ItemOut:
    """Writes batches into one item."""

    def __init__(self) -> None:
        self._item = bytearray((ITEM_VERSION,))
        self._transactions = self._batches = 0

    def size_bound_with(self, batch_bytes: int) -> int:
        """Most bytes of the item after one more encoded batch of so many bytes."""
        return len(self._item) + batch_bytes + _LONGEST_HEADER

    def add(self, batch: SingularBatch) -> None:
        """Append a batch. Raises ItemFull, and then has not."""
        more = encode_in_item(batch)
        if len(self._item) + len(more) > MAX_ITEM_BYTES:
            raise ItemFull(
                f"item of {len(self._item)} bytes: {len(more)} more are over {MAX_ITEM_BYTES}"
            )
        count = self._transactions + len(batch.transactions)
        if count > MAX_ITEM_TRANSACTIONS:
            raise ItemFull(f"item of {count} transactions, {MAX_ITEM_TRANSACTIONS} are read")
        if self._batches == MAX_ITEM_BATCHES:
            raise ItemFull(f"item of {self._batches} batches, no more are read")
        self._item += more
        self._batches += 1
        self._transactions = count

    def close(self) -> bytes:
        """The item."""
        return bytes(self._item)
