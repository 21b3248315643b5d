"""What can go wrong in derivation, by what to do about it.

    StemmaError
    ├── rollup.l1.provider.L1DataMissing    RETRY  fetch the L1 block or blob, then step again
    └── DerivationError
        ├── ReorgDetected                   RESET  L1 is not what we derived from any more
        │   └── ChallengeLost               RESET  to before a commitment whose data never came
        └── CorruptDerivation               STOP   our own state contradicts itself

Malformed L1 data is none of these: it is dropped inside the stage that reads it.
"""

from __future__ import annotations

from typing import ClassVar

from chain.errors import Recovery, StemmaError


class DerivationError(StemmaError):
    """Base of what the pipeline itself raises."""


class ReorgDetected(DerivationError):
    """L1 blocks that the L2 chain or the pipeline builds on are no longer canonical."""

    recovery: ClassVar[Recovery] = Recovery.RESET


class ChallengeLost(ReorgDetected):
    """Data that the safe chain was derived from do not count: their commitment, in L1 block
    `included_in`, was challenged, and they did not come to L1 in time.
    """

    def __init__(self, included_in: int, commitment: bytes) -> None:
        self.included_in = included_in
        super().__init__(
            f"commitment 0x{commitment.hex()} of L1 block {included_in} was challenged and its "
            "data did not come to L1 in time: L2 is derived again from before that block"
        )


class CorruptDerivation(DerivationError):
    """A stage was handed what no earlier stage may give; a bug or a damaged database."""

    recovery: ClassVar[Recovery] = Recovery.STOP
