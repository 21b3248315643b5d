"""What can be wrong with cells, blobs, receipts and certificates, by name.

DataAvailabilityError
├── MalformedInput         STOP   the bytes have not the form: size, field element, curve point
├── WrongIndex             STOP   no such cell, or one twice, or out of order
├── WrongProof             STOP   the proof does not tie the cell to the commitment
├── CellOfAnotherBlob      STOP   it was labelled with another commitment than was asked for
├── WrongBlob              STOP   what was put together is not what the commitment says
├── NotEnoughCells         RETRY  fewer cells than half: more may come
├── InvalidReceipt         STOP   a receipt that its node did not sign, or for something else
└── InvalidCertificate     STOP   a certificate that does not show a quorum
"""

from __future__ import annotations

from typing import ClassVar

from chain.errors import DecodeError, Recovery, StemmaError


class DataAvailabilityError(StemmaError):
    """Base of what this room raises."""


class MalformedInput(DataAvailabilityError, DecodeError):
    """Bytes that are no blob, cell, commitment, proof or field element."""


class WrongIndex(DataAvailabilityError, DecodeError):
    """A cell index out of range, given twice, or not in ascending order."""


class WrongProof(DataAvailabilityError):
    """Cells whose proofs do not hold against the commitment; `indices` are theirs, ascending."""

    def __init__(self, commitment: bytes, indices: tuple[int, ...]) -> None:
        self.commitment = commitment
        self.indices = indices
        listed = ", ".join(map(str, indices))
        super().__init__(f"blob 0x{commitment.hex()}: the proof of cell {listed} does not hold")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.commitment, self.indices)


class CellOfAnotherBlob(DataAvailabilityError):
    """A cell that says of itself that it belongs to another blob than the one asked for."""

    def __init__(self, expected: bytes, got: bytes) -> None:
        super().__init__(f"cell of blob 0x{got.hex()} where one of 0x{expected.hex()} was asked")


class WrongBlob(DataAvailabilityError):
    """A blob whose own commitment is not the one it was kept under."""


class NotEnoughCells(DataAvailabilityError):
    """A blob cannot be put together yet: `have` of the `need` cells are here."""

    recovery: ClassVar[Recovery] = Recovery.RETRY

    def __init__(self, have: int, need: int) -> None:
        self.have = have
        self.need = need
        super().__init__(f"{have} cells are here, {need} are needed to put a blob together")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.have, self.need)


class InvalidReceipt(DataAvailabilityError):
    """A storage receipt that proves nothing; says why."""


class InvalidCertificate(DataAvailabilityError):
    """A certificate that proves nothing; says why, both sides where there are two."""
