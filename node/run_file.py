"""run.json: where a running node is and what stands where; for scripts, tests and the AI tower.

Written in one step when the node is ready, removed when it stops.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

RUN_FILE = "run.json"


def write_run_file(datadir: Path, content: Mapping[str, object]) -> Path:
    """Write run.json beside itself and rename, so that a reader sees all of it or none."""
    path = datadir / RUN_FILE
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(path)
    return path


def forget_run_file(datadir: Path) -> None:
    """Remove what a process that was killed left behind; the caller holds the directory's lock."""
    (datadir / RUN_FILE).unlink(missing_ok=True)


def remove_run_file(datadir: Path) -> None:
    """Remove run.json if this process wrote it."""
    path = datadir / RUN_FILE
    try:
        owner = json.loads(path.read_text()).get("pid")
    except (OSError, ValueError):
        return
    if owner == os.getpid():
        path.unlink(missing_ok=True)
