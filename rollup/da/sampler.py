"""What one light node asks of one blob, and what it concludes: a machine without clock or network.

    draw (entropy, only now that the commitment is known) → ask → every index held, or failed
    all but L held → AVAILABLE          more than L failed → WITHHELD → draw anew, another round

Whoever withholds must not know the indices beforehand, so entropy is an argument of `begin`, fresh
for each round and each commitment, and never leaves the node. A time-out is a failure like a wrong
cell. An index may be asked again, of other peers, within its round. After WITHHELD nothing of the
round is kept: were only the failed indices asked again, an adversary could serve just those.
Source: consensus-specs fulu/das-core.md, "Peer sampling".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from chain import rlp
from chain.errors import DecodeError

from .commitment import COMMITMENT_BYTES
from .confidence import confidence, extended_sample_count
from .erasure import CELLS_PER_BLOB
from .errors import MalformedInput, WrongIndex

if TYPE_CHECKING:
    from fractions import Fraction

SAMPLES_PER_SLOT: Final = 8
ENTROPY_BYTES: Final = 32
MAX_ATTEMPTS: Final = 255
_MAX_ROUNDS: Final = 1 << 32
_INDEX_MASK: Final = CELLS_PER_BLOB - 1
_STATE_VERSION: Final = 1


class Verdict(Enum):
    """What a node holds of a blob."""

    PENDING = "pending"
    AVAILABLE = "available"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """How hard to look: as strong as `samples` cells that all have to be there.

    With `tolerated` failures more cells are drawn, for the same strength. An index is asked
    `attempts` times before it counts as failed. Raises ValueError.
    """

    samples: int = SAMPLES_PER_SLOT
    tolerated: int = 0
    attempts: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= CELLS_PER_BLOB or not 1 <= self.attempts <= MAX_ATTEMPTS:
            raise ValueError(f"sampling plan: {self.samples} samples, {self.attempts} attempts")
        extended_sample_count(self.samples, self.tolerated)

    @property
    def drawn(self) -> int:
        """How many indices are drawn."""
        return extended_sample_count(self.samples, self.tolerated)


def draw_indices(commitment: bytes, entropy: bytes, count: int) -> tuple[int, ...]:
    """`count` different cell indices, in the order to ask for them; each order equally likely.

    Raises MalformedInput where the entropy (32 bytes) or the commitment has another size.
    """
    if len(entropy) != ENTROPY_BYTES or len(commitment) != COMMITMENT_BYTES:
        raise MalformedInput(
            f"sampling: {len(entropy)} bytes of entropy and {len(commitment)} of commitment; "
            f"expected {ENTROPY_BYTES} and {COMMITMENT_BYTES}"
        )
    if not 0 <= count <= CELLS_PER_BLOB:
        raise WrongIndex(f"{count} cells: a blob has {CELLS_PER_BLOB}")
    seed = entropy + commitment
    indices: dict[int, None] = {}
    block = 0
    while len(indices) < count:
        for byte in hashlib.sha256(seed + block.to_bytes(4, "big")).digest():
            indices[byte & _INDEX_MASK] = None
            if len(indices) == count:
                break
        block += 1
    return tuple(indices)


@dataclass(slots=True)
class Sampling:
    """One blob as one node sees it; made by `begin` or `decode`."""

    commitment: bytes
    plan: SamplingPlan
    indices: tuple[int, ...]
    round: int = 1
    _held: set[int] = field(default_factory=set)
    _failures: dict[int, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, commitment: bytes, entropy: bytes, plan: SamplingPlan) -> Sampling:
        """Draw the first round. Raises MalformedInput."""
        return cls(commitment, plan, draw_indices(commitment, entropy, plan.drawn))

    def draw_again(self, entropy: bytes) -> None:
        """Another round, with other cells; what was held before counts no more."""
        self.indices = draw_indices(self.commitment, entropy, self.plan.drawn)
        self.round += 1
        self._held.clear()
        self._failures.clear()

    def to_ask(self) -> tuple[int, ...]:
        """Indices that are neither held nor failed for good, in the order drawn."""
        if self.verdict is not Verdict.PENDING:
            return ()
        return tuple(i for i in self.indices if i not in self._held and not self._has_failed(i))

    def held(self, index: int) -> None:
        """A cell came, and its proof holds. Raises WrongIndex for a cell that was not drawn."""
        self._check_drawn(index)
        if not self._has_failed(index):
            self._held.add(index)

    def failed(self, index: int) -> None:
        """An attempt came to nothing: no answer in time, no such cell, or a wrong one."""
        self._check_drawn(index)
        if index not in self._held:
            self._failures[index] = min(self._failures.get(index, 0) + 1, self.plan.attempts)

    def attempts(self, index: int) -> int:
        """How often asking for a cell has failed in this round."""
        return self._failures.get(index, 0)

    @property
    def held_count(self) -> int:
        """Cells of this round that are held."""
        return len(self._held)

    @property
    def failed_indices(self) -> tuple[int, ...]:
        """Cells of this round that failed for good."""
        return tuple(index for index in self.indices if self._has_failed(index))

    @property
    def verdict(self) -> Verdict:
        """What is known by now."""
        failed = len(self.failed_indices)
        if failed > self.plan.tolerated:
            return Verdict.WITHHELD
        if len(self._held) + failed == len(self.indices):
            return Verdict.AVAILABLE
        return Verdict.PENDING

    @property
    def confidence(self) -> Fraction:
        """That the blob can be put together: 0 until it is AVAILABLE."""
        return self.confidence_of() if self.verdict is Verdict.AVAILABLE else confidence(0)

    def confidence_of(self) -> Fraction:
        """What the confidence will be if this round succeeds."""
        return confidence(len(self.indices), self.plan.tolerated, self.round)

    def encode(self) -> bytes:
        """All of it, for a disk. The indices are a secret of the node while it samples."""
        failures = [[_int(i), _int(n)] for i, n in sorted(self._failures.items())]
        return rlp.encode(
            [
                _int(_STATE_VERSION),
                self.commitment,
                [_int(n) for n in (self.plan.samples, self.plan.tolerated, self.plan.attempts)],
                bytes(self.indices),
                _int(self.round),
                bytes(sorted(self._held)),
                failures,
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> Sampling:
        """Read what `encode` wrote. Raises DecodeError."""
        item = rlp.decode(data)
        if not isinstance(item, list) or len(item) != 7:
            raise DecodeError("sampling state: expected a list of 7 items")
        version, commitment, numbers, indices, rounds, held, failures = item
        if version != _int(_STATE_VERSION):
            raise DecodeError(
                f"sampling state: version {version!r}, only {_STATE_VERSION} is known"
            )
        plan = _plan_of(numbers)
        commitment, indices, held = (
            rlp.decode_bytes(part, "sampling state") for part in (commitment, indices, held)
        )
        number = _number(rounds, _MAX_ROUNDS)
        state = cls(commitment, plan, tuple(indices), number)
        if len(commitment) != COMMITMENT_BYTES or len(indices) != plan.drawn or number < 1:
            raise DecodeError("sampling state: commitment, indices or round do not fit")
        if len(set(indices)) != len(indices) or max(indices) >= CELLS_PER_BLOB:
            raise DecodeError("sampling state: indices are not those of different cells")
        state._take(held, failures)
        return state

    def _take(self, held: bytes, failures: object) -> None:
        if not isinstance(failures, list):
            raise DecodeError("sampling state: failures are not a list")
        pairs = [_pair(entry, self.plan.attempts) for entry in failures]
        named = [index for index, _ in pairs]
        for what in (list(held), named):
            if what != sorted(set(what)) or not set(what) <= set(self.indices):
                raise DecodeError("sampling state: a cell that was not drawn, or twice")
        self._held.update(held)
        self._failures.update(pairs)
        if any(self._has_failed(index) for index in self._held):
            raise DecodeError("sampling state: a cell is both held and failed")

    def _has_failed(self, index: int) -> bool:
        return self._failures.get(index, 0) >= self.plan.attempts

    def _check_drawn(self, index: int) -> None:
        if index not in self.indices:
            raise WrongIndex(f"cell {index} was not drawn for blob 0x{self.commitment.hex()}")


def _int(number: int) -> bytes:
    return rlp.encode_int(number)


def _number(item: object, most: int) -> int:
    if not isinstance(item, bytes):
        raise DecodeError("sampling state: a list where a number is expected")
    number = rlp.decode_int(item)
    if number > most:
        raise DecodeError(f"sampling state: {number} is above {most}")
    return number


def _pair(item: object, most: int) -> tuple[int, int]:
    if not isinstance(item, list) or len(item) != 2:
        raise DecodeError("sampling state: a failure is not a pair")
    index, times = _number(item[0], CELLS_PER_BLOB - 1), _number(item[1], most)
    if times == 0:
        raise DecodeError("sampling state: a failure of no attempts")
    return index, times


def _plan_of(item: object) -> SamplingPlan:
    if not isinstance(item, list) or len(item) != 3:
        raise DecodeError("sampling state: the plan is not three numbers")
    samples, tolerated, attempts = (_number(part, MAX_ATTEMPTS) for part in item)
    try:
        return SamplingPlan(samples, tolerated, attempts)
    except ValueError as error:
        raise DecodeError(f"sampling state: {error}") from error
