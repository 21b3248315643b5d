"""The page of the L1 script says what the scenarios say, and there are forty of them."""

from __future__ import annotations

from l1_script_page import PAGE, page


def test_page_is_what_the_scenarios_say():
    assert PAGE.read_text() == page(), "run python scripts/write_l1_scenarios.py"


def test_there_are_at_least_forty_scenarios():
    rows = [line for line in page().splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert len(rows) >= 40
