"""What the demo's contributors give: documentation that every CPython carries, or a user's file.

Two Datanets are made from modules that the base model has never seen (HELD_OUT_MODULES), each from
several contributors. Knows nothing of chains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ai.datasets.formats import read_rows
from ai.datasets.python_docs import module_objects, question_rows
from ai.datasets.rows import Row

MAX_ROWS_PER_CONTRIBUTION: Final = 24
"""Keeps a training run within seconds on two cores; a real Datanet has no such limit."""

MAX_COMPLETION_CHARS: Final = 240
PSF_LICENCE: Final = "PSF-2.0"
UNKNOWN_LICENCE: Final = "LicenseRef-as-given"


@dataclass(frozen=True, slots=True)
class PlannedContribution:
    """Rows that one named contributor will give."""

    contributor: str
    source: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class PlannedDatanet:
    """A Datanet to create, who gives what to it, and what is asked of the adapter it trains."""

    title: str
    licence: str
    contributions: tuple[PlannedContribution, ...]
    questions: tuple[str, ...]


TEXT_MODULES: Final = ("textwrap", "difflib", "csv")
NUMBER_MODULES: Final = ("statistics", "heapq", "shutil")


def python_datanets() -> tuple[PlannedDatanet, ...]:
    """The two Datanets of the demo, from the documentation on this machine.

    The contributors' names are labels of fresh keys; the text is CPython's own.
    """
    return (
        _from_modules("Python documentation: text", TEXT_MODULES, first=1),
        _from_modules("Python documentation: numbers and files", NUMBER_MODULES, first=4),
    )


def _from_modules(title: str, modules: Sequence[str], first: int) -> PlannedDatanet:
    """One contributor a module, each of whom also gives rows of the next: answers have two sources.

    The rows of a module are dealt in turn, so that two people say the same thing in other words and
    share what an answer made of both earns.
    """
    rows_of = [_module_rows(module) for module in modules]
    count = len(modules)
    contributions = tuple(
        PlannedContribution(
            contributor=f"contributor-{first + number}",
            source=f"{modules[number]}, {modules[(number + 1) % count]}",
            rows=(*rows_of[number][0::2], *rows_of[(number + 1) % count][1::2]),
        )
        for number in range(count)
    )
    questions = tuple(_question(rows_of[number], contributions) for number in (0, -1))
    return PlannedDatanet(title, PSF_LICENCE, contributions, questions)


def _question(rows: Sequence[Row], contributions: Sequence[PlannedContribution]) -> str:
    """A question about this module, if possible one whose answer two contributors have given."""
    asked = [row for row in rows if str(row["prompt"]).startswith("What does")] or list(rows)
    shared = (row for row in asked if _givers(str(row["completion"]), contributions) > 1)
    return str(next(shared, asked[0])["prompt"])


def _givers(text: str, contributions: Sequence[PlannedContribution]) -> int:
    return sum(
        any(text in " ".join(str(row["completion"]).split()) for row in each.rows)
        for each in contributions
    )


def _module_rows(module: str) -> tuple[Row, ...]:
    rows = [row for item in module_objects([module]) for row in question_rows(item)]
    short = [row for row in rows if len(row["completion"]) <= MAX_COMPLETION_CHARS]
    return tuple(short[:MAX_ROWS_PER_CONTRIBUTION])


def file_datanet(path: Path) -> PlannedDatanet:
    """A Datanet of a user's own file (.jsonl, .json, .csv, .txt, .parquet), by one contributor.

    Raises MalformedFile or MalformedRow naming file and line.
    """
    rows = tuple(read_rows(path))
    asked = [str(row["prompt"]) or str(row["completion"])[:60] for row in rows[:2]]
    contribution = PlannedContribution("you", path.name, rows)
    return PlannedDatanet(f"Your data: {path.name}", UNKNOWN_LICENCE, (contribution,), tuple(asked))
