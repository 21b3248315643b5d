"""`make bench-evm` compares like with like: same work, ratios the right way round, no gaps."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def modules():
    """The files of benchmarks/ import each other as scripts do."""
    before = list(sys.path)
    sys.path[:0] = [str(BENCHMARKS)]
    yield
    sys.path[:] = before


@pytest.fixture(scope="module")
def execution(modules):
    return importlib.import_module("execution_table")


@pytest.fixture(scope="module")
def values(modules):
    return importlib.import_module("execution_load")


@pytest.fixture(scope="module")
def load(modules):
    """A row of one transaction, made as every row is."""
    ours = importlib.import_module("execution_ours")
    workload = importlib.import_module("execution_workload")
    rounds = dict(workload.ROUNDS)
    workload.ROUNDS["arithmetic"] = 10
    try:
        return ours.make_load(workload.loop("arithmetic loop, Mgas/s", "arithmetic"))
    finally:
        workload.ROUNDS.update(rounds)


@pytest.fixture
def measured(load, values):
    gas, root = sum(load.block.gas), load.block.state_root
    return values.Measured(load.row, (2.0, 1.0, 4.0), gas, 1, root)


def test_a_load_goes_through_a_file_unchanged(load, values, tmp_path):
    values.write([load], tmp_path / "loads.json")
    assert values.read(tmp_path / "loads.json") == [load]


@pytest.mark.parametrize("module", ["execution_ours", "execution_pyevm"])
def test_a_machine_ends_where_our_block_does(execution, load, module):
    machine = importlib.import_module("execution_machine")
    told = machine.measure(importlib.import_module(module).MACHINE, load)
    execution.check_same_work("py-evm", load, told)
    assert told.root == load.block.state_root
    assert len(told.then(told).seconds) == 2


def test_machines_take_turns_and_one_that_ends_says_why(execution, load, values, tmp_path):
    path = tmp_path / "loads.json"
    values.write([load], path)
    runners = execution.start(["stemma", "revm"], path, "cpu", {})
    told = execution.run_row(runners, 0, load)
    assert [len(told[name].seconds) for name in runners] == [3, 3]
    assert "IndexError" in runners["stemma"].run(1, load).error
    assert "IndexError" in runners["stemma"].run(0, load).error
    for runner in runners.values():
        runner.close()


def test_a_machine_that_cannot_be_had_is_not_started(execution, tmp_path):
    assert execution.start(["anvil"], tmp_path, "wall", {"anvil": "npm is not installed"}) == {}


def test_what_goes_wrong_in_a_row_is_told(load):
    class Broken:
        def __init__(self, load):
            raise OSError("no")

    told = importlib.import_module("execution_machine").measure(Broken, load)
    assert told.error == "OSError: no"


def test_other_gas_is_not_the_same_work(execution, load, measured):
    with pytest.raises(execution.Disagreement, match="EELS uses"):
        execution.check_same_work("EELS", load, replace(measured, gas=measured.gas + 1))


def test_another_root_is_not_the_same_work(execution, load, measured):
    with pytest.raises(execution.Disagreement, match="anvil ends at the root 00"):
        execution.check_same_work("anvil", load, replace(measured, root="00" * 32))


def test_a_machine_without_a_root_is_judged_by_its_gas(execution, load, measured):
    execution.check_same_work("eth-tester", load, replace(measured, root=""))


@pytest.mark.parametrize(
    ("unit", "expected"), [("transactions/s", 5.0), ("Mgas/s", 2.0), ("ms", 2000.0)]
)
def test_a_figure_is_in_the_unit_of_its_row(load, unit, expected):
    assert replace(load, unit=unit).figure(2.0, 10, 4_000_000) == expected


@pytest.mark.parametrize("unit", ["transactions/s", "Mgas/s", "ms"])
def test_twice_the_time_is_half_the_speed_in_every_unit(execution, load, measured, unit):
    slow = replace(measured, seconds=(4.0,))
    assert execution.speed_up(replace(load, unit=unit), measured, slow) == 2.0


def test_a_shortfall_names_row_and_factor(execution):
    ratios = {"arithmetic loop, Mgas/s": {"py-evm": 19.0, "EELS": 90.0}}
    assert execution.shortfalls(ratios, ["py-evm", "EELS"]) == [
        "arithmetic loop, Mgas/s: 19.0x py-evm, 20x is asked for"
    ]


def test_what_was_not_measured_is_not_fast_enough_unless_nobody_asked(execution):
    ratios = {"transfers/s": {"py-evm": 3.0}}
    assert execution.shortfalls(ratios, ["py-evm"]) == []
    assert execution.shortfalls(ratios, ["py-evm", "EELS"]) == [
        "transfers/s: 5x EELS is asked for, and it was not measured"
    ]


def test_what_is_missing_or_failed_stands_under_the_table(execution, load, measured, values):
    failed = values.Measured(load.row, error="OSError: no")
    results = {"stemma": {load.row: measured}, "EELS": {load.row: failed}}
    text = execution.notes(results, {"anvil": "npm is not installed"}, "wall time")
    assert f"EELS: {load.row}: not measured: OSError: no" in text
    assert "anvil: not measured: npm is not installed" in text
    ratios = execution.speed_ups([load], results)
    assert execution.table([load], results, ratios).splitlines()[1].split()[-2:] == ["-", "-"]
