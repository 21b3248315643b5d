"""What differs between two states of the step machine, field by field, in words.

The states share most of their nodes, so whatever has the same name on both sides is passed over.
Both have to be at hand as a trace has them; a bare commitment has no fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chain.types import Address, checksum_address

from .step.block_records import (
    BlockRest,
    Claim,
    Compression,
    Job,
    Prices,
    Progress,
    ReceiptWork,
    Recount,
    Sealing,
    SealStage,
    Stage,
)
from .step.names import (
    NOTHING,
    Link,
    Name,
    Node,
    Raw,
    Record,
    is_nothing,
    layout,
    name_of,
)
from .step.opener import LiveOpener
from .step.state import (
    Block,
    Call,
    Context,
    Copy,
    Effects,
    Frame,
    Hashing,
    Load,
    Log,
    Message,
    Outcome,
    Phase,
    State,
    Then,
    Transaction,
)
from .step.structures.stack import Item
from .step.structures.world import Account, Code, Fork, Leaf, Slot, Subtree

_LONGEST_DECIMAL: Final = 10**30
_ACCOUNT_KEY, _SLOT_KEY = 1, 2
_PENDING: Final[dict[int, type[Record]]] = {
    Phase.SYSTEM_CALL: Outcome,
    Phase.TRANSACTION_BEGIN: Job,
    Phase.TRANSACTION_END: Outcome,
    Phase.BLOCK_END: Sealing,
    Phase.COPY: Copy,
    Phase.HASH: Hashing,
    Phase.ENTER: Message,
    Phase.LEAVE: Outcome,
    Phase.LOAD: Load,
}
_PARTS: Final[dict[tuple[type[Record], str], type[Record]]] = {
    (Context, "block"): Block,
    (Context, "transaction"): Transaction,
    (Block, "rest"): BlockRest,
    (Transaction, "rest"): Progress,
    (Progress, "job"): Job,
    (Progress, "prices"): Prices,
    (Job, "compression"): Compression,
    (Job, "receipt"): ReceiptWork,
    (Frame, "call"): Call,
}
"""Fields that name a record of which more can be said than its name."""
_CHAINS: Final = frozenset(
    {
        (Effects, "journal"), (Effects, "destroyed"), (Effects, "logs"),
        (Progress, "left"), (Progress, "transactions"), (Progress, "receipts"),
        (ReceiptWork, "logs"), (Sealing, "chain"), (Recount, "left"),
    }
)  # fmt: skip
_UNSAID: Final = frozenset({(Call, "entry_effects"), (Call, "parent")})
_FIRST: Final = (
    "slot", "balance", "nonce of", "log: address", "output root", "base fee", "header hash",
    "receipts root", "transactions left", "transaction count", "data fee", "gas", "state root",
)  # fmt: skip
_TITLES: Final[dict[tuple[type[Record], str], str]] = {
    (Progress, "left"): "transactions left",
    (Progress, "done"): "transactions done",
}
_MARKS: Final = ("warm", "original", "original_in")
"""Fields of entries that are said only where nothing else differs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, with its value on the one side and on the other."""

    what: str
    old: str
    new: str


def differences(old: State, new: State, opener: LiveOpener) -> list[Difference]:
    """All that differs, what people ask for first."""
    found = list(_Comparison(opener, old, new).all())
    return sorted(found, key=lambda each: _rank(each.what))


def _rank(what: str) -> int:
    """The world and money, then how the machine stands, then its bookkeeping."""
    for place, name in enumerate(_FIRST):
        if what == name or what.startswith(name + " "):
            return place
    is_last = what in ("journal", "stack size", "phase", "stage")
    return len(_FIRST) + is_last


def word(value: int) -> str:
    """A number as people read it: long ones are mostly no numbers."""
    return str(value) if value < _LONGEST_DECIMAL else f"0x{value:064x}"


def account(address: bytes) -> str:
    """An address with its checksum."""
    return checksum_address(Address(address))


class _Comparison:
    """Two states, and the keys of the world map that they know the preimages of."""

    def __init__(self, opener: LiveOpener, old: State, new: State) -> None:
        self._opener = opener
        self._old, self._new = old, new

    def all(self) -> Iterator[Difference]:
        old, new = self._old, self._new
        if old.phase != new.phase:
            yield Difference("phase", phase_name(old.phase), phase_name(new.phase))
        yield from self._pending()
        yield from self._parts("", Context, old.context, new.context)
        yield from self._effects(old.effects, new.effects)
        yield from self._frame(old.frame, new.frame)

    def _pending(self) -> Iterator[Difference]:
        old, new = self._old, self._new
        if name_of(old.pending) == name_of(new.pending):
            return
        if new.phase in (Phase.VALID, Phase.INVALID):
            before = _hex(old.pending) if old.phase in (Phase.VALID, Phase.INVALID) else "none"
            yield Difference("output root", before, _hex(new.pending))
            return
        kind = _PENDING.get(new.phase)
        if kind is None:
            return
        before_ = old.pending if _PENDING.get(old.phase) is kind else NOTHING
        yield from self._parts("", kind, before_, new.pending)

    # -- records ----------------------------------------------------------------------------------

    def _parts(self, path: str, kind: type[Record], old: Name, new: Name) -> Iterator[Difference]:
        """Two records by name; nothing is a record of nothing."""
        if name_of(old) == name_of(new):
            return
        if is_nothing(new):
            yield Difference((path or _title(kind)).strip(), "there", "none")
            return
        before = None if is_nothing(old) else self._opener.open(old, kind)
        yield from self._records(path, before, self._opener.open(new, kind))

    def _records(self, path: str, old: Record | None, new: Record) -> Iterator[Difference]:
        kind = type(new)
        for field, _, what in layout(kind).fields:
            if (kind, field) in _UNSAID:
                continue
            value = getattr(new, field)
            before = getattr(old, field) if old is not None else None
            title = path + _TITLES.get((kind, field), _words(field))
            if field == "stage":
                if before != value:
                    stood = "none" if before is None else _stage_name(kind, before)
                    yield Difference(title, stood, _stage_name(kind, value))
            elif what == "name":
                yield from self._names(kind, field, title, NOTHING if before is None else before,
                                       value)  # fmt: skip
            elif before is None:
                if value not in (0, bytes(len(value)) if isinstance(value, bytes) else 0):
                    yield Difference(title, "none", _value(value))
            elif before != value:
                yield Difference(title, _value(before), _value(value))

    def _names(
        self, kind: type[Record], field: str, title: str, old: Name, new: Name
    ) -> Iterator[Difference]:
        if name_of(old) == name_of(new):
            return
        part = _PARTS.get((kind, field))
        if part is not None:
            yield from self._parts("", part, old, new)
        elif (kind, field) == (Frame, "stack"):
            yield Difference("top of the stack", self._top(old), self._top(new))
        elif (kind, field) in _CHAINS:
            yield from self._chain(title, old, new)
        elif kind is Copy and field == "next" and self._new_copy_is_of_a_log():
            yield from self._parts("log: ", Log, old, new)
        else:
            yield Difference(title, _hex(old), _hex(new))

    def _top(self, stack: Name) -> str:
        return "none" if is_nothing(stack) else word(self._opener.open(stack, Item).word)

    def _new_copy_is_of_a_log(self) -> bool:
        copy = self._opener.open(self._new.pending, Copy)
        return copy.then == Then.LOG

    def _chain(self, title: str, old: Name, new: Name) -> Iterator[Difference]:
        """Chains differ at their newest end."""
        before = None if is_nothing(old) else self._opener.open(old, Link)
        after = None if is_nothing(new) else self._opener.open(new, Link)
        if after is not None and name_of(after.previous) == name_of(old):
            yield Difference(title, "as they were", f"with {self._item(title, after.item)}")
        elif before is not None and name_of(before.previous) == name_of(new):
            yield Difference(title, f"with {self._item(title, before.item)}", "without it")
        elif before is not None and after is not None:
            if title == "logs" and name_of(before.previous) == name_of(after.previous):
                yield from self._parts("log: ", Log, before.item, after.item)
            else:
                yield Difference(
                    title, self._item(title, before.item), self._item(title, after.item)
                )
        else:
            yield Difference(title, _hex(old), _hex(new))

    def _item(self, title: str, item: Name) -> str:
        if title == "logs":
            log = self._opener.open(item, Log)
            return f"a log of {account(log.address)}, {log.topic_count} topics"
        if title == "journal" and isinstance(item, Raw):
            return key_name(item.data) or _hex(item)
        return _hex(item)

    # -- frame and effects ------------------------------------------------------------------------

    def _frame(self, old: Name, new: Name) -> Iterator[Difference]:
        if name_of(old) == name_of(new):
            return
        if is_nothing(old) or is_nothing(new):
            yield Difference("frame", *("none" if is_nothing(each) else "there"
                                        for each in (old, new)))  # fmt: skip
            return
        before, after = (self._opener.open(each, Frame) for each in (old, new))
        yield from self._records("", before, after)

    def _effects(self, old: Name, new: Name) -> Iterator[Difference]:
        if name_of(old) == name_of(new) or is_nothing(new):
            return
        after = self._opener.open(new, Effects)
        before = Effects(NOTHING, NOTHING, NOTHING, NOTHING, 0, 0)
        if not is_nothing(old):
            before = self._opener.open(old, Effects)
        yield from self._world(before, after)
        for field, _, what in layout(Effects).fields:
            old_value, value = getattr(before, field), getattr(after, field)
            if field == "world":
                continue
            if what == "name":
                yield from self._names(Effects, field, _words(field), old_value, value)
            elif old_value != value:
                yield Difference(_words(field), _value(old_value), _value(value))

    # -- world ------------------------------------------------------------------------------------

    def _world(self, before: Effects, after: Effects) -> Iterator[Difference]:
        entries = list(self._entries(before.world, after.world))
        if not entries:
            return
        known = self._keys(before.journal) | self._keys(after.journal)
        for key, old, new in entries:
            yield from self._entry(known.get(key, b""), old, new)

    def _entries(self, old: Name, new: Name) -> Iterator[tuple[bytes, Name | None, Name | None]]:
        """Entries that differ: key, and the entry on both sides."""
        left, right = self._leaves(old, new), self._leaves(new, old)
        for key in left.keys() | right.keys():
            if name_of(left.get(key, NOTHING)) != name_of(right.get(key, NOTHING)):
                yield key, left.get(key), right.get(key)

    def _leaves(self, tree: Name, other: Name) -> dict[bytes, Name]:
        """Entries of a map below what it has not in common with another one."""
        found: dict[bytes, Name] = {}
        waiting = [(tree, other)]
        while waiting:
            mine, theirs = waiting.pop()
            if is_nothing(mine) or name_of(mine) == name_of(theirs):
                continue
            node = self._opener.open(mine, Subtree)
            if isinstance(node, Leaf):
                found[node.key] = node.value
                continue
            assert isinstance(node, Fork)  # noqa: S101 - Subtree.decode makes no third kind
            below = NOTHING if is_nothing(theirs) else self._opener.open(theirs, Subtree)
            if isinstance(below, Fork):
                waiting += [(node.left, below.left), (node.right, below.right)]
            else:
                waiting += [(node.left, NOTHING), (node.right, NOTHING)]
        return found

    def _keys(self, journal: Name) -> dict[bytes, bytes]:
        """Preimages of the keys that were put into the map, as far as they are at hand."""
        found: dict[bytes, bytes] = {}
        while isinstance(journal, Link):
            if isinstance(journal.item, Node):
                found[journal.item.name] = journal.item.encode()
            journal = journal.previous
        return found

    def _entry(self, key: bytes, old: Name | None, new: Name | None) -> Iterator[Difference]:
        kind = {_ACCOUNT_KEY: Account, _SLOT_KEY: Slot}.get(key[0] if key else 0)
        if kind is None:
            yield Difference("an entry of the world map", _entry_text(old), _entry_text(new))
            return
        before = None if old is None else self._opener.open(old, kind)
        after = None if new is None else self._opener.open(new, kind)
        if after is None or before is None:
            yield Difference(key_name(key), *(_summary(each) for each in (before, after)))
            return
        fields = [field for field, _, _ in layout(kind).fields
                  if getattr(before, field) != getattr(after, field)]  # fmt: skip
        for field in [each for each in fields if each not in _MARKS] or fields:
            values = (_value(getattr(each, field)) for each in (before, after))
            title = f"{_words(field)} of {key_name(key)}"
            yield Difference(key_name(key) if field == "value" else title, *values)


def phase_name(phase: int) -> str:
    """A phase as the documents write it."""
    return Phase(phase).name.lower().replace("_", " ")


def key_name(key: bytes) -> str:
    """What the preimage of a key of the world map is about; empty for other keys."""
    if key[:1] == bytes((_ACCOUNT_KEY,)):
        return account(key[1:21])
    if key[:1] == bytes((_SLOT_KEY,)):
        return f"slot {word(int.from_bytes(key[25:], 'big'))} of {account(key[1:21])}"
    return ""


def _summary(entry: Record | None) -> str:
    if isinstance(entry, Slot):
        return word(entry.value)
    if isinstance(entry, Account):
        return f"balance {entry.balance}, nonce {entry.nonce}" if entry.exists else "no account"
    return "not in the map"


def _entry_text(entry: Name | None) -> str:
    if isinstance(entry, Code):
        return f"a code of {entry.length} bytes"
    return "not in the map" if entry is None else _hex(entry)


def _stage_name(kind: type[Record], stage: int) -> str:
    return stage_name(SealStage(stage) if kind is Sealing else Stage(stage))


def stage_name(stage: Stage | SealStage) -> str:
    """A stage as the documents write it."""
    return stage.name.lower().replace("_", " ")


def _words(field: str) -> str:
    return field.replace("_", " ")


def _title(kind: type[Record]) -> str:
    return {Context: "block", Job: "transaction at work", Claim: "claim"}.get(
        kind, kind.__name__.lower()
    )


def _value(value: object) -> str:
    if isinstance(value, int):
        return word(value) if value >= 0 else str(value)
    assert isinstance(value, bytes)  # noqa: S101 - a record's fields are integers and bytes
    return account(value) if len(value) == len(Address(bytes(20))) else _hex(value)


def _hex(name: Name) -> str:
    return "none" if is_nothing(name) else "0x" + name_of(name).hex()
