"""The cells that a node keeps, each with its proof, until their time is over.

    "b" commitment              stored until (u64, seconds), cells (u128)
    "c" commitment index        proof (48), data (2,048)
    "e" stored until commitment nothing; in the order in which to forget
    "k" keccak256               certificate: what the alt-DA interface has put under a hash

A write is one atomic batch: a full disk refuses it and loses nothing. Knows nothing of peers;
whether proofs hold has been looked at before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from chain.errors import Recovery, StemmaError
from chain.storage import StorageError
from chain.storage.kv import KeyValueStore
from rollup.da.commitment import COMMITMENT_BYTES, PROOF_BYTES
from rollup.da.erasure import CELL_BYTES, CELLS_PER_BLOB, Cell

_CELL_BYTES = PROOF_BYTES + CELL_BYTES
_BLOBS, _CELLS, _EXPIRY, _HASHES = b"b", b"c", b"e", b"k"
_PRUNED_AT_ONCE = 256


class StoreFull(StemmaError):
    """No room for more cells, by the node's own limit or by the disk's; come again later."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What is kept of one blob: a bit set of cells, and until when, in seconds."""

    commitment: bytes
    cells: int
    stored_until: int


class CellStore:
    """Cells in a key-value store; one writer."""

    def __init__(self, store: KeyValueStore, capacity_bytes: int) -> None:
        """Count what is there. At most `capacity_bytes` of cells are kept."""
        self._store = store
        self._capacity_bytes = capacity_bytes
        held = [blob.cells.bit_count() for blob in self.blobs()]
        self.blob_count = len(held)
        self.cell_count = sum(held)

    @property
    def used_bytes(self) -> int:
        """Bytes of cells and proofs."""
        return self.cell_count * _CELL_BYTES

    def put(self, commitment: bytes, cells: Iterable[Cell], stored_until: int) -> int:
        """Keep verified cells at least until then; how many were new. Raises StoreFull."""
        known = self.blob(commitment)
        held = 0 if known is None else known.cells
        new = {cell.index: cell for cell in cells if not held >> cell.index & 1}
        until = stored_until if known is None else max(known.stored_until, stored_until)
        if not new and known is not None and until == known.stored_until:
            return 0
        if self.used_bytes + len(new) * _CELL_BYTES > self._capacity_bytes:
            raise StoreFull(
                f"{self.used_bytes} of {self._capacity_bytes} bytes are taken, "
                f"{len(new) * _CELL_BYTES} more are asked for"
            )
        together = held | sum(1 << index for index in new)
        puts = {
            _CELLS + commitment + bytes((cell.index,)): cell.proof + cell.data
            for cell in new.values()
        }
        puts[_BLOBS + commitment] = until.to_bytes(8, "big") + together.to_bytes(16, "big")
        puts[_EXPIRY + until.to_bytes(8, "big") + commitment] = b""
        stale = known is not None and known.stored_until != until
        deletes = [_expiry_key(known)] if known is not None and stale else []
        try:
            self._store.write(puts, deletes, sync=True)
        except StorageError as error:
            raise StoreFull(f"cells could not be written: {error}") from error
        self.cell_count += len(new)
        self.blob_count += known is None
        return len(new)

    def rewrite(self, commitment: bytes, cells: Iterable[Cell]) -> int:
        """Write cells anew that are kept by the books but were lost; how many. Raises StoreFull."""
        known = self.blob(commitment)
        held = 0 if known is None else known.cells
        puts = {
            _CELLS + commitment + bytes((cell.index,)): cell.proof + cell.data
            for cell in cells
            if held >> cell.index & 1
        }
        try:
            self._store.write(puts, sync=True)
        except StorageError as error:
            raise StoreFull(f"cells could not be written: {error}") from error
        return len(puts)

    def blob(self, commitment: bytes) -> StoredBlob | None:
        """What is kept of a blob."""
        record = self._store.get(_BLOBS + commitment)
        return None if record is None else _blob_of(commitment, record)

    def cells(self, commitment: bytes, wanted: int) -> tuple[Cell, ...]:
        """Those of the wanted cells (a bit set) that are here, ascending."""
        found = []
        for index in range(CELLS_PER_BLOB):
            if wanted >> index & 1:
                record = self._store.get(_CELLS + commitment + bytes((index,)))
                if record is not None and len(record) == _CELL_BYTES:
                    found.append(Cell(index, record[PROOF_BYTES:], record[:PROOF_BYTES]))
        return tuple(found)

    def blobs(self) -> Iterator[StoredBlob]:
        """All blobs of which something is kept."""
        for key, record in self._store.scan(_BLOBS):
            yield _blob_of(key[1:], record)

    def prune(self, now_s: int) -> int:
        """Forget what has been kept for long enough; how many blobs that were, a bounded number."""
        done = 0
        for key, _ in self._store.scan(_EXPIRY):
            until = int.from_bytes(key[1:9], "big")
            if until > now_s or done == _PRUNED_AT_ONCE:
                break
            blob = self.blob(key[9:])
            deletes = [key]
            if blob is not None and blob.stored_until == until:
                cells = [i for i in range(CELLS_PER_BLOB) if blob.cells >> i & 1]
                deletes += [_CELLS + blob.commitment + bytes((index,)) for index in cells]
                deletes.append(_BLOBS + blob.commitment)
                self.cell_count -= len(cells)
                self.blob_count -= 1
                done += 1
            self._store.write({}, deletes, sync=False)
        return done

    def remember_hash(self, data_hash: bytes, certificate: bytes) -> None:
        """Note which certificate holds the data of a keccak commitment."""
        self._store.write({_HASHES + data_hash: certificate}, sync=True)

    def certificate_of(self, data_hash: bytes) -> bytes | None:
        """The certificate noted for a hash."""
        return self._store.get(_HASHES + data_hash)

    def close(self) -> None:
        """Close the store below."""
        self._store.close()


def _expiry_key(blob: StoredBlob) -> bytes:
    return _EXPIRY + blob.stored_until.to_bytes(8, "big") + blob.commitment


def _blob_of(commitment: bytes, record: bytes) -> StoredBlob:
    if len(commitment) != COMMITMENT_BYTES or len(record) != 24:
        raise StorageError(f"blob 0x{commitment.hex()}: a record of {len(record)} bytes")
    return StoredBlob(
        commitment, int.from_bytes(record[8:], "big"), int.from_bytes(record[:8], "big")
    )
