"""Which places of which code are worth a region, and how many regions are kept.

The interpreter counts, for each code, how often a place is jumped to. A place that is jumped to
often gets a region once the code has run long enough to pay for making it, so that no code costs
more than a fixed multiple of its interpretation, whatever it looks like. Counts and regions change
speed, never results.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Final

from ..program import Program
from .region import Explorer, Region, Writer, compile_region


@dataclass(frozen=True, slots=True)
class Policy:
    """When a region is made. Tests make them at once, to see the source of any code run."""

    visits: int = 32
    """How often a place is jumped to before a region is thought of."""
    visits_per_opcode: int = 8
    """Jumps to be interpreted in a code for each opcode that is made into Python there."""
    takes_cold: bool = False
    """Whether a region goes on into places that were never jumped to."""


DEFAULT: Final = Policy()
EAGER: Final = Policy(visits=1, visits_per_opcode=0, takes_cold=True)
FOR_EVER: Final = 1 << 40
MAX_REGION_OPCODES: Final = 2_000
LEAST_PART_OPCODES: Final = 256
"""Who can pay for so many gets a region of the nearest part of what a place leads to."""
LOOKS_PER_REGION: Final = 3
"""Exploring code costs a third of making a region of it."""
VISITS_BETWEEN_LOOKS: Final = 64
VISITS_PER_FRAME: Final = 16
"""Jumps that take as long as setting up a frame, which therefore counts for so many."""
MAX_REGION_SOURCE_BYTES: Final = 1 << 18
MAX_CODE_SOURCE_BYTES: Final = 1 << 20
MAX_BYTES: Final = 1 << 24
"""Bound on what is kept: source of regions, and CODE_WEIGHT for each byte of code."""
CODE_WEIGHT: Final = 8
"""A decoded program takes near 60 bytes for each byte of code, a region near 7 of its source."""
CODE_OVERHEAD_BYTES: Final = 256


class HotCode:
    """Counts and regions of one code."""

    __slots__ = ("_spent", "_wanted", "frames", "heat", "kept_by", "policy", "program", "regions",
                 "source_bytes", "used")  # fmt: skip

    def __init__(
        self, code: bytes, policy: Policy = DEFAULT, kept_by: HotCodes | None = None
    ) -> None:
        self.program = Program(code)
        self.policy = policy
        self.kept_by = kept_by
        self.heat: dict[int, int] = {}
        self.regions: dict[int, Region] = {}
        self.source_bytes = 0
        self.used = False
        self.frames = 0
        self._spent = 0
        self._wanted: dict[int, int] = {}  # by place: the credit at which to look at it again

    @property
    def size_bytes(self) -> int:
        """What this counts for in a cache."""
        return CODE_OVERHEAD_BYTES + CODE_WEIGHT * len(self.program.code) + self.source_bytes

    def warm_up(self, pc: int) -> Region | None:
        """Count one more visit of a place; its region as soon as it is worth one."""
        visits = self.heat.get(pc, 0) + 1
        self.heat[pc] = visits
        if visits < self.policy.visits:
            return None
        if self.source_bytes > MAX_CODE_SOURCE_BYTES:
            self._put_off(pc, FOR_EVER)
            return None
        credit = self._credit()
        if credit < self._wanted.get(pc, 0):
            self._put_off(pc, VISITS_BETWEEN_LOOKS)
            return None
        return self._look(pc, credit)

    def _look(self, pc: int, credit: int) -> Region | None:
        """Explore a place as far as the credit goes; its region if that is far enough."""
        price = self.policy.visits_per_opcode
        affordable = credit // price if price else MAX_REGION_OPCODES
        explorer = Explorer(self.program, pc, self._is_warm)
        explorer.explore(min(affordable, MAX_REGION_OPCODES))
        is_part = affordable < explorer.opcodes or not explorer.is_whole
        if is_part and affordable < LEAST_PART_OPCODES:
            self._spent += explorer.opcodes * price // LOOKS_PER_REGION
            self._wanted[pc] = 2 * credit
            self._put_off(pc, VISITS_BETWEEN_LOOKS)
            return None
        self._spent += explorer.opcodes * price
        return self._make(pc, explorer)

    def _credit(self) -> int:
        earned = sum(list(self.heat.values())) + VISITS_PER_FRAME * self.frames
        return max(0, earned - self._spent)

    def _is_warm(self, pc: int) -> bool:
        return self.policy.takes_cold or self.heat.get(pc, 0) != 0

    def _make(self, pc: int, explorer: Explorer) -> Region | None:
        source = Writer(self.program, explorer).source()
        if explorer.opcodes < 2 or len(source) > MAX_REGION_SOURCE_BYTES:
            self._put_off(pc, FOR_EVER)
            return None
        region = compile_region(source, self.program)
        self.regions[pc] = region
        self.source_bytes += len(source)
        if self.kept_by is not None:
            self.kept_by.size_bytes += len(source)
        return region

    def _put_off(self, pc: int, visits: int) -> None:
        """Let a place be visited so much more often before it is looked at again."""
        self.heat[pc] -= visits
        self._spent -= visits


class HotCodes:
    """Hot codes by code, bounded by what they hold; any thread may ask."""

    __slots__ = ("_changing", "_codes", "_limit_bytes", "policy", "size_bytes")

    def __init__(self, limit_bytes: int = MAX_BYTES, policy: Policy = DEFAULT) -> None:
        self.policy = policy
        self._codes: dict[bytes, HotCode] = {}
        self._limit_bytes = limit_bytes
        self._changing = Lock()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._codes)

    def once(self, code: bytes) -> HotCode:
        """The same for init code, of which nothing is kept."""
        return HotCode(code, self.policy)

    def get(self, code: bytes) -> HotCode:
        """What is known of this code."""
        hot = self._codes.get(code)
        if hot is None:
            return self._add(code)
        hot.used = True
        return hot

    def _add(self, code: bytes) -> HotCode:
        hot = HotCode(code, self.policy, self)
        with self._changing:
            while self.size_bytes + hot.size_bytes > self._limit_bytes and self._codes:
                self._drop_one()
            if code not in self._codes:
                self._codes[code] = hot
                self.size_bytes += hot.size_bytes
            return self._codes[code]

    def _drop_one(self) -> None:
        """Drop the oldest that was not used since it was last passed over."""
        while True:
            code, hot = next(iter(self._codes.items()))
            del self._codes[code]
            if not hot.used:
                break
            hot.used = False
            self._codes[code] = hot
        hot.kept_by = None
        self.size_bytes -= hot.size_bytes


HOT_CODES: Final = HotCodes()
"""Of this process."""
