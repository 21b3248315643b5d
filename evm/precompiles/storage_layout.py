"""Typed fields over the raw slots of a frame.

A record class names its fields once, with the slot and the byte where each lies:

    class Contribution(Record):
        contributor = AddressField(slot=0)
        row_count = UintField(slot=0, offset=20, size=8)
        content_root = Bytes32Field(slot=1)

and then reads and writes like an object: `Contribution(frame, base).row_count`. Small fields share
a slot as in Solidity: the first lies in the lowest bytes. Each access goes through `Frame.sload`
and `Frame.sstore`, which charge for it; nothing is cached. It knows no precompile.
"""

from __future__ import annotations

from typing import Self, overload

from chain.types import Address, Hash32

from .frame import Frame, PrecompileRevert


class Record:
    """A group of slots that starts at `base`, in the storage of the frame's precompile."""

    __slots__ = ("base", "frame")

    def __init__(self, frame: Frame, base: int = 0) -> None:
        self.frame = frame
        self.base = base

    def slot(self, number: int) -> int:
        """Absolute slot of the record's slot `number`; wraps as the EVM's ADD does."""
        return (self.base + number) % 2**256


class _Field:
    """Bytes `offset` to `offset + size` of one slot, counted from the lowest byte."""

    __slots__ = ("_mask", "_shift", "_slot", "name", "owner", "size")

    def __init__(self, *, slot: int, offset: int = 0, size: int = 32) -> None:
        self._slot = slot
        self._shift = 8 * offset
        self._mask = (1 << 8 * size) - 1
        self.size = size

    def __set_name__(self, owner: type[Record], name: str) -> None:
        self.owner = owner.__name__
        self.name = name

    def load(self, record: Record) -> int:
        """Read the field as an integer: one sload."""
        return (record.frame.sload(record.slot(self._slot)) >> self._shift) & self._mask

    def store(self, record: Record, value: int) -> None:
        """Write the field: one sstore, and an sload before it where others share the slot.

        Raises PrecompileRevert where the value does not fit.
        """
        if not 0 <= value <= self._mask:
            raise PrecompileRevert(
                f"{self.owner}.{self.name}: {value} does not fit in {8 * self.size} bits"
            )
        slot = record.slot(self._slot)
        if self.size == 32:
            record.frame.sstore(slot, value)
            return
        others = record.frame.sload(slot) & ~(self._mask << self._shift)
        record.frame.sstore(slot, others | value << self._shift)


class UintField(_Field):
    """An unsigned integer of `size` bytes."""

    __slots__ = ()

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> int: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | int:
        """Read the field, or the descriptor itself on the class."""
        return self if record is None else self.load(record)

    def __set__(self, record: Record, value: int) -> None:
        """Write the field. Raises PrecompileRevert where the value does not fit."""
        self.store(record, value)


class BoolField(_Field):
    """One byte: 0 or 1."""

    __slots__ = ()

    def __init__(self, *, slot: int, offset: int = 0) -> None:
        super().__init__(slot=slot, offset=offset, size=1)

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> bool: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | bool:
        """Read the field, or the descriptor itself on the class."""
        return self if record is None else self.load(record) != 0

    def __set__(self, record: Record, value: bool) -> None:
        """Write the field."""
        self.store(record, int(value))


class AddressField(_Field):
    """Twenty bytes: an account."""

    __slots__ = ()

    def __init__(self, *, slot: int, offset: int = 0) -> None:
        super().__init__(slot=slot, offset=offset, size=20)

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> Address: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | Address:
        """Read the field, or the descriptor itself on the class."""
        return self if record is None else Address(self.load(record).to_bytes(20, "big"))

    def __set__(self, record: Record, value: Address) -> None:
        """Write the field."""
        self.store(record, int.from_bytes(value, "big"))


class Bytes32Field(_Field):
    """A whole slot of bytes: a hash or a root."""

    __slots__ = ()

    def __init__(self, *, slot: int) -> None:
        super().__init__(slot=slot)

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> Hash32: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | Hash32:
        """Read the field, or the descriptor itself on the class."""
        return self if record is None else Hash32(self.load(record).to_bytes(32, "big"))

    def __set__(self, record: Record, value: Hash32) -> None:
        """Write the field."""
        self.store(record, int.from_bytes(value, "big"))
