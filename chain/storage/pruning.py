"""Dropping states that are no longer kept: how often each record is used, and when a use ends.

A record of a trie node (or code) is used once for each place it has in the tries of kept states;
one that keeps its place from block to block is the same use. A block's new uses are counted when it
is committed. What its parent had and it has not is noted in a journal, and discounted when the
parent's state leaves the range that is kept. A record without a use is deleted. A block that has
left the canonical chain takes back the uses that it began. So each step costs in proportion to one
block, never to the state, and goes into the same batch as the block that caused it.

Knows nothing of heads and their meaning; docs/adr/0010-pruning.md says why it is done this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chain import rlp
from chain.errors import DecodeError
from chain.trie import TrieNodeError, hashes_in
from chain.types import HASH_BYTES

from .errors import CorruptRecord
from .schema import (
    CODE_PREFIX,
    NODE_PREFIX,
    NUMBER_BYTES,
    Batch,
    Kind,
    journal_key,
    key_of,
    unpack_node,
    unseal,
    uses_key,
)

if TYPE_CHECKING:
    from chain.block import Block
    from chain.state import StateChanges

    from .kv import KeyValueStore

STEP_RECORDS: Final = 20_000
"""One commit goes on to the next height as long as it has discounted fewer records than this."""

STEP_HEIGHTS: Final = 64
"""At most so many heights in one commit."""

_FIRST_KEY: Final = key_of(Kind.META, b"first state")
_WIPED_KEY: Final = key_of(Kind.META, b"wiped storages")
_RECORD_KEY_BYTES: Final = 1 + HASH_BYTES


def read_first_state(kv: KeyValueStore) -> int:
    """The lowest height whose state is kept, as it was noted; 0 where nothing was."""
    record = kv.get(_FIRST_KEY)
    return 0 if record is None else int.from_bytes(unseal(_FIRST_KEY, record), "big")


def put_first_state(batch: Batch, number: int) -> None:
    """Note the lowest height whose state is kept."""
    batch.put(_FIRST_KEY, number.to_bytes(NUMBER_BYTES, "big"))


@dataclass(frozen=True, slots=True)
class Retention:
    """Which states a pruned store keeps.

    Attributes:
        blocks: how many blocks below the unsafe head keep their state, at least 1.
        follows_finality: keep the finalized head's state and all above it as well, however deep;
            derivation may start again there.

    """

    blocks: int
    follows_finality: bool = True

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise ValueError(f"at least 1 block keeps its state, got {self.blocks}")


@dataclass(frozen=True, slots=True)
class _Journal:
    """What one block did to the uses of records, named by their keys.

    `begun` are taken back if the block is dropped, `ended` when its parent's state is.
    """

    begun: list[bytes]
    ended: list[bytes]
    wiped: list[bytes]

    def encode(self) -> bytes:
        parts = (self.begun, self.ended, self.wiped)
        return rlp.encode([b"".join(part) for part in parts])


def _decode_journal(payload: bytes) -> _Journal:
    begun, ended, wiped = (
        rlp.decode_bytes(item, "uses")
        for item in rlp.decode_list(rlp.decode(payload), "journal", length=3)
    )
    return _Journal(
        _cut(begun, _RECORD_KEY_BYTES), _cut(ended, _RECORD_KEY_BYTES), _cut(wiped, HASH_BYTES)
    )


def _cut(joined: bytes, size: int) -> list[bytes]:
    if len(joined) % size:
        raise DecodeError(f"{len(joined)} bytes are not a multiple of {size}")
    return [joined[start : start + size] for start in range(0, len(joined), size)]


class _Uses:
    """The uses of records as one batch will leave them. One use, the common case, is not written:
    a record that is there without a count has one.
    """

    def __init__(self, kv: KeyValueStore) -> None:
        self._kv = kv
        self._stored: dict[bytes, int] = {}
        self._now: dict[bytes, int] = {}
        self.changes = 0

    def begin(self, key: bytes, *, is_new: bool = False) -> None:
        """Count one more use; `is_new` says that the record comes with this very batch."""
        now = self._now.get(key)
        if now is None:
            # Most records that a block makes were never there: one look that a filter answers.
            now = 0 if is_new and self._kv.get(key) is None else self._load(key)
        self._now[key] = now + 1
        self.changes += 1

    def end(self, key: bytes) -> None:
        """Count one use less. Raises CorruptRecord if there is none."""
        now = self._now.get(key)
        if now is None:
            now = self._load(key)
        if now < 1:
            raise CorruptRecord(key, "its last use has ended already")
        self._now[key] = now - 1
        self.changes += 1

    def _load(self, key: bytes) -> int:
        where = uses_key(key)
        record = self._kv.get(where)
        count = 1 if record is None else int.from_bytes(unseal(where, record), "big")
        self._stored[key] = count
        return count

    def write(self, batch: Batch) -> list[bytes]:
        """Put the counts into a batch, delete what has no use; the keys that are deleted."""
        gone = []
        for key, now in self._now.items():
            stored = self._stored.get(key, 0)
            if now == 0:
                batch.deletes.append(key)
                gone.append(key)
            if now > 1 and now != stored:
                batch.put(uses_key(key), now.to_bytes(NUMBER_BYTES, "big"))
            elif now <= 1 < stored:
                batch.deletes.append(uses_key(key))
        return gone


class Pruner:
    """Counts what states use, and drops states, in the batches of one pruned store."""

    def __init__(self, kv: KeyValueStore, retention: Retention) -> None:
        self._kv = kv
        self.retention = retention
        self.first_state = read_first_state(kv)
        """The lowest height whose canonical state is kept."""
        self.deleted = 0
        """Records deleted since the store was opened."""

    def _read(self, key: bytes) -> bytes | None:
        record = self._kv.get(key)
        return None if record is None else unseal(key, record)

    def step(
        self,
        batch: Batch,
        block: Block,
        changes: StateChanges,
        first_wanted: int,
        canonical_hash: Callable[[int], bytes | None],
    ) -> Step:
        """Count a new block's uses, and drop states below `first_wanted`, as far as one step goes.

        All of it goes into the batch; call `done` once that is written.
        """
        uses = _Uses(self._kv)
        self._count(batch, uses, block, changes)
        uses.changes = 0
        self._wipe(batch, uses)
        first = self.first_state
        last = min(first_wanted, first + STEP_HEIGHTS)
        while first < last and uses.changes < STEP_RECORDS:
            first += 1
            self._drop(batch, uses, first, canonical_hash(first))
        if first != self.first_state:
            put_first_state(batch, first)
        return Step(first, uses.write(batch))

    def begin(self, batch: Batch, number: int) -> None:
        """Note the height of a chain's first block."""
        self.first_state = number
        put_first_state(batch, number)

    def count(self, batch: Batch, records: Iterable[bytes]) -> None:
        """Count one use of each of these keys: records of a state that comes from elsewhere."""
        uses = _Uses(self._kv)
        for record in records:
            uses.begin(record, is_new=True)
        uses.write(batch)

    def done(self, step: Step) -> None:
        """Take over what a step has come to, after its batch was written."""
        self.first_state = step.first_state
        self.deleted += len(step.deleted)

    def _count(self, batch: Batch, uses: _Uses, block: Block, changes: StateChanges) -> None:
        key = journal_key(block.number, block.hash)
        if self._kv.get(key) is not None:
            return  # committed before, and its uses counted
        turnover = changes.turnover
        begun = [NODE_PREFIX + node_hash for node_hash in changes.nodes]
        begun += [NODE_PREFIX + node_hash for node_hash in turnover.repeated]
        ended = [NODE_PREFIX + node_hash for node_hash in turnover.retired]
        for code_hash, change in turnover.codes.items():
            place = begun if change > 0 else ended
            place += [CODE_PREFIX + code_hash] * abs(change)
        for record in begun:
            uses.begin(record, is_new=True)
        batch.put(key, _Journal(begun, ended, [*turnover.wiped]).encode())

    def _drop(self, batch: Batch, uses: _Uses, number: int, canonical: bytes | None) -> None:
        """Let the state below a height go, and what blocks of other forks at that height made."""
        for key, journal in self._journals(number):
            if canonical is not None and key.endswith(canonical):
                for record in journal.ended:
                    uses.end(record)
                if journal.wiped:
                    self._put_wiped(batch, self._wiped(batch) + journal.wiped)
            else:
                for record in journal.begun:
                    uses.end(record)
            batch.deletes.append(key)

    def _journals(self, number: int) -> Iterator[tuple[bytes, _Journal]]:
        for key, record in self._kv.scan(journal_key(number, b"")):
            try:
                yield key, _decode_journal(unseal(key, record))
            except DecodeError as error:
                raise CorruptRecord(key, str(error)) from error

    # -- storages that went as a whole, which no block on Cancun's rules can do to an older one

    def _wiped(self, batch: Batch) -> list[bytes]:
        pending = batch.puts.get(_WIPED_KEY)
        payload = self._read(_WIPED_KEY) if pending is None else unseal(_WIPED_KEY, pending)
        return _cut(payload or b"", HASH_BYTES)

    @staticmethod
    def _put_wiped(batch: Batch, waiting: Iterable[bytes]) -> None:
        batch.put(_WIPED_KEY, b"".join(waiting))

    def _wipe(self, batch: Batch, uses: _Uses) -> None:
        """End the uses of wiped storages' nodes, from their roots down."""
        waiting = self._wiped(batch)
        if not waiting:
            return
        while waiting and uses.changes < STEP_RECORDS:
            key = NODE_PREFIX + waiting.pop()
            node = self._read(key)
            if node is None:
                raise CorruptRecord(key, "a node of a wiped storage is missing")
            try:
                waiting.extend(hashes_in(unpack_node(node)))
            except TrieNodeError as error:
                raise CorruptRecord(key, str(error)) from error
            uses.end(key)
        self._put_wiped(batch, waiting)


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of pruning comes to: the lowest state left, and the records that go."""

    first_state: int
    deleted: list[bytes]
