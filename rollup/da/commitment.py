"""KZG commitments of blobs, and proofs about a whole blob or one point of its polynomial.

Everything that is not exactly of its size is refused before ckzg sees it. A proof that does not
hold is an answer (False); bytes that are no curve point or field element are an error.
Source: EIP-4844; ethereum/cryptography-specs. Knows nothing of cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ckzg

from rollup.wire.blob import BLOB_BYTES, trusted_setup

from .errors import MalformedInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMITMENT_BYTES: Final = 48
PROOF_BYTES: Final = 48
FIELD_ELEMENT_BYTES: Final = 32
MAX_BLOBS_AT_A_TIME: Final = 128
"""What one batch may hold: 16 MiB, verified in about 0.2 s."""


def commit(blob: bytes) -> bytes:
    """The commitment (48 bytes) of a blob; 35 to 60 ms. Raises MalformedInput."""
    _check_size("blob", blob, BLOB_BYTES)
    return bytes(_call("commitment", ckzg.blob_to_kzg_commitment, blob))


def prove_blob(blob: bytes, commitment: bytes) -> bytes:
    """A proof (48 bytes) that the commitment is the blob's. Raises MalformedInput."""
    _check_size("blob", blob, BLOB_BYTES)
    _check_size("commitment", commitment, COMMITMENT_BYTES)
    return bytes(_call("blob proof", ckzg.compute_blob_kzg_proof, blob, commitment))


def verify_blob(blob: bytes, commitment: bytes, proof: bytes) -> bool:
    """Whether the proof shows that the commitment is the blob's; 1.6 ms. Raises MalformedInput."""
    return verify_blobs((blob,), (commitment,), (proof,))


def verify_blobs(
    blobs: Sequence[bytes], commitments: Sequence[bytes], proofs: Sequence[bytes]
) -> bool:
    """Whether each proof shows that its commitment is its blob's. Raises MalformedInput."""
    if not len(blobs) == len(commitments) == len(proofs) <= MAX_BLOBS_AT_A_TIME:
        raise MalformedInput(
            f"{len(blobs)} blobs, {len(commitments)} commitments, {len(proofs)} proofs; expected "
            f"as many of each, at most {MAX_BLOBS_AT_A_TIME}"
        )
    for blob, commitment, proof in zip(blobs, commitments, proofs, strict=True):
        _check_size("blob", blob, BLOB_BYTES)
        _check_size("commitment", commitment, COMMITMENT_BYTES)
        _check_size("proof", proof, PROOF_BYTES)
    if len(blobs) == 1:
        given = (blobs[0], commitments[0], proofs[0])
        return bool(_call("blob proof", ckzg.verify_blob_kzg_proof, *given))
    joined = (b"".join(blobs), b"".join(commitments), b"".join(proofs))
    return bool(_call("blob proofs", ckzg.verify_blob_kzg_proof_batch, *joined))


def prove_point(blob: bytes, z: bytes) -> tuple[bytes, bytes]:
    """(proof, y): that the blob's polynomial has value y at z. Raises MalformedInput."""
    _check_size("blob", blob, BLOB_BYTES)
    _check_size("z", z, FIELD_ELEMENT_BYTES)
    proof, y = _call("point proof", ckzg.compute_kzg_proof, blob, z)
    return bytes(proof), bytes(y)


def verify_point(commitment: bytes, z: bytes, y: bytes, proof: bytes) -> bool:
    """Whether the committed polynomial has value y at z; 0.9 ms. Raises MalformedInput."""
    _check_size("commitment", commitment, COMMITMENT_BYTES)
    _check_size("z", z, FIELD_ELEMENT_BYTES)
    _check_size("y", y, FIELD_ELEMENT_BYTES)
    _check_size("proof", proof, PROOF_BYTES)
    return bool(_call("point proof", ckzg.verify_kzg_proof, commitment, z, y, proof))


def _check_size(name: str, given: bytes, expected: int) -> None:
    if len(given) != expected:
        raise MalformedInput(f"{name}: expected {expected} bytes, got {len(given)}")


def _call(what: str, function: Callable[..., Any], *given: object) -> Any:  # noqa: ANN401
    """Run a function of ckzg, which says of any bad point or field element only that it is bad."""
    setup = trusted_setup()
    try:
        return function(*given, setup)
    except (RuntimeError, ValueError) as error:
        raise MalformedInput(f"{what}: not a point or field element: {error}") from error
