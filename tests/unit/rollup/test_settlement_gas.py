"""The gas tables of docs/protocol are what the contracts cost now, to the unit."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TRANSACTION_LIMIT = 1 << 24


@pytest.fixture(scope="module")
def script():
    path = ROOT / "scripts" / "write_gas_table.py"
    spec = importlib.util.spec_from_file_location("write_gas_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_has_the_tables_as_they_are_measured_now(script):
    page = script.PAGE.read_text()
    assert script.with_tables(page) == page


def test_page_about_steps_has_the_table_as_it_is_measured_now(script):
    page = script.STEP_PAGE.read_text()
    assert script.with_step_table(page) == page


def test_a_median_step_is_within_its_target():
    page = (ROOT / "docs" / "protocol" / "one-step.md").read_text()
    [(middle, most)] = re.findall(r"^\| all \| \|.*\| ([\d,]+) \| ([\d,]+) \|$", page, re.MULTILINE)
    assert int(middle.replace(",", "")) <= 109_000
    assert int(most.replace(",", "")) < TRANSACTION_LIMIT


def test_every_call_and_creation_fits_a_transaction_of_l1(script):
    figures = re.findall(r"\| ([\d,]+) \|$", script.PAGE.read_text(), re.MULTILINE)
    assert len(figures) > 50
    assert max(int(figure.replace(",", "")) for figure in figures) < TRANSACTION_LIMIT
