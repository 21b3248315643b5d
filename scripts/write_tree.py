"""Writes the tree of README.md: every module of the six rooms with the first line of its docstring.

python scripts/write_tree.py          # rewrite the part between the markers
python scripts/write_tree.py --check  # exit 1 if it would change
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "chain": "FLOOR 0 · what a chain is made of",
    "genesis": "FLOOR 1 · what this chain starts from",
    "evm": "FLOOR 2 · the state transition function",
    "rollup": "FLOOR 3 · from L2 blocks to L1 and back",
    "node": "FLOOR 4 · everything that touches the outside",
    "ai": "RIGHT TOWER · data, training, serving, attribution",
}
BEGIN, END = "<!-- tree: scripts/write_tree.py -->", "<!-- end of tree -->"
WIDTH = 118
COMMENT_COLUMN = 34


def first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1].rsplit(" ", 1)[0] + " …"


def entry(indent: str, name: str, comment: str) -> str:
    left = f"{indent}{name}".ljust(COMMENT_COLUMN)
    return f"{left} {shortened(comment, WIDTH - len(left) - 1)}".rstrip()


def folder_lines(folder: Path, depth: int) -> list[str]:
    lines = []
    for path in sorted(folder.glob("*.py")):
        if path.name not in {"__init__.py", "__main__.py"}:
            lines.append(entry("  " * depth, path.name, first_line(path)))
    for sub in sorted(folder.iterdir()):
        if (sub / "__init__.py").exists():
            lines.append(entry("  " * depth, sub.name + "/", first_line(sub / "__init__.py")))
            lines += folder_lines(sub, depth + 1)
    return lines


def tree() -> str:
    lines = []
    for room, title in ROOMS.items():
        lines += [entry("", room + "/", title), *folder_lines(ROOT / room, 1)]
    return "```\n" + "\n".join(lines) + "\n```"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = f"{before}{BEGIN}\n{tree()}\n{END}{after}"
    if parser.parse_args().check:
        sys.exit(0 if wanted == text else "README.md: run python scripts/write_tree.py")
    readme.write_text(wanted)


if __name__ == "__main__":
    main()
