"""Write docs/protocol/l1-scenarios.md from the scenarios of tests/actions/test_l1_script_*.py."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

if __name__ == "__main__":
    from l1_script_page import write

    write()
