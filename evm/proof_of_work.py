"""What a block of proof of work owes to its parent: its difficulty, and the rewards it pays.

Pure arithmetic. The seal itself (ethash: mix hash and nonce) is not checked anywhere in this node;
whoever imports such a chain trusts its source for that. Which fork has which numbers is in
`forks.py`. Sources: yellow paper, sections 4.3.4 and 11.3; EIP-2 (Homestead), 100 (Byzantium), 649,
1234, 2384, 3554, 4345 and 5133 (delays of the difficulty bomb).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chain.block import EMPTY_OMMERS_HASH, Header
from chain.types import Address

MIN_DIFFICULTY: Final = 131_072
ADJUSTMENT_DIVISOR: Final = 2_048
MAX_STEPS_DOWN: Final = 99
BOMB_PERIOD_BLOCKS: Final = 100_000
BOMB_FREE_PERIODS: Final = 2
OMMER_DEPTH: Final = 8
"""An ommer so many blocks back would get nothing; six is the most that is allowed."""
NEPHEW_DIVISOR: Final = 32

Steps = Callable[[Header, int], int]
"""By how many steps the difficulty moves from a parent to a child of that timestamp."""


def frontier_steps(parent: Header, timestamp: int) -> int:
    """One step up where the child came within 13 seconds, else one down."""
    return 1 if timestamp - parent.timestamp < 13 else -1


def homestead_steps(parent: Header, timestamp: int) -> int:
    """EIP-2: a step down for every 10 seconds beyond the first ten."""
    return 1 - (timestamp - parent.timestamp) // 10


def byzantium_steps(parent: Header, timestamp: int) -> int:
    """EIP-100: a step down for every 9 seconds, one up where the parent has ommers."""
    best = 1 if parent.ommers_hash == EMPTY_OMMERS_HASH else 2
    return best - (timestamp - parent.timestamp) // 9


@dataclass(frozen=True, slots=True)
class ProofOfWork:
    """The rules of mining: `reward` in wei, `bomb_delay` in blocks."""

    reward: int
    steps: Steps
    bomb_delay: int = 0

    def difficulty(self, parent: Header, timestamp: int) -> int:
        """Difficulty of the child of `parent` with that timestamp, in seconds."""
        steps = max(self.steps(parent, timestamp), -MAX_STEPS_DOWN)
        difficulty = parent.difficulty + parent.difficulty // ADJUSTMENT_DIVISOR * steps
        difficulty = max(difficulty, MIN_DIFFICULTY)
        number = max(parent.number + 1 - self.bomb_delay, 0)
        periods = number // BOMB_PERIOD_BLOCKS - BOMB_FREE_PERIODS
        return difficulty + 2**periods if periods >= 0 else difficulty

    def rewards(
        self, number: int, beneficiary: Address, ommers: Sequence[Header]
    ) -> list[tuple[Address, int]]:
        """Who is paid how many wei for block `number`: ommers first, then the miner."""
        paid = [
            (ommer.beneficiary, self.reward * (OMMER_DEPTH + ommer.number - number) // OMMER_DEPTH)
            for ommer in ommers
        ]
        return [*paid, (beneficiary, self.reward + len(ommers) * (self.reward // NEPHEW_DIVISOR))]
