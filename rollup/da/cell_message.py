"""Cells of one blob as bytes, for whatever carries them: HTTP, gossip, requests.

    message = commitment (48) ++ reference block (u64) ++ count (u8) ++ cells
    cell    = index (u8) ++ data (2,048) ++ proof (48), indices ascending

The reference block is that of the certificate being collected; 0 where cells are only handed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .commitment import COMMITMENT_BYTES, PROOF_BYTES
from .erasure import CELL_BYTES, CELLS_PER_BLOB, Cell
from .errors import MalformedInput, WrongIndex

_HEAD_BYTES: Final = COMMITMENT_BYTES + 8 + 1
_ENTRY_BYTES: Final = 1 + CELL_BYTES + PROOF_BYTES
MAX_MESSAGE_BYTES: Final = _HEAD_BYTES + CELLS_PER_BLOB * _ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class CellMessage:
    """Cells that say of themselves that they are of the blob `commitment`."""

    commitment: bytes
    cells: tuple[Cell, ...]
    reference_block: int = 0

    def encode(self) -> bytes:
        """The message; cells in ascending order."""
        parts = [
            self.commitment,
            self.reference_block.to_bytes(8, "big"),
            bytes((len(self.cells),)),
        ]
        for cell in sorted(self.cells, key=lambda cell: cell.index):
            parts += (bytes((cell.index,)), cell.data, cell.proof)
        return b"".join(parts)

    @staticmethod
    def decode(data: bytes) -> CellMessage:
        """Read a message; no proof is looked at. Raises MalformedInput, WrongIndex."""
        if len(data) < _HEAD_BYTES:
            raise MalformedInput(f"cells: {len(data)} bytes, a message has {_HEAD_BYTES} at least")
        count = data[_HEAD_BYTES - 1]
        if len(data) != _HEAD_BYTES + count * _ENTRY_BYTES:
            raise MalformedInput(
                f"cells: {len(data)} bytes, {count} cells take {_HEAD_BYTES + count * _ENTRY_BYTES}"
            )
        cells = []
        last = -1
        for start in range(_HEAD_BYTES, len(data), _ENTRY_BYTES):
            index = data[start]
            if index <= last:
                raise WrongIndex(f"cell {index} after cell {last}: expected ascending indices")
            last = index
            middle = start + 1 + CELL_BYTES
            cells.append(Cell(index, data[start + 1 : middle], data[middle : start + _ENTRY_BYTES]))
        return CellMessage(
            data[:COMMITMENT_BYTES],
            tuple(cells),
            int.from_bytes(data[COMMITMENT_BYTES : _HEAD_BYTES - 1], "big"),
        )
