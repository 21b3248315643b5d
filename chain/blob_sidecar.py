"""The form in which a blob transaction travels before it is in a block: with its blobs (EIP-4844).

Checks what hashing can check: sizes, counts, and that each commitment is the one the transaction
names. Whether a proof fits its blob is for a KZG library, which this floor does not have.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from . import rlp
from .errors import DecodeError
from .transaction import BLOB_TYPE, BlobTransaction, decode_transaction
from .types import Hash32

BLOB_BYTES: Final = 131_072
COMMITMENT_BYTES: Final = 48
CELLS_PER_BLOB: Final = 128
MAX_BLOBS: Final = 128
"""Far above what any fork allows in a block; bounds the work on one message."""

_VERSIONED_HASH_VERSION: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class BlobSidecar:
    """Blobs with their KZG commitments and proofs.

    Version 0 has one proof for each blob; version 1 (EIP-7594) has one for each of its 128 cells.
    """

    version: int
    blobs: tuple[bytes, ...]
    commitments: tuple[bytes, ...]
    proofs: tuple[bytes, ...]

    @property
    def versioned_hashes(self) -> tuple[Hash32, ...]:
        """The hashes by which a transaction names the commitments."""
        return tuple(versioned_hash(commitment) for commitment in self.commitments)


def versioned_hash(commitment: bytes) -> Hash32:
    """Hash a KZG commitment: 0x01 and the last 31 bytes of its sha256."""
    return Hash32(_VERSIONED_HASH_VERSION + hashlib.sha256(commitment).digest()[1:])


def encode_blob_network_form(tx: BlobTransaction, sidecar: BlobSidecar) -> bytes:
    """Write a signed blob transaction with its blobs, as `eth_sendRawTransaction` takes it."""
    parts = [tx.encode()[1:]]
    if sidecar.version:
        parts.append(bytes((sidecar.version,)))
    parts += [rlp.encode(sidecar.blobs), rlp.encode(sidecar.commitments)]
    parts.append(rlp.encode(sidecar.proofs))
    return bytes((BLOB_TYPE,)) + rlp.encode_list(parts)


def is_blob_network_form(raw: bytes) -> bool:
    """Say whether raw is a blob transaction with its blobs, by its first bytes alone."""
    if raw[:1] != bytes((BLOB_TYPE,)) or len(raw) < 2:
        return False
    # The first item inside the list: the transaction itself (a list), or its chain id (a number).
    inner = 2 if raw[1] <= 0xF7 else 2 + raw[1] - 0xF7
    return raw[inner : inner + 1] >= b"\xc0"


def _sized(raw: bytes, what: str, size: int) -> tuple[bytes, ...]:
    items = rlp.decode_list(rlp.decode(raw), what)
    return tuple(rlp.decode_bytes(item, what, size=size) for item in items)


def decode_blob_network_form(raw: bytes) -> tuple[BlobTransaction, BlobSidecar]:
    """Decode a blob transaction with its blobs.

    Raises DecodeError for wrong sizes or counts, and where a commitment is not the named one.
    """
    if raw[:1] != bytes((BLOB_TYPE,)):
        raise DecodeError(f"blob transaction: expected type 0x03, got 0x{raw[:1].hex()}")
    parts = rlp.split_list(raw[1:], "blob transaction with blobs")
    if len(parts) not in (4, 5):
        raise DecodeError(f"blob transaction with blobs: expected 4 or 5 items, got {len(parts)}")
    version = 0
    if len(parts) == 5:
        version = rlp.decode_int(rlp.decode(parts.pop(1)), "blob sidecar version", max_bytes=1)
        if version != 1:
            raise DecodeError(f"blob sidecar version: expected 1, got {version}")
    tx = decode_transaction(raw[:1] + parts[0])
    if not isinstance(tx, BlobTransaction):
        raise DecodeError("blob transaction with blobs: holds another transaction")
    sidecar = BlobSidecar(
        version=version,
        blobs=_sized(parts[1], "blob", BLOB_BYTES),
        commitments=_sized(parts[2], "blob commitment", COMMITMENT_BYTES),
        proofs=_sized(parts[3], "blob proof", COMMITMENT_BYTES),
    )
    _check_sidecar(tx, sidecar)
    return tx, sidecar


def _check_sidecar(tx: BlobTransaction, sidecar: BlobSidecar) -> None:
    count = len(tx.blob_versioned_hashes)
    proofs = count * (CELLS_PER_BLOB if sidecar.version else 1)
    got = (len(sidecar.blobs), len(sidecar.commitments), len(sidecar.proofs))
    if count > MAX_BLOBS or got != (count, count, proofs):
        raise DecodeError(
            f"blob sidecar: the transaction names {count} blobs, "
            f"got {got[0]} blobs, {got[1]} commitments, {got[2]} proofs"
        )
    for index, actual in enumerate(sidecar.versioned_hashes):
        named = tx.blob_versioned_hashes[index]
        if actual != named:
            raise DecodeError(
                f"blob {index}: the commitment hashes to 0x{actual.hex()}, "
                f"the transaction names 0x{named.hex()}"
            )
