"""The project's own source as syntax trees, for the tests that hold the house to its rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("chain", "genesis", "evm", "rollup", "node", "ai")


@dataclass(frozen=True)
class SourceFile:
    """One module: its path from the root (`chain/block.py`) and its parsed text."""

    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.path.split("/", 1)[0]

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, dotted module) of each absolute import."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.lineno, node.module


@cache
def source_files() -> tuple[SourceFile, ...]:
    """Every .py file of the six rooms, in path order."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            found.append(SourceFile(name, ast.parse(path.read_text(), filename=name)))
    return tuple(found)
