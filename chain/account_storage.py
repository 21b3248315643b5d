"""The slots of one account between two wipes, over a trie of their own.

Flat dictionaries in front of the trie: what a slot holds now, held when the transaction began, and
holds in the trie. Undoing, warm slots and wipes are the State's matter (`state.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from .crypto.keccak import keccak256
from .errors import DecodeError
from .rlp import encode, encode_int
from .trie import EMPTY_ROOT, Trie
from .types import Address, Hash32


@lru_cache(maxsize=1 << 16)
def slot_key(slot: int) -> Hash32:
    """Where a slot lies in the trie."""
    return keccak256(slot.to_bytes(32, "big"))


class Nodes(Protocol):
    """Where the trie's nodes come from."""

    get: Callable[[bytes], bytes | None]


class AccountStorage:
    """Slots of an account.

    Attributes:
        hot: slots that the running transaction has accessed as EIP-2929 means it, with what they
            hold now. Machines read it before they ask for anything.
        values: what slots hold now, as far as read or written.
        originals: at the start of the transaction, of changed slots.
        base: the storage that a wipe in this transaction put this one in the place of.
        root: of the trie, when it was last flushed.
        stored_root: the root last handed out for storing.
        wiped: root of the stored storage that this one took the place of.

    """

    __slots__ = (
        "_changed", "_dirty", "address", "base", "hot", "originals", "root", "stored_root", "trie",
        "values", "wiped",
    )  # fmt: skip

    def __init__(self, address: Address, nodes: Nodes, root: Hash32, dirty: set[Address]) -> None:
        """`dirty` are the State's accounts whose storage the tries do not show yet."""
        self.address = address
        self._dirty = dirty
        self.root = root
        self.stored_root = root
        self.wiped = EMPTY_ROOT
        self.base: AccountStorage | None = None
        self.trie = Trie(nodes, root, owner=address)
        self.hot: dict[int, int] = {}
        self.values: dict[int, int] = {}
        self.originals: dict[int, int] = {}
        self._changed: dict[int, int] = {}  # what the trie holds, of slots that may differ from it

    def read(self, slot: int) -> int:
        """What a slot holds. Raises MissingNode and DecodeError."""
        value = self.values.get(slot)
        if value is None:
            value = self.values[slot] = self._load(slot)
        return value

    def _load(self, slot: int) -> int:
        data = self.trie.get(slot_key(slot))
        if data is None:
            return 0
        if data[0] < 0x80:
            return data[0]
        if len(data) != data[0] - 0x7F or len(data) > 33:
            raise DecodeError(
                f"storage of 0x{self.address.hex()}, slot {slot:#x}: 0x{data[:34].hex()} "
                "is not an integer of at most 32 bytes"
            )
        return int.from_bytes(data[1:], "big")

    def original(self, slot: int) -> int:
        """What a slot held when the transaction began, also where it was wiped since."""
        storage = self.base or self
        value = storage.originals.get(slot)
        return storage.read(slot) if value is None else value

    def restore(self, slot: int, value: int) -> None:
        """Set a slot that was read, and remember what the trie holds; also the undo of a write."""
        values = self.values
        changed = self._changed
        if slot not in changed:
            changed[slot] = values[slot]
        values[slot] = value
        if slot in self.hot:
            self.hot[slot] = value
        self._dirty.add(self.address)

    def begin_transaction(self) -> None:
        """Forget what lives as long as a transaction."""
        self.hot.clear()
        self.originals.clear()
        self.base = None

    def flush(self) -> None:
        """Write what differs into the trie and compute its root.

        Deletions come last: a branch that gets another child needs no sibling to merge with. So
        the nodes that are read are the fewest, whatever the order of the writes was.
        """
        cleared = []
        for slot, stored in list(self._changed.items()):
            value = self.values[slot]
            if value == stored:
                del self._changed[slot]
            elif value:
                self.trie.set(slot_key(slot), encode(encode_int(value)))
                del self._changed[slot]
            else:
                cleared.append(slot)
        for slot in cleared:
            self.trie.delete(slot_key(slot))
            del self._changed[slot]
        self.root = self.trie.root_hash()
