"""Which L1 block gave which safe head: what a reset goes back to, and what finality follows.

An entry (I, S) says: all L1 blocks up to I together give the L2 chain up to S, and no more. Such a
point can be taken up again exactly, on this machine after a restart or after L1 has reorganised.
Knows nothing of derivation; entries are handed in, L1 is asked only which block is canonical.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from chain import rlp
from chain.errors import DecodeError
from chain.heads import BlockId
from chain.types import Hash32
from rollup.derivation.errors import CorruptDerivation
from rollup.l1.provider import L1DataMissing

if TYPE_CHECKING:
    from rollup.l1.provider import L1Provider

MAX_ENTRIES: Final = 1024
"""More than three hours of mainnet L1 with a batch in each block; finality takes 13 minutes."""

META_NAME: Final = "rollup/safe_head_log"
"""Where a store keeps the log."""

_HASH_BYTES: Final = 32


class MetaStore(Protocol):
    """A place that keeps small values through a restart; ChainStore is one."""

    def meta(self, name: str) -> bytes | None:
        """The value, None when there is none."""
        ...

    def put_meta(self, name: str, value: bytes) -> None:
        """Keep a value under that name."""
        ...


@dataclass(frozen=True, slots=True)
class SafeHeadEntry:
    """L1 up to `l1` gives L2 up to `l2`.

    `reread_from` is the L1 block to read from to have the channels of that moment; None where the
    channel timeout tells. `stands_on` is a later L1 block without which it would not hold: there
    data were lost that would have counted.
    """

    l1: BlockId
    l2: BlockId
    reread_from: int | None = None
    stands_on: BlockId | None = None

    @property
    def needed(self) -> tuple[BlockId, ...]:
        """The L1 blocks that have to be canonical for it to hold."""
        return (self.l1,) if self.stands_on is None else (self.l1, self.stands_on)


class SafeHeadLog:
    """The entries in rising order of L1; the oldest one kept is at or below the finalized head."""

    def __init__(
        self, store: MetaStore, genesis: SafeHeadEntry, *, most_entries: int = MAX_ENTRIES
    ) -> None:
        """Open the log of a store. Raises DecodeError when what is stored is damaged."""
        self._store = store
        self._most_entries = most_entries
        stored = store.meta(META_NAME)
        self._entries = [genesis] if stored is None else _decode(stored)

    @property
    def newest(self) -> SafeHeadEntry:
        """The last entry."""
        return self._entries[-1]

    @property
    def entries(self) -> tuple[SafeHeadEntry, ...]:
        """All entries kept, oldest first."""
        return tuple(self._entries)

    def record(
        self,
        l1: BlockId,
        l2: BlockId,
        reread_from: int | None = None,
        stands_on: BlockId | None = None,
    ) -> None:
        """Note that L1 up to l1 gives l2; nothing is written while the safe head stands still."""
        if l2 == self.newest.l2 or l1.number <= self.newest.l1.number:
            return
        self._entries.append(SafeHeadEntry(l1, l2, reread_from, stands_on))
        del self._entries[: -self._most_entries]
        self._write()

    def rewind(self, provider: L1Provider) -> SafeHeadEntry:
        """Forget entries whose L1 block is no longer canonical; return the newest that is.

        Raises L1DataMissing, and CorruptDerivation when not even the oldest entry is canonical:
        below it nothing is known, and it is final or the rollup's own beginning.
        """
        head = provider.head()
        if head is None:
            raise L1DataMissing(number=self.newest.l1.number)
        while len(self._entries) > 1 and not all(
            _is_canonical(block, head.number, provider) for block in self.newest.needed
        ):
            self._entries.pop()
        oldest = self._entries[0]
        if self.newest is oldest:
            canonical = provider.block_by_number(oldest.l1.number)
            if canonical.hash != oldest.l1.hash:
                raise CorruptDerivation(
                    f"L1 block {oldest.l1}, which gave L2 block {oldest.l2} and was final, is not "
                    f"canonical: L1 has {canonical.ref}"
                )
        return self.newest

    def forget_from(self, l1_number: int) -> None:
        """Forget what L1 from a block on has given. Raises CorruptDerivation where nothing older is
        kept: then that block's data were final.
        """
        older = [entry for entry in self._entries if entry.l1.number < l1_number]
        if not older:
            raise CorruptDerivation(
                f"L1 block {l1_number} lost data that count as final: the oldest safe head kept is "
                f"of L1 block {self._entries[0].l1}"
            )
        self._entries = older
        self._write()

    def restore(self, entries: tuple[SafeHeadEntry, ...]) -> None:
        """Go back to entries of before, as where both layers of a development network go back."""
        self._entries = list(entries)
        self._write()

    def at_l1(self, l1_number: int) -> SafeHeadEntry | None:
        """What L1 up to that number gives, None when that is before the oldest entry."""
        older = [entry for entry in self._entries if entry.l1.number <= l1_number]
        return older[-1] if older else None

    def forget_before(self, l1_number: int) -> None:
        """Drop entries that finality has made useless; the newest at or below it is kept."""
        keep = self.at_l1(l1_number)
        if keep is not None and keep != self._entries[0]:
            del self._entries[: self._entries.index(keep)]
            self._write()

    def _write(self) -> None:
        self._store.put_meta(META_NAME, encode_entries(self._entries))


def _is_canonical(block: BlockId, head_number: int, provider: L1Provider) -> bool:
    return block.number <= head_number and provider.block_by_number(block.number).hash == block.hash


def encode_entries(entries: list[SafeHeadEntry]) -> bytes:
    """The log as a store keeps it."""
    return rlp.encode([_encode_entry(entry) for entry in entries])


def _encode_entry(entry: SafeHeadEntry) -> list[bytes]:
    fields = [
        rlp.encode_int(entry.l1.number),
        entry.l1.hash,
        rlp.encode_int(entry.l2.number),
        entry.l2.hash,
    ]
    if entry.reread_from is not None:
        fields.append(rlp.encode_int(entry.reread_from))
    if entry.stands_on is not None:
        fields += [rlp.encode_int(entry.stands_on.number), entry.stands_on.hash]
    return fields


def _decode(stored: bytes) -> list[SafeHeadEntry]:
    entries = [_decode_entry(item) for item in rlp.decode_list(rlp.decode(stored), "safe head log")]
    if not entries:
        raise DecodeError("safe head log: no entries")
    return entries


def _decode_entry(item: rlp.DecodedItem) -> SafeHeadEntry:
    fields = rlp.decode_list(item, "safe head entry")
    if len(fields) not in (4, 5, 6, 7):
        raise DecodeError(f"safe head entry: {len(fields)} items, 4 to 7 expected")
    l1_number, l1_hash, l2_number, l2_hash, *rest = fields
    reread_from = stands_on = None
    if len(rest) % 2:
        reread_from = rlp.decode_int(rest[0], "safe head entry reread from", max_bytes=8)
    if len(rest) > 1:
        stands_on = _decode_id(*rest[-2:])
    return SafeHeadEntry(
        _decode_id(l1_number, l1_hash), _decode_id(l2_number, l2_hash), reread_from, stands_on
    )


def _decode_id(number: rlp.DecodedItem, block_hash: rlp.DecodedItem) -> BlockId:
    return BlockId(
        rlp.decode_int(number, "safe head entry number", max_bytes=8),
        Hash32(rlp.decode_bytes(block_hash, "safe head entry hash", size=_HASH_BYTES)),
    )
