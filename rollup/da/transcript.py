"""The challenges that make KZG proofs non-interactive, computed by ourselves.

ckzg makes them inside; whoever has to retrace a verification without it (a dispute, another curve
library) starts here. Source: EIP-4844, compute_challenge; consensus-specs
fulu/polynomial-commitments-sampling.md, compute_verify_cell_kzg_proof_batch_challenge.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BLS_MODULUS: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_BLOB_DOMAIN: Final = b"FSBLOBVERIFY_V1_"
_CELLS_DOMAIN: Final = b"RCKZGCBATCH__V1_"
_ELEMENTS_PER_BLOB: Final = 4096
_ELEMENTS_PER_CELL: Final = 64


def blob_challenge(blob: bytes, commitment: bytes) -> bytes:
    """The point (32 bytes, big endian) at which a blob proof opens the blob's polynomial."""
    degree = _ELEMENTS_PER_BLOB.to_bytes(16, "big")
    return _hash_to_field(_BLOB_DOMAIN + degree + blob + commitment)


def cell_batch_challenge(
    commitments: Sequence[bytes],
    commitment_indices: Sequence[int],
    cell_indices: Sequence[int],
    cells: Sequence[bytes],
    proofs: Sequence[bytes],
) -> bytes:
    """The number (32 bytes) by whose powers a batch of cells is summed up.

    `commitments` are without repetition; `commitment_indices` say which is whose.
    """
    parts = [
        _CELLS_DOMAIN,
        *(
            _u64(number)
            for number in (
                _ELEMENTS_PER_BLOB,
                _ELEMENTS_PER_CELL,
                len(commitments),
                len(cell_indices),
            )
        ),
        *commitments,
    ]
    for each in zip(commitment_indices, cell_indices, cells, proofs, strict=True):
        parts += (_u64(each[0]), _u64(each[1]), each[2], each[3])
    return _hash_to_field(b"".join(parts))


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _hash_to_field(data: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
    return (digest % BLS_MODULUS).to_bytes(32, "big")
