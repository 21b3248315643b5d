"""The field's fixtures as pytest parameters: which cases run, and which never do and why.

Without a word a seeded sample of the large sets runs. STEMMA_FIXTURES=all runs everything; any
other text in it runs the cases whose name holds it, so that one case can be run by its name. What
is never run stands in tests/vectors/skipped_fixtures.toml.
"""

from __future__ import annotations

import json
import os
import random
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from vectors import vectors_root

SKIPPED = Path(__file__).resolve().parents[1] / "vectors" / "skipped_fixtures.toml"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Fixture:
    """One case: where it lies, and what of its file it is. Read when it runs."""

    path: Path
    test: str
    fork: str = ""
    index: int = 0

    def read(self) -> dict[str, Any]:
        """The test of its file that this case belongs to."""
        return read_tests(self.path)[self.test]

    @property
    def name(self) -> str:
        """Folder and file below the root, test, fork and index."""
        where = self.path.relative_to(vectors_root()).with_suffix("")
        test = self.test.split("::")[-1]
        return f"{where}/{test}" + (f"[{self.fork}-{self.index}]" if self.fork else "")


@lru_cache(maxsize=4)
def read_tests(path: Path) -> dict[str, Any]:
    """Read a file of fixtures."""
    return json.loads(path.read_text())


def wanted() -> str:
    """Return what STEMMA_FIXTURES asks for; nothing means a sample."""
    return os.environ.get("STEMMA_FIXTURES", "")


def skip_entries() -> list[dict[str, str]]:
    """Read what is never run: `cases` is part of a name, `reason` says why."""
    return tomllib.loads(SKIPPED.read_text())["skip"]


def reason_to_skip(name: str) -> str | None:
    """Why a case is never run, or None where it is."""
    return next((entry["reason"] for entry in skip_entries() if entry["cases"] in name), None)


def files(*folders: str) -> list[Path]:
    """Every file below these folders of the vectors, in a fixed order."""
    return [
        path for folder in folders for path in sorted((vectors_root() / folder).rglob("*.json"))
    ]


def parameters(
    folders: tuple[str, ...],
    cases_of: Callable[[Path], Iterator[Fixture]],
    sample_files: int | None = None,
    cases_per_file: int = 2,
    too_slow: tuple[str, ...] = (),
) -> list[Any]:
    """Choose the cases as pytest parameters; `too_slow` are names that no sample holds.

    Without a number of files there is no sample: everything runs always.
    """
    text, paths = wanted(), files(*folders)
    if sample_files is None:
        text = text or ALL
    if text:
        cases = [case for path in paths for case in cases_of(path)]
        chosen = [case for case in cases if text == ALL or text in case.name]
    else:
        chance = random.Random(7)
        quick = [path for path in paths if not any(part in str(path) for part in too_slow)]
        chosen = []
        for path in chance.sample(quick, min(sample_files, len(quick))):
            cases = [case for case in cases_of(path) if reason_to_skip(case.name) is None]
            chosen += chance.sample(cases, min(cases_per_file, len(cases)))
    return [pytest.param(case, id=case.name, marks=_marks(case)) for case in chosen]


def _marks(case: Fixture) -> tuple[Any, ...]:
    reason = reason_to_skip(case.name)
    return () if reason is None else (pytest.mark.skip(reason=reason),)
