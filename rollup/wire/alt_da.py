"""Alt-DA commitments: batcher transaction data that only points to where the data lies.

    batcher transaction data = 0x01 ++ commitment type ++ body
    type 0   keccak256 of the data (32)
    type 1   da_layer_byte ++ payload, understood by that layer's own server

Source: OP Stack specs, experimental/alt-da.md, "Input Commitment Submission".
Knows nothing of servers or challenges: derivation reads L1 data only and drops commitments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, EncodeError
from chain.types import Hash32

COMMITMENT_VERSION: Final = 1
"""First byte of batcher transaction data that holds a commitment."""

KECCAK256_COMMITMENT: Final = 0
GENERIC_COMMITMENT: Final = 1

MAX_KECCAK_DATA_BYTES: Final = 130_672
"""More behind a Keccak-256 does not count: L1's pools take 131,072 bytes a transaction, of which
400 are left for what is around the data. Source: experimental/alt-da.md, "Derivation"."""

_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Keccak256Commitment:
    """Type 0: the hash of the data; the only type that can be challenged on L1."""

    hash: Hash32

    def encode(self) -> bytes:
        """Batcher transaction data. Raises EncodeError."""
        if len(self.hash) != _HASH_BYTES:
            raise EncodeError(f"alt-DA commitment: hash of {len(self.hash)} bytes")
        return bytes((COMMITMENT_VERSION, KECCAK256_COMMITMENT)) + self.hash

    def is_of(self, data: bytes) -> bool:
        """Whether this is the commitment of the data."""
        return keccak256(data) == self.hash


@dataclass(frozen=True, slots=True)
class GenericCommitment:
    """Type 1: what a DA layer (EigenDA 0x00, Avail 0x0a, Celestia 0x0c, ...) finds the data by."""

    da_layer: int
    payload: bytes

    def encode(self) -> bytes:
        """Batcher transaction data. Raises EncodeError."""
        if not 0 <= self.da_layer <= 0xFF:
            raise EncodeError(f"alt-DA commitment: layer {self.da_layer} is not a byte")
        head = bytes((COMMITMENT_VERSION, GENERIC_COMMITMENT, self.da_layer))
        return head + self.payload


Commitment: TypeAlias = Keccak256Commitment | GenericCommitment


def decode_commitment(data: bytes) -> Commitment:
    """Read batcher transaction data that begins with version 1. Raises DecodeError."""
    if data[:1] != bytes((COMMITMENT_VERSION,)):
        raise DecodeError(f"alt-DA commitment: version 0x{data[:1].hex()}, expected 0x01")
    if len(data) < 3:
        raise DecodeError(f"alt-DA commitment: {len(data)} bytes, no body")
    kind, body = data[1], data[2:]
    if kind == KECCAK256_COMMITMENT:
        if len(body) != _HASH_BYTES:
            raise DecodeError(f"alt-DA commitment: {len(body)} bytes, expected a hash of 32")
        return Keccak256Commitment(Hash32(body))
    if kind == GENERIC_COMMITMENT:
        return GenericCommitment(body[0], body[1:])
    raise DecodeError(f"alt-DA commitment: unknown type {kind}")
