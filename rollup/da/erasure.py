"""Blobs as 128 cells of which any 64 give the blob back, each with a proof of its own.

A blob's 4,096 field elements are the values of a polynomial; 4,096 more of its values double it,
and the 8,192 are cut into 128 cells of 64 elements. A KZG proof ties a cell to the commitment, so a
wrong encoding cannot be sold: there are no fraud proofs of encoding here.
Source: EIP-7594; consensus-specs fulu/polynomial-commitments-sampling.md. The door to ckzg's cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import ckzg

from rollup.wire.blob import BLOB_BYTES, decode_blob, encode_blob, trusted_setup

from .commitment import COMMITMENT_BYTES, PROOF_BYTES, commit
from .errors import MalformedInput, NotEnoughCells, WrongBlob, WrongIndex, WrongProof

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CELLS_PER_BLOB: Final = 128
CELLS_TO_RECOVER: Final = 64
CELL_BYTES: Final = 2_048
MAX_CELLS_AT_A_TIME: Final = 16 * CELLS_PER_BLOB
"""What one batch may hold: 4 MiB."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a blob: its place (0 to 127), its 2,048 bytes and its proof (48 bytes).

    Raises WrongIndex, MalformedInput. Whether the proof holds is not looked at here.
    """

    index: int
    data: bytes
    proof: bytes

    def __post_init__(self) -> None:
        check_index(self.index)
        _check_size("cell", self.index, self.data, CELL_BYTES)
        _check_size("proof of cell", self.index, self.proof, PROOF_BYTES)


@dataclass(frozen=True, slots=True)
class ExtendedBlob:
    """A blob's commitment (48 bytes) and all its 128 cells, in order."""

    commitment: bytes
    cells: tuple[Cell, ...]


def check_index(index: int) -> None:
    """Raises WrongIndex unless a blob has a cell of that number."""
    if not 0 <= index < CELLS_PER_BLOB:
        raise WrongIndex(f"cell {index}: a blob has cells 0 to {CELLS_PER_BLOB - 1}")


def extend_payload(payload: bytes) -> ExtendedBlob:
    """Payload (at most 130,044 bytes) to blob, commitment and cells. Raises EncodeError."""
    return extend_blob(encode_blob(payload))


def extend_blob(blob: bytes) -> ExtendedBlob:
    """Commitment, cells and proofs of a blob; 180 to 370 ms of one core. Raises MalformedInput."""
    commitment = commit(blob)
    cells, proofs = compute_cells_and_proofs(blob)
    return ExtendedBlob(commitment, _joined(cells, proofs))


def compute_cells(blob: bytes) -> tuple[bytes, ...]:
    """The 128 cells of a blob without proofs; 2.4 ms. Raises MalformedInput."""
    _check_blob(blob)
    try:
        return tuple(map(bytes, ckzg.compute_cells(blob, trusted_setup())))
    except (RuntimeError, ValueError) as error:
        raise MalformedInput(f"blob: no cells: {error}") from error


def compute_cells_and_proofs(blob: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The 128 cells of a blob and their proofs. Raises MalformedInput."""
    _check_blob(blob)
    try:
        cells, proofs = ckzg.compute_cells_and_kzg_proofs(blob, trusted_setup())
    except (RuntimeError, ValueError) as error:
        raise MalformedInput(f"blob: no cells: {error}") from error
    return tuple(map(bytes, cells)), tuple(map(bytes, proofs))


def verify_cell_batch(
    commitments: Sequence[bytes],
    indices: Sequence[int],
    cells: Sequence[bytes],
    proofs: Sequence[bytes],
) -> bool:
    """Whether every cell belongs, at its index, to the blob of its commitment.

    A batch may mix blobs and repeat cells; 2.3 ms and 0.1 ms a cell. Raises WrongIndex,
    MalformedInput.
    """
    count = len(commitments)
    if not count == len(indices) == len(cells) == len(proofs) <= MAX_CELLS_AT_A_TIME:
        raise MalformedInput(
            f"{count} commitments, {len(indices)} indices, {len(cells)} cells, {len(proofs)} "
            f"proofs; expected as many of each, at most {MAX_CELLS_AT_A_TIME}"
        )
    for commitment, index, cell, proof in zip(commitments, indices, cells, proofs, strict=True):
        check_index(index)
        _check_size("commitment for cell", index, commitment, COMMITMENT_BYTES)
        _check_size("cell", index, cell, CELL_BYTES)
        _check_size("proof of cell", index, proof, PROOF_BYTES)
    lists = (list(commitments), list(indices), list(cells), list(proofs))
    try:
        return bool(ckzg.verify_cell_kzg_proof_batch(*lists, trusted_setup()))
    except (RuntimeError, ValueError) as error:
        raise MalformedInput(f"cells: not a point or field element: {error}") from error


def verify_cells(commitment: bytes, cells: Sequence[Cell]) -> None:
    """Nothing, where every cell is one of the blob's.

    A batch that does not hold is halved until the bad cells stand alone, which costs at most
    2·bad·log2(cells) further batches. Raises WrongProof with their indices, MalformedInput where
    the commitment is not a point.
    """
    bad = tuple(sorted(_bad_cells(commitment, cells)))
    if bad:
        raise WrongProof(commitment, bad)


def _bad_cells(commitment: bytes, cells: Sequence[Cell]) -> list[int]:
    if not cells or _holds(commitment, cells):
        return []
    if len(cells) == 1:
        return [cells[0].index]
    middle = len(cells) // 2
    return _bad_cells(commitment, cells[:middle]) + _bad_cells(commitment, cells[middle:])


def _holds(commitment: bytes, cells: Sequence[Cell]) -> bool:
    try:
        return verify_cell_batch(
            [commitment] * len(cells),
            [cell.index for cell in cells],
            [cell.data for cell in cells],
            [cell.proof for cell in cells],
        )
    except MalformedInput:
        if len(cells) > 1:
            return False  # one of them is no field element or point; halving finds it
        _check_commitment(commitment)
        return False


def _check_commitment(commitment: bytes) -> None:
    """Raises MalformedInput unless these 48 bytes are a point: the blame is not a cell's then."""
    zero = bytes(32)
    try:
        ckzg.verify_kzg_proof(commitment, zero, zero, b"\xc0" + bytes(47), trusted_setup())
    except (RuntimeError, ValueError) as error:
        raise MalformedInput(f"commitment 0x{commitment.hex()}: not a point") from error


def recover_cells_and_proofs(
    indices: Sequence[int], cells: Sequence[bytes]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """All 128 cells and proofs from 64 or more, their indices ascending; 190 to 340 ms.

    What the cells are of is not checked: verify them before, or the commitment after. Raises
    WrongIndex, NotEnoughCells, MalformedInput.
    """
    if len(indices) != len(cells):
        raise MalformedInput(f"{len(indices)} cell indices, {len(cells)} cells")
    if len(indices) > CELLS_PER_BLOB:
        raise WrongIndex(f"{len(indices)} cells: a blob has {CELLS_PER_BLOB}")
    for before, index in zip((-1, *indices), indices, strict=False):
        check_index(index)
        if index <= before:
            raise WrongIndex(f"cell {index} after cell {before}: expected ascending indices")
    for index, cell in zip(indices, cells, strict=True):
        _check_size("cell", index, cell, CELL_BYTES)
    if len(indices) < CELLS_TO_RECOVER:
        raise NotEnoughCells(len(indices), CELLS_TO_RECOVER)
    try:
        all_cells, proofs = ckzg.recover_cells_and_kzg_proofs(
            list(indices), list(cells), trusted_setup()
        )
    except (RuntimeError, ValueError) as error:
        raise MalformedInput(f"cells: they are of no one blob: {error}") from error
    return tuple(map(bytes, all_cells)), tuple(map(bytes, proofs))


def recover_blob(commitment: bytes, cells: Iterable[Cell]) -> ExtendedBlob:
    """The whole blob from any 64 of its cells, in any order.

    The cells are not verified one by one: the recovered blob's own commitment is compared. Raises
    NotEnoughCells, MalformedInput, and WrongBlob where a cell was another blob's.
    """
    by_index = {cell.index: cell.data for cell in cells}
    indices = sorted(by_index)
    data, proofs = recover_cells_and_proofs(indices, [by_index[index] for index in indices])
    found = commit(blob_of_cells(data))
    if found != commitment:
        raise WrongBlob(f"cells give blob 0x{found.hex()}, expected 0x{commitment.hex()}")
    return ExtendedBlob(commitment, _joined(data, proofs))


def blob_of_cells(cells: Sequence[bytes]) -> bytes:
    """The blob out of its cells, of which the first half, in order, is the blob itself."""
    return b"".join(cells[:CELLS_TO_RECOVER])


def payload_of(extended: ExtendedBlob) -> bytes:
    """What the blob carries. Raises DecodeError where it is not in the encoding of batchers."""
    return decode_blob(blob_of_cells([cell.data for cell in extended.cells]))


def _joined(cells: Sequence[bytes], proofs: Sequence[bytes]) -> tuple[Cell, ...]:
    pairs = zip(cells, proofs, strict=True)
    return tuple(Cell(index, cell, proof) for index, (cell, proof) in enumerate(pairs))


def _check_blob(blob: bytes) -> None:
    if len(blob) != BLOB_BYTES:
        raise MalformedInput(f"blob: expected {BLOB_BYTES} bytes, got {len(blob)}")


def _check_size(name: str, index: int, given: bytes, expected: int) -> None:
    if len(given) != expected:
        raise MalformedInput(f"{name} {index}: expected {expected} bytes, got {len(given)}")
