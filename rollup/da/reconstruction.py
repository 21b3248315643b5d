"""Putting one blob together from cells that come in one by one, from anybody.

A cell that is there already is passed over before its proof is looked at, so a peer that sends one
a million times costs nothing but reading it. Of 64 good cells any give the rest, which then can be
given back to the nodes that lost theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .erasure import CELLS_PER_BLOB, CELLS_TO_RECOVER, Cell, recover_blob, verify_cells
from .errors import CellOfAnotherBlob, NotEnoughCells

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .erasure import ExtendedBlob


@dataclass(slots=True)
class Reconstruction:
    """The cells of one commitment that have been seen to hold."""

    commitment: bytes
    _cells: dict[int, Cell] = field(default_factory=dict)

    def new_among(self, cells: Iterable[Cell]) -> tuple[Cell, ...]:
        """Those that are not here yet, each index once."""
        found: dict[int, Cell] = {}
        for cell in cells:
            if cell.index not in self._cells:
                found.setdefault(cell.index, cell)
        return tuple(found.values())

    def add(self, commitment: bytes, cells: Iterable[Cell]) -> int:
        """Take the cells that are new, if all of those hold; how many they were.

        Raises CellOfAnotherBlob, and WrongProof, which names whom not to ask again; nothing of the
        batch is kept then.
        """
        if commitment != self.commitment:
            raise CellOfAnotherBlob(self.commitment, commitment)
        new = self.new_among(cells)
        verify_cells(self.commitment, new)
        self.take_verified(new)
        return len(new)

    def take_verified(self, cells: Iterable[Cell]) -> None:
        """Take cells whose proofs somebody else has verified already."""
        self._cells.update((cell.index, cell) for cell in cells)

    def cell(self, index: int) -> Cell | None:
        """A cell that is here."""
        return self._cells.get(index)

    @property
    def have(self) -> tuple[int, ...]:
        """Indices that are here, ascending."""
        return tuple(sorted(self._cells))

    @property
    def missing(self) -> tuple[int, ...]:
        """Indices that are not here, ascending."""
        return tuple(index for index in range(CELLS_PER_BLOB) if index not in self._cells)

    @property
    def is_enough(self) -> bool:
        """Whether the blob can be put together."""
        return len(self._cells) >= CELLS_TO_RECOVER

    def cells(self) -> tuple[Cell, ...]:
        """What `rollup.da.erasure.recover_blob` needs. Raises NotEnoughCells."""
        if not self.is_enough:
            raise NotEnoughCells(len(self._cells), CELLS_TO_RECOVER)
        return tuple(self._cells[index] for index in self.have[:CELLS_TO_RECOVER])

    def finish(self) -> ExtendedBlob:
        """The whole blob; 190 to 340 ms. Raises NotEnoughCells, WrongBlob."""
        return recover_blob(self.commitment, self.cells())
