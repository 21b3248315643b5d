"""docs/protocol/l1-scenarios.md from the scenarios themselves: their docstrings and their rules."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
SCENARIOS = SUPPORT.parent / "actions"
PAGE = SUPPORT.parents[1] / "docs" / "protocol" / "l1-scenarios.md"
HEAD = """# The L1 script

What may stand on L1, and what becomes of it: one scenario for each row, in
`tests/actions/test_l1_script_*.py`. All actors are cranked by hand. Two verifiers read the same L1,
one with the engine in its process and one behind the [Engine API](engine-api.md), and have to come
to the same chain by the same steps. A rule in capitals is one of `rollup/derivation/rules.py`; the
scenario fails unless derivation has applied it. Sources are pages of the OP Stack specs, below
`protocol/`. Written by `python scripts/write_l1_scenarios.py`; a test keeps it true.

Three rules have no scenario. `FRAME_OF_TIMED_OUT` no L1 can show: a channel that is timed out is
among the oldest of the bank, and those go before the next frame is looked at. `CHANNEL_PRUNED` and
`CHANNEL_TOO_LARGE` take 100 MB of frames in one bank or channel; the stages are tested with that
much by themselves (`tests/unit/rollup/test_channel_bank.py`, `test_channel_assembler.py`).
"""


def _modules():
    for path in sorted(SCENARIOS.glob("test_l1_script_*.py")):
        name = f"l1_script_page_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def scenarios(module):
    """The scenarios of a file, in its order: (name, what it shows, rules)."""
    for name, function in vars(module).items():
        if name.startswith("test_") and inspect.isfunction(function):
            if not getattr(function, "shown_rules", ()):
                raise ValueError(f"{module.__name__}: {name} names no rule")
            words = name.removeprefix("test_").replace("_", " ")
            yield words, inspect.getdoc(function), function.shown_rules


def _rule(rule):
    return rule if isinstance(rule, str) else f"`{rule.name}` {rule.source}"


def page():
    """The whole page."""
    parts, number = [HEAD], 0
    for module in _modules():
        title = inspect.getdoc(module).partition(": ")[2].partition("\n")[0].rstrip(".")
        parts.append(f"\n## {title[0].upper()}{title[1:]}\n\n| | scenario | shows | rules |")
        parts.append("|---|---|---|---|")
        for words, about, rules in scenarios(module):
            number += 1
            shown = " · ".join(_rule(rule) for rule in rules)
            about = " ".join(about.split())
            parts.append(f"| {number} | {words} | {about} | {shown} |")
    return "\n".join(parts) + "\n"


def write():
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    sys.exit("run scripts/write_l1_scenarios.py")
