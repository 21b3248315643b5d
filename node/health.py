"""What /readyz looks at: whether the node does its work, not merely whether it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .rpc.server import Health

_MIN_FREE_BYTES = 1 << 30
_LATE_BLOCK_TIMES = 3
_GRACE_S = 10.0
# A poll asks twice a second; one that hangs gives up after a minute, which is too late to say so.
_MAX_SILENT_S = 10.0


@dataclass(frozen=True, slots=True)
class HealthProbe:
    """Looks at one node."""

    datadir: Path
    now: Callable[[], float]
    head_timestamp: Callable[[], int]
    block_time_s: int
    is_sequencing: bool
    l1_silent_s: Callable[[], float]
    l1_lag_blocks: Callable[[], int]
    max_lag_blocks: int

    def look(self) -> Health:
        """Run every check."""
        return Health((self._head(), self._l1(), self._lag(), self._disk()))

    def free_bytes(self) -> int:
        """Free space of the data directory."""
        return shutil.disk_usage(self.datadir).free

    def _head(self) -> tuple[str, bool, str]:
        age_s = max(0.0, self.now() - self.head_timestamp())
        limit_s = _LATE_BLOCK_TIMES * self.block_time_s + _GRACE_S
        ok = not self.is_sequencing or age_s <= limit_s
        return "head", ok, f"{age_s:.0f} s old" + (f", limit {limit_s:.0f} s" if not ok else "")

    def _l1(self) -> tuple[str, bool, str]:
        silent_s = self.l1_silent_s()
        ok = silent_s <= _MAX_SILENT_S
        return "l1", ok, "answers" if ok else f"silent for {silent_s:.0f} s"

    def _lag(self) -> tuple[str, bool, str]:
        lag = self.l1_lag_blocks()
        return "derivation", lag <= self.max_lag_blocks, f"{lag} L1 blocks behind"

    def _disk(self) -> tuple[str, bool, str]:
        free = self.free_bytes()
        return "disk", free >= _MIN_FREE_BYTES, f"{free >> 20} MiB free"
