"""Transactions of batches that gave blocks of deposits alone, kept by the block's hash.

L1 computes what such a block is made of with all the batch's transactions; that one of them is
invalid shows in the steps. The block itself has forgotten them, so whoever derives it keeps them
for the disputes about it. Only a batcher's mistake makes any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from chain import rlp
from chain.types import Hash32

_PREFIX: Final = "rollup/refused/"


class MetaStore(Protocol):
    """A place that keeps small values through a restart; ChainStore is one."""

    def meta(self, name: str, /) -> bytes | None:
        """The value, None when there is none."""
        ...

    def put_meta(self, name: str, value: bytes, /) -> None:
        """Keep a value under that name."""
        ...


def keep_refused(store: MetaStore, block_hash: Hash32, transactions: Sequence[bytes]) -> None:
    """Remember what gave way to a block of deposits alone, or that nothing did."""
    name, value = _PREFIX + block_hash.hex(), rlp.encode(list(transactions))
    # The same block may come of another batch after a reorg of L1; mostly nothing is there.
    if transactions or store.meta(name) is not None:
        store.put_meta(name, value)


def refused_of(store: MetaStore, block_hash: Hash32) -> tuple[bytes, ...]:
    """The transactions that stand behind the block's deposits in its batch, but not in it."""
    value = store.meta(_PREFIX + block_hash.hex())
    if value is None:
        return ()
    found = rlp.decode(value)
    assert isinstance(found, list)  # noqa: S101 - as it was kept
    return tuple(bytes(each) for each in found if isinstance(each, bytes))
