"""Names: everything that a state consists of is named by the Keccak-256 of its bytes.

A part is held as a `Node`, whose parts are known, or as 32 bytes, its bare name. A node is hashed
when its name is first asked for, and once. `Record` is a node whose bytes are its fields one after
the other. Knows no particular structure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self, TypeAlias, get_type_hints

from chain.crypto.keccak import keccak256

NAME_BYTES: Final = 32
NOTHING: Final = bytes(NAME_BYTES)
"""The name of nothing: an empty tree, an empty stack, no caller. It is never opened."""


@dataclass(slots=True, eq=False)
class Node:
    """Something with a name. It never changes once it is made; equality is identity."""

    SIZE: ClassVar[int] = 0
    """Length of its bytes; 0 where it differs from node to node."""
    _name: bytes | None = field(default=None, init=False, repr=False)

    @property
    def name(self) -> bytes:
        """Keccak-256 of its bytes."""
        return self._name or _hash_up(self)

    def encode(self) -> bytes:
        """Its bytes, in which its parts are names."""
        raise NotImplementedError

    def parts(self) -> Iterable[Name]:
        """The parts whose names are in its bytes."""
        raise NotImplementedError

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it from bytes of the right length. Raises WitnessError where they cannot be one."""
        raise NotImplementedError


Name: TypeAlias = bytes | Node
"""Something by its name, or something known."""


def name_of(part: Name) -> bytes:
    """The 32 bytes that name it."""
    return part if isinstance(part, bytes) else part._name or _hash_up(part)


def is_nothing(part: Name) -> bool:
    """Is it the name of nothing?"""
    return isinstance(part, bytes) and part == NOTHING


def _hash_up(node: Node) -> bytes:
    """Name a node and whatever is unnamed below it; no recursion, since chains are long."""
    waiting = [node]
    while waiting:
        top = waiting[-1]
        below = [part for part in top.parts() if type(part) is not bytes and part._name is None]  # type: ignore[union-attr]
        if below:
            waiting.extend(below)  # type: ignore[arg-type]
            continue
        waiting.pop()
        if top._name is None:
            top._name = keccak256(top.encode())
    return node.name


# -- records --------------------------------------------------------------------------------------


class Width(NamedTuple):
    """How a field stands in a record's bytes."""

    size: int
    kind: str


U8: TypeAlias = Annotated[int, Width(1, "unsigned")]
U16: TypeAlias = Annotated[int, Width(2, "unsigned")]
U32: TypeAlias = Annotated[int, Width(4, "unsigned")]
U64: TypeAlias = Annotated[int, Width(8, "unsigned")]
I64: TypeAlias = Annotated[int, Width(8, "signed")]
Word: TypeAlias = Annotated[int, Width(32, "unsigned")]
AddressField: TypeAlias = Annotated[bytes, Width(20, "bytes")]
HashField: TypeAlias = Annotated[bytes, Width(32, "bytes")]
Ref: TypeAlias = Annotated[bytes | Node, Width(32, "name")]


@dataclass(slots=True, eq=False)
class Record(Node):
    """A node whose bytes are its fields, each as wide as it is annotated."""

    def encode(self) -> bytes:
        """The fields one after the other."""
        pieces = []
        for attribute, size, kind in layout(type(self)).fields:
            value = getattr(self, attribute)
            if kind == "name":
                pieces.append(name_of(value))
            elif kind == "bytes":
                pieces.append(value)
            else:
                pieces.append(value.to_bytes(size, "big", signed=kind == "signed"))
        return b"".join(pieces)

    def parts(self) -> Iterable[Name]:
        """The fields that are names."""
        return [getattr(self, attribute) for attribute in layout(type(self)).names]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Cut bytes of the right length into fields."""
        values: list[Any] = []
        start = 0
        for _, size, kind in layout(cls).fields:
            piece = data[start : start + size]
            start += size
            if kind in ("name", "bytes"):
                values.append(piece)
            else:
                values.append(int.from_bytes(piece, "big", signed=kind == "signed"))
        return cls(*values)


class Layout(NamedTuple):
    """How a record's bytes are made up: name, width and kind of each field; names; bytes in all."""

    fields: tuple[tuple[str, int, str], ...]
    names: tuple[str, ...]
    size: int


_LAYOUTS: dict[type[Record], Layout] = {}


def layout(kind: type[Record]) -> Layout:
    """The layout of a record, read off its annotations once."""
    known = _LAYOUTS.get(kind)
    if known is None:
        hints = get_type_hints(kind, include_extras=True)
        names = [each.name for each in fields(kind) if each.init]
        widths = [(name, *hints[name].__metadata__[0]) for name in names]
        known = _LAYOUTS[kind] = Layout(
            tuple(widths),
            tuple([name for name, _, what in widths if what == "name"]),
            sum([size for _, size, _ in widths]),
        )
    return known


def size_of(kind: type[Node]) -> int:
    """Length of a node's bytes; 0 where it differs from node to node."""
    return layout(kind).size if issubclass(kind, Record) else kind.SIZE


# -- nodes of general use -------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Raw(Node):
    """Bytes that have no parts of ours: a trie node, a code, the preimage of a key."""

    data: bytes

    def encode(self) -> bytes:
        """The bytes."""
        return self.data

    def parts(self) -> Iterable[Name]:
        """None."""
        return ()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The bytes."""
        return cls(data)


@dataclass(slots=True, eq=False)
class Link(Record):
    """The newest link of a chain (journal, destroyed, logs, ...): what was before it, and an item.

    Empty: the name of nothing.
    """

    previous: Ref
    item: Ref
