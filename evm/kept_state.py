"""The states that a store still has, by block; where one is not kept any more, the reason.

A pruning store may drop a state while somebody reads it: what is missing then is told as what it
is. Knows nothing of when a store drops what.
"""

from __future__ import annotations

from chain.block import Header
from chain.state import StateReader
from chain.storage import ChainStore
from chain.trie import EMPTY_ROOT

from .errors import StateNotAvailable, UnknownBlock


def reader_at(store: ChainStore, header: Header) -> StateReader:
    """What reads the state at the end of a block.

    Raises StateNotAvailable where it has been dropped, at once or in the middle of reading, and
    UnknownBlock where its root is not there for another reason.
    """
    reader: StateReader = store
    if store.retention is not None or store.first_state:
        reader = pruned = _ReaderAt(store, header)
        pruned.check()
    root = header.state_root
    if root != EMPTY_ROOT and reader.node(root) is None:
        raise UnknownBlock(
            f"block {header.number} (0x{header.hash.hex()}): no state for root 0x{root.hex()}"
        )
    return reader


class _ReaderAt:
    """A store's nodes and codes, read on behalf of one block."""

    __slots__ = ("_header", "_store")

    def __init__(self, store: ChainStore, header: Header) -> None:
        self._store = store
        self._header = header

    def check(self) -> None:
        """Raise StateNotAvailable unless the state is kept."""
        store, header = self._store, self._header
        if store.keeps_state(header):
            return
        heads = store.heads()
        last = header.number if heads is None else heads.unsafe.number
        raise StateNotAvailable(
            header.number, header.hash, header.state_root, store.first_state, last
        )

    def node(self, node_hash: bytes, /) -> bytes | None:
        """Return a trie node by its hash, or None."""
        data = self._store.node(node_hash)
        if data is None:
            self.check()
        return data

    def code(self, code_hash: bytes, /) -> bytes | None:
        """Return contract code by its hash, or None."""
        data = self._store.code(code_hash)
        if data is None:
            self.check()
        return data
