"""The README's tree is the tree, and what it tells a reader to run or read exists."""

from __future__ import annotations

import re
import subprocess
import sys

from source_tree import ROOT

README = (ROOT / "README.md").read_text()


def test_the_tree_in_the_readme_is_the_tree() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write_tree.py"), "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_every_file_that_the_readme_sends_a_reader_to_exists() -> None:
    named = re.findall(r"`((?:chain|genesis|evm|rollup|node|ai)/[\w/]+\.py)`", README)
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_every_document_links_to_files_that_exist() -> None:
    missing = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text()):
            if not (page.parent / target).exists():
                missing.append(f"{page.relative_to(ROOT)} → {target}")
    assert missing == []
