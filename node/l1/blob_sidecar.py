"""Blobs on their way to an L1: the network form of a blob transaction (EIP-4844, EIP-7594).

    0x03 ++ rlp([tx body, 1, blobs, commitments, cell proofs])      version 1, since Osaka
    0x03 ++ rlp([tx body, blobs, commitments, proofs])              version 0, before

The L1 checks the proofs; the embedded L1 recomputes the commitments instead, which proves as much.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain import rlp
from chain.errors import DecodeError
from chain.transaction import BlobTransaction, decode_transaction
from chain.types import Hash32
from rollup.wire.blob import blob_cell_proofs, blob_commitment, blob_versioned_hash, versioned_hash

_WRAPPER_VERSION = 1
_TYPE_BYTE = b"\x03"


@dataclass(frozen=True, slots=True)
class BlobSidecar:
    """Blobs with their commitments and the cell proofs of all of them in a row."""

    blobs: tuple[bytes, ...]
    commitments: tuple[bytes, ...]
    cell_proofs: tuple[bytes, ...]

    @property
    def versioned_hashes(self) -> tuple[Hash32, ...]:
        """What the transaction itself names its blobs by."""
        return tuple(versioned_hash(commitment) for commitment in self.commitments)


def make_sidecar(blobs: tuple[bytes, ...]) -> BlobSidecar:
    """Compute commitments and proofs; about a third of a second a blob."""
    return BlobSidecar(
        blobs,
        tuple(blob_commitment(blob) for blob in blobs),
        tuple(proof for blob in blobs for proof in blob_cell_proofs(blob)),
    )


def network_form(transaction: BlobTransaction, sidecar: BlobSidecar) -> bytes:
    """What eth_sendRawTransaction takes."""
    body = rlp.decode(transaction.encode()[1:])
    return _TYPE_BYTE + rlp.encode(
        [
            body,
            rlp.encode_int(_WRAPPER_VERSION),
            list(sidecar.blobs),
            list(sidecar.commitments),
            list(sidecar.cell_proofs),
        ]
    )


def is_network_form(raw: bytes) -> bool:
    """Whether a raw transaction is a blob transaction with its blobs around it."""
    if raw[:1] != _TYPE_BYTE:
        return False
    item = rlp.decode(raw[1:])
    return isinstance(item, list) and bool(item) and isinstance(item[0], list)


def without_sidecar(raw: bytes) -> bytes:
    """The transaction alone, whichever form it came in. Raises DecodeError."""
    if not is_network_form(raw):
        return raw
    return _TYPE_BYTE + rlp.split_list(raw[1:], "blob transaction")[0]


def decode_network_form(raw: bytes) -> tuple[BlobTransaction, tuple[bytes, ...]]:
    """The transaction and its blobs. Raises DecodeError unless the blobs are those it names."""
    item = rlp.decode(raw[1:])
    if not isinstance(item, list) or len(item) not in (4, 5) or not isinstance(item[0], list):
        raise DecodeError("blob transaction: expected [body, (1,) blobs, commitments, proofs]")
    if len(item) == 5 and item[1] != bytes((_WRAPPER_VERSION,)):
        raise DecodeError(f"blob transaction: wrapper version {item[1]!r}, expected 1")
    transaction = decode_transaction(_TYPE_BYTE + rlp.encode(item[0]))
    if not isinstance(transaction, BlobTransaction):
        raise DecodeError("blob transaction: the body is of another type")
    listed = item[len(item) - 3]
    blobs = tuple(blob for blob in listed if isinstance(blob, bytes))
    found = tuple(blob_versioned_hash(blob) for blob in blobs)
    if found != transaction.blob_versioned_hashes:
        raise DecodeError(
            f"blob transaction: names {len(transaction.blob_versioned_hashes)} blobs, "
            f"carries {len(found)}, or other ones"
        )
    return transaction, blobs
