"""How far a node is that joins by a snapshot: written by who joins, read by who is asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..p2p.state_ranges import Progress
from .trusted_root import TrustedRoot


class Phase(StrEnum):
    """What is being fetched."""

    ROOT = "an output root from L1"
    OUTPUT = "the output behind the root"
    STATE = "the state"
    BLOCKS = "the blocks below"


@dataclass(slots=True)
class Standing:
    """`genesis` is a block number, `waits_for` why nothing comes now; empty while something does.

    Everything else is None or 0 before it is known. Numbers are of what was checked.
    """

    genesis: int
    root: TrustedRoot | None = None
    phase: Phase = Phase.ROOT
    progress: Progress | None = None
    blocks: int = 0
    waits_for: str = ""

    def begin(self, root: TrustedRoot | None) -> None:
        """Another attempt, or none yet."""
        self.root, self.progress, self.blocks, self.waits_for = root, None, 0, ""
        self.phase = Phase.ROOT if root is None else Phase.OUTPUT

    def __str__(self) -> str:
        """In a few words: what is fetched, how far, and what it waits for."""
        at = "" if self.root is None else f" for block {self.root.number}"
        far = ""
        if self.phase is Phase.STATE and self.progress is not None:
            far = f", {100 * self.progress.share:.1f} %"
        if self.phase is Phase.BLOCKS:
            far = f", {self.blocks} so far"
        waits = f"; waits: {self.waits_for}" if self.waits_for else ""
        return f"{self.phase}{at}{far}{waits}"
