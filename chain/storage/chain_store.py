"""The chain kept in a key-value store: one synced batch for each block, its state and the heads.

After a crash the store is as it was after some batch, never between two. Blocks of abandoned forks
stay readable by hash; what is asked for by height or by transaction is answered for the canonical
chain only. Knows nothing of whether a block is valid.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from chain import rlp
from chain.block import Block, Header, decode_block, decode_header
from chain.errors import DecodeError
from chain.heads import BlockId, Heads, InvalidHeadMove
from chain.receipt import Receipt, decode_receipt
from chain.trie import EMPTY_ROOT
from chain.types import HASH_BYTES, Hash32

from .cache import LruCache
from .compaction import COMPACT_AFTER, BackgroundCompaction
from .errors import (
    CorruptRecord,
    SnapshotUnfinished,
    StateNotKept,
    StorageError,
    StoreClosed,
    UnknownBlock,
    UnsupportedVersion,
    WrongStateMode,
)
from .pruning import Pruner, Retention, Step, put_first_state, read_first_state
from .schema import (
    CODE_PREFIX,
    NODE_PREFIX,
    OLDER_SCHEMA_VERSIONS,
    PRUNED_SCHEMA_VERSION,
    SCHEMA_VERSION,
    Batch,
    Kind,
    canonical_key,
    decode_heads,
    decode_location,
    decode_senders,
    encode_heads,
    encode_location,
    encode_senders,
    key_of,
    pack_list,
    pack_node,
    unpack_list,
    unpack_node,
    unseal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from chain.state import StateChanges
    from chain.types import Address

    from .kv import KeyValueStore

DEFAULT_CACHE_BYTES: Final = 16 << 20
_ENTRY_BYTES: Final = 250  # what one cached node takes in memory besides its own bytes
_READING_THREADS: Final = 8  # what a disk answers at a time; they wait more than they work
_NODES_A_THREAD: Final = 4
_RECENT_HEADERS: Final = 2048
_RECENT_BLOCKS_BYTES: Final = 24 << 20
_RECENT_RECEIPTS_BYTES: Final = 16 << 20
# What decoded values take in memory, measured with tracemalloc.
_TRANSACTION_BYTES: Final = 550  # besides its encoding
_RECEIPT_BYTES: Final = 440
_LOG_BYTES: Final = 600

_SCHEMA_KEY: Final = key_of(Kind.META, b"schema")
_JOINING_KEY: Final = key_of(Kind.META, b"joining")
_HEADS_KEY: Final = key_of(Kind.META, b"heads")
_NAMED: Final = b"named:"  # so that no caller's name meets one of ours

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class TransactionLocation:
    """Where a transaction is on the canonical chain."""

    block_hash: Hash32
    block_number: int
    index: int


@dataclass(frozen=True, slots=True)
class StatePart:
    """A part of a state that comes whole from elsewhere.

    `nodes` are hash and RLP of trie nodes, each as often as it has a place; `code_uses` name the
    code of each account that has some; `codes` are those of them that are new.
    """

    nodes: Sequence[tuple[bytes, bytes]]
    codes: Mapping[bytes, bytes] = field(default_factory=dict)
    code_uses: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """How much there is of one kind of record; keys, values and checksums count."""

    kind: str
    records: int
    size_bytes: int


class ChainStore:
    """Blocks, receipts, state and heads of one chain; a `StateReader` of every state it holds.

    With `retention` it drops states that have become too old, a little with each commit; without,
    it keeps all. Reading is safe from any number of threads; writers take turns. Every read may
    raise CorruptRecord. Raises UnsupportedVersion if the store holds another schema, WrongStateMode
    if it was begun with a retention and is opened without, or the other way round.
    """

    def __init__(
        self,
        kv: KeyValueStore,
        *,
        retention: Retention | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self._kv = kv
        self._writing = Lock()
        self._readers = ThreadPoolExecutor(_READING_THREADS, thread_name_prefix="read-ahead")
        self._state_cache: LruCache[bytes] = LruCache(cache_bytes)
        self._headers: LruCache[Header] = LruCache(_RECENT_HEADERS)
        self._blocks: LruCache[Block] = LruCache(_RECENT_BLOCKS_BYTES)
        self._receipts: LruCache[tuple[Receipt, ...]] = LruCache(_RECENT_RECEIPTS_BYTES)
        self._check_schema(SCHEMA_VERSION if retention is None else PRUNED_SCHEMA_VERSION)
        self._heads = self._decoded(_HEADS_KEY, decode_heads)
        self._pruner = None if retention is None else Pruner(kv, retention)
        self._compaction = BackgroundCompaction(kv, COMPACT_AFTER) if retention else None
        self._first_joined = read_first_state(kv) if retention is None else 0

    def _check_schema(self, wanted: int) -> None:
        found = stored_schema(self._kv)
        if found == wanted and self._read(_SCHEMA_KEY) == wanted.to_bytes(4, "big"):
            return
        if found is not None and found != wanted:
            is_pruned = found == PRUNED_SCHEMA_VERSION
            has, lacks = ("pruned", "archive") if is_pruned else ("archive", "pruned")
            raise WrongStateMode(
                f"the store was begun as {has} (schema {found}) and cannot become {lacks} (schema "
                f"{wanted}): open it as {has}, or begin another in an empty data directory "
                "(stemma export, stemma import)"
            )
        batch = Batch()
        batch.put(_SCHEMA_KEY, wanted.to_bytes(4, "big"))
        self._kv.write(batch.puts, sync=True)

    def close(self) -> None:
        """Close the key-value store underneath, after a write that is under way."""
        with self._writing:
            if self._compaction is not None:
                self._compaction.close()
            self._readers.shutdown()
            self._kv.close()

    # -- reading records

    def _read(self, key: bytes) -> bytes | None:
        record = self._kv.get(key)
        return None if record is None else unseal(key, record)

    def _decoded(self, key: bytes, decode: Callable[[bytes], _Value]) -> _Value | None:
        payload = self._read(key)
        if payload is None:
            return None
        try:
            return decode(payload)
        except (DecodeError, InvalidHeadMove) as error:
            raise CorruptRecord(key, str(error)) from error

    def _recent(
        self,
        cache: LruCache[_Value],
        kind: Kind,
        block_hash: bytes,
        decode: Callable[[bytes], _Value],
        weigh: Callable[[_Value], int],
    ) -> _Value | None:
        value = cache.get(block_hash)
        if value is None:
            value = self._decoded(key_of(kind, block_hash), decode)
            if value is not None:
                cache.put([(block_hash, value, weigh(value))])
        return value

    # -- state

    def node(self, node_hash: bytes, /) -> bytes | None:
        """Return a trie node by its hash, or None."""
        return self._cached(NODE_PREFIX + node_hash, self._stored_node)

    def nodes(self, node_hashes: Sequence[bytes], /) -> list[bytes | None]:
        """Return many trie nodes, best asked for in the order of their hashes; None for what is not
        there.

        Several threads wait for the disk. The cache is left as it is: who reads many nodes holds
        them himself, and they would drive out all others.
        """
        size = max(_NODES_A_THREAD, -(-len(node_hashes) // _READING_THREADS))
        parts = [node_hashes[start : start + size] for start in range(0, len(node_hashes), size)]
        if len(parts) < 2:
            return self._nodes(node_hashes)
        try:
            found = self._readers.map(self._nodes, parts)
        except RuntimeError as error:
            raise StoreClosed("the store is closed") from error
        return [node for part in found for node in part]

    def _nodes(self, node_hashes: Sequence[bytes]) -> list[bytes | None]:
        keys = [NODE_PREFIX + node_hash for node_hash in node_hashes]
        return [self._state_cache.get(key) or self._stored_node(key) for key in keys]

    def code(self, code_hash: bytes, /) -> bytes | None:
        """Return contract code by its hash, or None."""
        return self._cached(CODE_PREFIX + code_hash, self._read)

    def _stored_node(self, key: bytes) -> bytes | None:
        packed = self._read(key)
        return None if packed is None else unpack_node(packed)

    def _cached(self, key: bytes, read: Callable[[bytes], bytes | None]) -> bytes | None:
        data = self._state_cache.get(key)
        if data is None:
            data = read(key)
            if data is not None:
                self._state_cache.put([(key, data, len(data) + _ENTRY_BYTES)])
        return data

    @property
    def retention(self) -> Retention | None:
        """Which states this store keeps; None for all."""
        return None if self._pruner is None else self._pruner.retention

    @property
    def first_state(self) -> int:
        """The lowest height whose canonical state is kept; 0 where all are."""
        return self._first_joined if self._pruner is None else self._pruner.first_state

    def cache_weights(self) -> dict[str, int]:
        """What each cache holds: bytes, but for headers, which are counted."""
        return {
            "state": self._state_cache.weight,
            "headers": self._headers.weight,
            "blocks": self._blocks.weight,
            "receipts": self._receipts.weight,
        }

    @property
    def pruned_records(self) -> int:
        """Trie nodes and codes deleted since the store was opened."""
        return 0 if self._pruner is None else self._pruner.deleted

    def keeps_state(self, header: Header) -> bool:
        """Is the state after this block, canonical or not, in the range that is kept?

        Blocks of another fork count by where that fork leaves the canonical chain.
        """
        first = self.first_state
        if first == 0 and self._pruner is None:
            return True
        step: Header | None = header
        while step is not None and step.number >= first:
            if self.is_canonical(BlockId(step.number, step.hash)):
                return True
            step = self.header(step.parent_hash)
        return False

    # -- blocks of any fork, by hash

    def header(self, block_hash: bytes) -> Header | None:
        """Return a header, or None."""
        return self._recent(self._headers, Kind.HEADER, block_hash, decode_header, _count_one)

    def block(self, block_hash: bytes) -> Block | None:
        """Return a whole block, or None."""
        header = self.header(block_hash)
        if header is None:
            return None

        def join(body: bytes) -> Block:
            parts = rlp.split_list(unpack_list(body), "body")
            return decode_block(rlp.encode_list([header.encode(), *parts]))

        return self._recent(self._blocks, Kind.BODY, block_hash, join, _block_bytes)

    def receipts(self, block_hash: bytes) -> tuple[Receipt, ...] | None:
        """Return the receipts of a block in the order of its transactions, or None."""
        return self._recent(
            self._receipts, Kind.RECEIPTS, block_hash, _decode_receipts, _receipts_bytes
        )

    def senders(self, block_hash: bytes) -> tuple[Address, ...] | None:
        """Return who sent each transaction of a block, or None."""
        return self._decoded(key_of(Kind.SENDERS, block_hash), decode_senders)

    # -- the canonical chain

    def heads(self) -> Heads | None:
        """Return the three heads, or None before the first block was committed."""
        return self._heads

    def canonical_hash(self, number: int) -> Hash32 | None:
        """Return the hash of the canonical block at a height, or None above the unsafe head."""
        if number < 0:
            return None
        return self._decoded(canonical_key(number), _decode_hash)

    def canonical_header(self, number: int) -> Header | None:
        """Return the header of the canonical block at a height, or None."""
        block_hash = self.canonical_hash(number)
        return None if block_hash is None else self.header(block_hash)

    def is_canonical(self, block: BlockId) -> bool:
        """Is this block on the chain of the unsafe head?"""
        return self.canonical_hash(block.number) == block.hash

    def transaction_location(self, transaction_hash: bytes) -> TransactionLocation | None:
        """Return where a transaction is on the canonical chain, or None if it is not on it."""
        found = self._decoded(key_of(Kind.TRANSACTION, transaction_hash), decode_location)
        if found is None or not self.is_canonical(found[0]):
            return None
        return TransactionLocation(found[0].hash, found[0].number, found[1])

    # -- writing

    def commit(
        self,
        block: Block,
        receipts: Sequence[Receipt],
        senders: Sequence[Address],
        changes: StateChanges | None,
        heads: Heads | None,
    ) -> tuple[Hash32, ...]:
        """Store a block, what it made and, if given, new heads: all in one synced batch.

        Returns the hashes of the blocks that left the canonical chain, highest first. The first
        commit of a store must give heads; its block is where the chain begins. Raises UnknownBlock,
        storing nothing, if a head is not on a chain of stored blocks.
        """
        if len(receipts) != len(block.transactions) or len(senders) != len(block.transactions):
            raise ValueError(
                f"block {block.number} has {len(block.transactions)} transactions, "
                f"given are {len(receipts)} receipts and {len(senders)} senders"
            )
        batch = Batch()
        _put_block(batch, block, receipts, senders)
        if changes is not None:
            _put_state(batch, changes)
        with self._writing:
            if self._heads is None and self._read(_JOINING_KEY) is not None:
                raise SnapshotUnfinished(
                    "the store holds a part of a state from peers: go on with --sync snapshot, or "
                    "begin in an empty data directory"
                )
            dropped = self._put_heads(batch, heads, block) if heads is not None else ()
            step = self._prune(batch, block, changes, heads or self._heads)
            self._kv.write(batch.puts, batch.deletes, sync=True)
            self._heads = heads or self._heads
            if self._pruner is not None and step is not None:
                self._pruner.done(step)
                self._state_cache.discard(step.deleted)
            if self._compaction is not None and step is not None:
                self._compaction.note(len(step.deleted))
        self._headers.put([(block.hash, block.header, 1)])
        self._blocks.put([(block.hash, block, _block_bytes(block))])
        kept = tuple(receipts)
        self._receipts.put([(block.hash, kept, _receipts_bytes(kept))])
        if changes is not None:
            self._state_cache.put(_cache_entries(changes))
        return dropped

    def _prune(
        self, batch: Batch, block: Block, changes: StateChanges | None, heads: Heads | None
    ) -> Step | None:
        """Add to a batch what the block's state needs of a pruned store."""
        pruner = self._pruner
        if pruner is None or changes is None:
            return None
        if self._heads is None:
            pruner.begin(batch, block.number)
        elif block.number <= pruner.first_state:
            raise StateNotKept(
                f"block {block.number} (0x{block.hash.hex()}) comes with a state, but those below "
                f"block {pruner.first_state} are dropped"
            )
        wanted = 0 if heads is None else heads.unsafe.number - pruner.retention.blocks
        if heads is not None and pruner.retention.follows_finality:
            wanted = min(wanted, heads.finalized.number)
        return pruner.step(batch, block, changes, wanted, self.canonical_hash)

    # -- beginning with a state from elsewhere

    @property
    def joining(self) -> bytes | None:
        """How far a state from elsewhere is, as `put_state` was told; None when none comes."""
        return None if self._heads is not None else self._read(_JOINING_KEY)

    def put_state(self, part: StatePart, progress: bytes) -> None:
        """Store a part of a state from elsewhere, and how far it has come, in one synced batch.

        Only before the chain has begun; `begin_at` ends it. Raises StorageError afterwards.
        """
        batch = Batch()
        with self._writing:
            self._require_no_chain()
            for node_hash, node in part.nodes:
                batch.put(NODE_PREFIX + node_hash, pack_node(node))
            for code_hash, code in part.codes.items():
                batch.put(CODE_PREFIX + code_hash, code)
            if self._pruner is not None:
                used = [NODE_PREFIX + node_hash for node_hash, _ in part.nodes]
                self._pruner.count(batch, [*used, *(CODE_PREFIX + key for key in part.code_uses)])
            batch.put(_JOINING_KEY, progress)
            self._kv.write(batch.puts, batch.deletes, sync=True)

    def put_history(self, blocks: Iterable[Block]) -> None:
        """Store canonical blocks, parents first, below the one that `begin_at` will name.

        They were executed elsewhere: there are no receipts of them.
        """
        batch = Batch()
        with self._writing:
            self._require_no_chain()
            for block in blocks:
                _put_unexecuted(batch, block)
            self._kv.write(batch.puts, sync=True)

    def begin_at(self, genesis: Block, block: Block, notes: Mapping[str, bytes]) -> None:
        """Begin the chain with a block whose state has come by `put_state`; all heads are there.

        `notes` are kept as by `put_meta`, in the same batch. Raises UnknownBlock where the root of
        its state is not there.
        """
        block_id = BlockId(block.number, block.hash)
        heads = Heads.at_genesis(block_id)
        batch = Batch()
        with self._writing:
            self._require_no_chain()
            root = block.header.state_root
            if root != EMPTY_ROOT and self._read(NODE_PREFIX + root) is None:
                raise UnknownBlock(f"block {block_id}: no state for root 0x{root.hex()}")
            for each in (genesis, block):
                _put_unexecuted(batch, each)
            if self._pruner is not None:
                self._pruner.begin(batch, block.number)
            else:
                put_first_state(batch, block.number)
            for name, value in notes.items():
                batch.put(key_of(Kind.META, _NAMED + name.encode()), value)
            batch.put(_HEADS_KEY, encode_heads(heads))
            batch.deletes.append(_JOINING_KEY)
            self._kv.write(batch.puts, batch.deletes, sync=True)
            self._heads = heads
            if self._pruner is None:
                self._first_joined = block.number

    def _require_no_chain(self) -> None:
        if self._heads is not None:
            raise StorageError(f"the store's chain has begun, its head is {self._heads.unsafe}")

    def set_heads(self, heads: Heads) -> tuple[Hash32, ...]:
        """Move the heads in one synced batch; the canonical chain becomes that of the unsafe head.

        Returns the hashes of the blocks that left it, highest first; they stay readable by hash.
        Raises UnknownBlock, changing nothing, if a head is not on a chain of stored blocks, and
        StateNotKept if the state of the unsafe head has been dropped.
        """
        batch = Batch()
        with self._writing:
            dropped = self._put_heads(batch, heads, None)
            self._kv.write(batch.puts, batch.deletes, sync=True)
            self._heads = heads
        return dropped

    def _put_heads(self, batch: Batch, heads: Heads, new: Block | None) -> tuple[Hash32, ...]:
        """Add the heads and the canonical index that goes with them to a batch."""
        entering, fork = self._entering(heads.unsafe, new)
        if self._heads is not None and fork < self.first_state:
            raise StateNotKept(
                f"head {heads.unsafe} leaves the chain at block {fork}, but states below block "
                f"{self.first_state} are dropped"
            )
        for head in (heads.safe, heads.finalized):
            if head not in entering and not (head.number <= fork and self.is_canonical(head)):
                raise UnknownBlock(f"block {head} is not on the chain of {heads.unsafe}")
        for block_id in entering:
            batch.put(canonical_key(block_id.number), block_id.hash)
            block = new if new and new.hash == block_id.hash else self.block(block_id.hash)
            if block is None:
                raise UnknownBlock(f"block {block_id} has a header but no body")
            for index, transaction in enumerate(block.transactions):
                location = encode_location(block_id, index)
                batch.put(key_of(Kind.TRANSACTION, transaction.hash), location)
        dropped = []
        top = self._heads.unsafe.number if self._heads else fork
        for number in range(top, fork, -1):
            block_hash = self.canonical_hash(number)
            if block_hash is not None:
                dropped.append(block_hash)
            if number > heads.unsafe.number:
                batch.deletes.append(canonical_key(number))
        batch.put(_HEADS_KEY, encode_heads(heads))
        return tuple(dropped)

    def _entering(self, head: BlockId, new: Block | None) -> tuple[list[BlockId], int]:
        """Blocks from a head down that are not canonical yet, and the height they fork off at."""
        entering: list[BlockId] = []
        block_id = head
        while not self.is_canonical(block_id):
            header = new.header if new and new.hash == block_id.hash else self.header(block_id.hash)
            if header is None or header.number != block_id.number:
                raise UnknownBlock(f"block {block_id}, on the way down from {head}, is not stored")
            entering.append(block_id)
            if self._heads is None:  # the first block has no parent here
                return entering, block_id.number - 1
            block_id = BlockId(header.number - 1, header.parent_hash)
        return entering, block_id.number

    # -- notes of the floors above, and figures

    def meta(self, name: str) -> bytes | None:
        """Return what was kept under a name with put_meta, or None."""
        return self._read(key_of(Kind.META, _NAMED + name.encode()))

    def put_meta(self, name: str, value: bytes) -> None:
        """Keep a few bytes under a name; synced."""
        batch = Batch()
        batch.put(key_of(Kind.META, _NAMED + name.encode()), value)
        with self._writing:
            self._kv.write(batch.puts, sync=True)

    def compact(self) -> None:
        """Give back the space of what was deleted or replaced, kind by kind. Takes its time."""
        for kind in Kind:
            self._kv.compact(kind.value, bytes((kind.value[0] + 1,)))

    def statistics(self) -> Iterator[StoreStatistics]:
        """Read everything and count it, kind by kind. Raises CorruptRecord at the first damage."""
        for kind in Kind:
            records = size_bytes = 0
            for key, record in self._kv.scan(kind.value):
                unseal(key, record)
                records += 1
                size_bytes += len(key) + len(record)
            yield StoreStatistics(kind.name.lower(), records, size_bytes)


def stored_schema(kv: KeyValueStore) -> int | None:
    """The schema of what a key-value store holds, or will become when opened; None if it is empty.

    Raises UnsupportedVersion if this program does not read it.
    """
    record = kv.get(_SCHEMA_KEY)
    if record is None:
        if next(iter(kv.scan()), None) is not None:
            raise UnsupportedVersion("the store is not empty and names no schema version")
        return None
    found = int.from_bytes(unseal(_SCHEMA_KEY, record), "big")
    found = OLDER_SCHEMA_VERSIONS.get(found, found)
    if found not in (SCHEMA_VERSION, PRUNED_SCHEMA_VERSION):
        raise UnsupportedVersion(
            f"the store has schema {found}, this program reads {SCHEMA_VERSION} (archive) and "
            f"{PRUNED_SCHEMA_VERSION} (pruned)"
        )
    return found


def _put_block(
    batch: Batch, block: Block, receipts: Sequence[Receipt], senders: Sequence[Address]
) -> None:
    body = rlp.encode_list(rlp.split_list(block.encode(), "block")[1:])
    encoded_receipts = rlp.encode([receipt.encode() for receipt in receipts])
    batch.put(key_of(Kind.HEADER, block.hash), block.header.encode())
    batch.put(key_of(Kind.BODY, block.hash), pack_list(body))
    batch.put(key_of(Kind.RECEIPTS, block.hash), pack_list(encoded_receipts))
    batch.put(key_of(Kind.SENDERS, block.hash), encode_senders(senders))


def _put_unexecuted(batch: Batch, block: Block) -> None:
    """Put a canonical block of which there are neither receipts nor senders."""
    block_id = BlockId(block.number, block.hash)
    body = rlp.encode_list(rlp.split_list(block.encode(), "block")[1:])
    batch.put(key_of(Kind.HEADER, block.hash), block.header.encode())
    batch.put(key_of(Kind.BODY, block.hash), pack_list(body))
    batch.put(canonical_key(block.number), block.hash)
    for index, transaction in enumerate(block.transactions):
        batch.put(key_of(Kind.TRANSACTION, transaction.hash), encode_location(block_id, index))


def _put_state(batch: Batch, changes: StateChanges) -> None:
    for node_hash, node in changes.nodes.items():
        batch.put(NODE_PREFIX + node_hash, pack_node(node))
    for code_hash, code in changes.codes.items():
        batch.put(CODE_PREFIX + code_hash, code)


def _cache_entries(changes: StateChanges) -> Iterable[tuple[bytes, bytes, int]]:
    for node_hash, node in changes.nodes.items():
        yield NODE_PREFIX + node_hash, node, len(node) + _ENTRY_BYTES
    for code_hash, code in changes.codes.items():
        yield CODE_PREFIX + code_hash, code, len(code) + _ENTRY_BYTES


def _count_one(_: object) -> int:
    return 1


def _block_bytes(block: Block) -> int:
    """About what a decoded block takes in memory."""
    return sum(_TRANSACTION_BYTES + len(tx.encode()) for tx in block.transactions) + 2048


def _receipts_bytes(receipts: tuple[Receipt, ...]) -> int:
    """About what decoded receipts take in memory."""
    logs = [log for receipt in receipts for log in receipt.logs]
    data = sum(len(log.data) for log in logs)
    return 2048 + len(receipts) * _RECEIPT_BYTES + len(logs) * _LOG_BYTES + data


def _decode_receipts(payload: bytes) -> tuple[Receipt, ...]:
    items = rlp.decode_list(rlp.decode(unpack_list(payload)), "receipts")
    return tuple(decode_receipt(rlp.decode_bytes(item, "receipt")) for item in items)


def _decode_hash(payload: bytes) -> Hash32:
    return Hash32(rlp.decode_bytes(payload, "canonical hash", size=HASH_BYTES))
