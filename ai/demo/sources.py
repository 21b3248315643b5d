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


TEXT_MODULES: Final = (("Ada", "textwrap"), ("Ben", "difflib"), ("Cleo", "csv"))
NUMBER_MODULES: Final = (("Dana", "statistics"), ("Emil", "heapq"), ("Fay", "shutil"))


def python_datanets() -> tuple[PlannedDatanet, ...]:
    """The two Datanets of the demo, from the documentation on this machine.

    The contributors' names are labels of fresh keys; the text is CPython's own.
    """
    return (
        _from_modules("Python documentation: text", TEXT_MODULES),
        _from_modules("Python documentation: numbers and files", NUMBER_MODULES),
    )


def _from_modules(title: str, modules: Sequence[tuple[str, str]]) -> PlannedDatanet:
    contributions = tuple(
        PlannedContribution(name, module, _module_rows(module)) for name, module in modules
    )
    # Ask what the rows of different contributors answer, so that the shares of the answers differ.
    questions = (_first_question(contributions[0]), _first_question(contributions[-1]))
    return PlannedDatanet(title, PSF_LICENCE, contributions, questions)


def _first_question(contribution: PlannedContribution) -> str:
    prompts = [str(row["prompt"]) for row in contribution.rows]
    return next((text for text in prompts if text.startswith("What does")), prompts[0])


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
