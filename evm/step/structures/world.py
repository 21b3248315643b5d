"""The world map: what a block has touched of the world so far, as a binary tree over hashed keys.

Its entries are accounts, slots, transient slots and codes. Nothing is ever removed; what a failed
frame has put there is gone with the root that it had. Knows no trie and no opcode.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Self, TypeVar

from chain.account import EMPTY_CODE_HASH
from chain.crypto.keccak import keccak256
from chain.trie import EMPTY_ROOT

from ..errors import WitnessError
from ..names import NOTHING, U8, U32, U64, HashField, Name, Node, Raw, Record, Ref, Word, name_of

if TYPE_CHECKING:
    from ..opener import Opener

KEY_BITS: Final = 256


# -- entries --------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Account(Record):
    """An account. `warm`, `created`, `destroyed` hold a transaction's number, 0 for never."""

    nonce: U64
    balance: Word
    code_hash: HashField
    storage_root: HashField
    generation: U32
    exists: U8
    warm: U32
    created: U32
    destroyed: U32

    @property
    def is_empty(self) -> bool:
        """Nonce 0, balance 0 and no code (EIP-161)."""
        return not (self.nonce or self.balance) and self.code_hash == EMPTY_CODE_HASH


NO_ACCOUNT: Final = Account(0, 0, EMPTY_CODE_HASH, EMPTY_ROOT, 0, 0, 0, 0, 0)


@dataclass(slots=True, eq=False)
class Slot(Record):
    """A slot: its value now; its value when transaction `original_in` began, if that is the one."""

    value: Word
    original: Word
    original_in: U32
    warm: U32

    def original_at(self, transaction: int) -> int:
        """The value with which that transaction, the current one, has found it (EIP-2200)."""
        return self.original if self.original_in == transaction else self.value


@dataclass(slots=True, eq=False)
class TransientSlot(Record):
    """A transient slot of one transaction (EIP-1153)."""

    value: Word


@dataclass(slots=True, eq=False)
class Code(Record):
    """A code as a tree of chunks."""

    root: Ref
    length: U32


@lru_cache(maxsize=1 << 16)
def _key(preimage: bytes) -> Raw:
    key = Raw(preimage)
    key._name = keccak256(preimage)
    return key


def account_key(address: bytes) -> Raw:
    """Where an account lies."""
    return _key(b"\x01" + address)


def slot_key(address: bytes, generation: int, slot: int) -> Raw:
    """Where a slot of an account's life lies."""
    return _key(b"\x02" + address + generation.to_bytes(4, "big") + slot.to_bytes(32, "big"))


def transient_key(transaction: int, address: bytes, slot: int) -> Raw:
    """Where a transient slot lies."""
    return _key(b"\x03" + transaction.to_bytes(4, "big") + address + slot.to_bytes(32, "big"))


def code_key(code_hash: bytes) -> Raw:
    """Where a code lies."""
    return _key(b"\x04" + code_hash)


# -- the tree -------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Subtree(Node):
    """A node of the map; its first byte says which kind."""

    SIZE: ClassVar[int] = 65

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """An entry's leaf or a fork. Raises WitnessError."""
        kind = _SUBTREES.get(data[0])
        if kind is None:
            raise WitnessError(f"world map: a node begins with {data[0]:#04x}, expected 0 or 1")
        return kind(data[1:33], data[33:])  # type: ignore[return-value]


@dataclass(slots=True, eq=False)
class Leaf(Subtree):
    """A subtree with one entry: `H(0x00 ‖ key ‖ value)`."""

    key: bytes
    value: Name

    def encode(self) -> bytes:
        """65 bytes."""
        return b"\x00" + self.key + name_of(self.value)

    def parts(self) -> Iterable[Name]:
        """The entry."""
        return (self.value,)


@dataclass(slots=True, eq=False)
class Fork(Subtree):
    """A subtree with more: `H(0x01 ‖ left ‖ right)`."""

    left: Name
    right: Name

    def encode(self) -> bytes:
        """65 bytes."""
        return b"\x01" + name_of(self.left) + name_of(self.right)

    def parts(self) -> Iterable[Name]:
        """Both halves."""
        return (self.left, self.right)


_SUBTREES: Final[dict[int, type[Leaf] | type[Fork]]] = {0: Leaf, 1: Fork}
Entry = TypeVar("Entry", bound=Record)


class Place(Generic[Entry]):
    """Where a key lies or would lie: the way there, and the entry or None.

    `put` gives the map with another entry there; it holds for the map that was looked into only.
    """

    __slots__ = ("_bits", "_other", "_way", "entry", "key")

    def __init__(
        self, key: bytes, bits: int, way: list[Fork], other: Leaf | None, entry: Entry | None
    ) -> None:
        self.key = key
        self._bits = bits
        self._way = way
        self._other = other
        self.entry = entry

    @property
    def found(self) -> Entry:
        """The entry, which whoever asks knows to be there."""
        if self.entry is None:
            raise ValueError(f"the world map has no entry 0x{self.key.hex()}")
        return self.entry

    def put(self, entry: Entry) -> Name:
        """The root of the map with this entry."""
        tree: Name = Leaf(self.key, entry)
        bits, depth = self._bits, len(self._way)
        if self._other is not None:
            tree = self._branched(tree, self._other, depth)
        for fork in reversed(self._way):
            depth -= 1
            is_right = bits >> (255 - depth) & 1
            tree = Fork(fork.left, tree) if is_right else Fork(tree, fork.right)
        return tree

    def _branched(self, leaf: Name, other: Leaf, depth: int) -> Name:
        """Both leaves below forks with empty siblings, down to the first bit that differs."""
        others = int.from_bytes(other.key, "big")
        last = KEY_BITS - (others ^ self._bits).bit_length()
        tree = Fork(other, leaf) if self._bits >> (255 - last) & 1 else Fork(leaf, other)
        for level in range(last - 1, depth - 1, -1):
            is_right = self._bits >> (255 - level) & 1
            tree = Fork(NOTHING, tree) if is_right else Fork(tree, NOTHING)
        return tree


def find(opener: Opener, root: Name, key: Raw, kind: type[Entry]) -> Place[Entry]:
    """Open the way to a key and, if it is there, its entry."""
    name = key.name
    bits = int.from_bytes(name, "big")
    way: list[Fork] = []
    tree, shift = root, 255
    while isinstance(tree, Node) or tree != NOTHING:
        node = opener.open(tree, Subtree)
        if isinstance(node, Fork):
            way.append(node)
            tree = node.right if bits >> shift & 1 else node.left
            shift -= 1
            continue
        assert isinstance(node, Leaf)  # noqa: S101 - Subtree.decode makes no third kind
        if node.key == name:
            return Place(name, bits, way, None, opener.open(node.value, kind))
        return Place(name, bits, way, node, None)
    return Place(name, bits, way, None, None)
