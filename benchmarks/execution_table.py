"""`make bench-evm`: what executing blocks costs, ours beside py-evm, EELS, eth-tester, revm, anvil.

Every machine runs in a process of its own and gets the same signed transactions from the same world
(execution_workload.py). Set-up is outside the clock; figures are medians of three, for which the
machines take turns. Gas has to be the same for all, and so has the state root wherever a machine
has one. Ours decodes, recovers senders, executes, computes every root, seals and commits;
CONTENDERS says what others leave out. A machine that is not there is named with the reason, and the
others go on.

    execution_table.py                 # everything, some six minutes
    execution_table.py --only stemma   # one machine
    execution_table.py --clock cpu     # on a busy machine: process time, without anvil
    execution_table.py --check         # exit 1 where ours is not as much faster as it has to be

Progress goes to standard error, the table to standard output, figures to results/evm.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import execution_load
from execution_load import Load, Measured

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
RESULTS = Path(__file__).resolve().parent / "results" / "evm.json"
OURS = "stemma"
SPEED_UP = {
    ("transfers/s", "py-evm"): 2.5,
    ("ERC-20 transfers/s", "py-evm"): 2.5,
    ("arithmetic loop, Mgas/s", "py-evm"): 20.0,
}
EVERYWHERE = {"EELS": 5.0}
"""How much faster ours has to be than another, by row and on every row."""


@dataclass(frozen=True)
class Contender:
    """A machine: the module that runs it, where it comes from, and what its figures leave out."""

    module: str
    tool: str | None
    note: str
    counts_gas_alike: bool = True


CONTENDERS = {
    OURS: Contender(
        "execution_ours",
        None,
        "decodes, recovers senders, executes, seals (receipts, bloom, every root) and commits.",
    ),
    "py-evm": Contender(
        "execution_pyevm",
        None,
        "decodes, recovers, executes, state root; no receipts, header or database in the rows per"
        " second; the mixed block is imported with all checks.",
    ),
    "EELS": Contender(
        "execution_eels",
        "EELS and eth-tester",
        "as py-evm; the mixed block goes through the whole state transition.",
    ),
    "eth-tester": Contender(
        "execution_eth_tester",
        "EELS and eth-tester",
        "a block for each transaction, its default; the first 200 of a row; no state root to see;"
        " no import: the mixed block's transactions are sent one by one.",
    ),
    "revm": Contender(
        "execution_revm",
        None,
        "calls through pyrevm: no signatures, no root, no block; what a call has touched stays warm"
        " for the next, so its own gas is less on ERC-20, swaps and the mixed block.",
        counts_gas_alike=False,
    ),
    "anvil": Contender(
        "execution_anvil",
        "anvil",
        "raw transactions over HTTP in batches of a hundred and one evm_mine; no import: the mixed"
        " block is built, and its root is not compared (another parent).",
    ),
}


class Disagreement(Exception):
    """Two machines that have not done the same work."""


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


def make_loads() -> list[Load]:
    """Every row's blocks, by our engine."""
    from execution_ours import make_load
    from execution_workload import all_workloads

    return [make_load(workload) for workload in all_workloads()]


def check_same_work(name: str, load: Load, measured: Measured) -> None:
    """Gas and root are those of our block. Raises Disagreement."""
    gas = sum(load.block.gas[: measured.transactions])
    alike = CONTENDERS[name].counts_gas_alike or len(load.block.gas) == 1
    if alike and measured.gas != gas:
        raise Disagreement(f"{load.row}: {name} uses {measured.gas} gas, stemma {gas}")
    if measured.root and measured.root != load.block.state_root:
        raise Disagreement(
            f"{load.row}: {name} ends at the root {measured.root}, stemma {load.block.state_root}"
        )


class Runner:
    """A machine's own process; it runs what it is told to and waits."""

    def __init__(self, name: str, path: Path, clock: str) -> None:
        self._last_words = ""
        script = Path(__file__).with_name("execution_machine.py")
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, str(script), CONTENDERS[name].module, str(path), clock],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=script.parent,
            env={**os.environ, "PYTHONPATH": paths},
        )

    def run(self, index: int, load: Load) -> Measured:
        """One run of a load; an error with the last words of the process if it has ended."""
        line = "" if self._last_words else self._ask(index)
        if not line:
            return Measured(load.row, error=self._last_words or self._bury())
        values = json.loads(line)
        return Measured(**{**values, "seconds": tuple(values["seconds"])})

    def _ask(self, index: int) -> str:
        """The answer; nothing where the process has ended."""
        if self._process.stdin is None or self._process.stdout is None:
            return ""
        try:
            self._process.stdin.write(f"{index}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._process.stdout.readline()

    def _bury(self) -> str:
        said = self._process.communicate()[1].strip().splitlines()
        self._last_words = said[-1] if said else f"exit {self._process.returncode}"
        return self._last_words

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.communicate()


def run_row(runners: dict[str, Runner], index: int, load: Load) -> dict[str, Measured]:
    """Every machine in turn, as often as is asked for. Raises Disagreement."""
    told: dict[str, Measured] = {}
    for _ in range(execution_load.REPEATS):
        for name, runner in runners.items():
            before = told.get(name)
            if before is not None and before.error:
                continue
            now = runner.run(index, load)
            if not now.error:
                check_same_work(name, load, now)
            told[name] = now if before is None or now.error else before.then(now)
    return told


def figure(load: Load, measured: Measured) -> float:
    """The median, in the row's unit."""
    seconds = statistics.median(measured.seconds)
    return load.figure(seconds, measured.transactions, measured.gas)


def cell(load: Load, measured: Measured | None) -> str:
    """A figure with as many digits as mean something."""
    if measured is None or measured.error:
        return "-"
    value = figure(load, measured)
    return f"{value:,.{0 if value >= 100 else 1}f}"


def speed_up(load: Load, ours: Measured, theirs: Measured) -> float:
    """How much faster ours is."""
    mine, other = figure(load, ours), figure(load, theirs)
    return other / mine if load.is_import else mine / other


Results = dict[str, dict[str, Measured]]


def speed_ups(loads: list[Load], results: Results) -> dict[str, dict[str, float]]:
    """By row and other machine: how much faster ours is."""
    found: dict[str, dict[str, float]] = {}
    for load in loads:
        ours = results.get(OURS, {}).get(load.row)
        if ours is None or ours.error:
            continue
        found[load.row] = {
            name: round(speed_up(load, ours, rows[load.row]), 2)
            for name, rows in results.items()
            if name != OURS and load.row in rows and not rows[load.row].error
        }
    return found


def shortfalls(ratios: dict[str, dict[str, float]], names: list[str]) -> list[str]:
    """Where ours is not as much faster as it has to be, or nobody can say, in words."""
    wanted = {(row, other): factor for (row, other), factor in SPEED_UP.items() if row in ratios}
    for row in ratios:
        wanted |= {(row, other): factor for other, factor in EVERYWHERE.items()}
    found = []
    for (row, other), factor in wanted.items():
        reached = ratios[row].get(other)
        if other in names and reached is None:
            found.append(f"{row}: {factor:g}x {other} is asked for, and it was not measured")
        elif reached is not None and reached < factor:
            found.append(f"{row}: {reached:.1f}x {other}, {factor:g}x is asked for")
    return found


def table(loads: list[Load], results: Results, ratios: dict[str, dict[str, float]]) -> str:
    """The figures as text, with how much faster ours is than each Python one."""
    compared = [name for name in ("py-evm", "EELS", "eth-tester") if name in results]
    lines = [["", *results, *(f"/ {name}" for name in compared)]]
    for load in loads:
        cells = [cell(load, rows.get(load.row)) for rows in results.values()]
        row_ratios = ratios.get(load.row, {})
        factors = [f"{row_ratios[name]:.1f}x" if name in row_ratios else "-" for name in compared]
        lines.append([load.row, *cells, *factors])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    )


def notes(results: Results, missing: dict[str, str], clock: str) -> str:
    """What is under the table: what the figures hold, and what is not there."""
    lines = [
        f"{os.cpu_count()} cores, CPython {platform.python_version()}, {clock}; medians of"
        f" {execution_load.REPEATS}; same gas everywhere, same state root wherever there is one."
    ]
    lines += [f"{name}: {CONTENDERS[name].note}" for name in results]
    for name, rows in results.items():
        lines += [
            f"{name}: {row}: not measured: {told.error}" for row, told in rows.items() if told.error
        ]
    lines += [f"{name}: not measured: {reason}" for name, reason in missing.items()]
    return "\n".join(lines)


def write_results(
    loads: list[Load], results: Results, ratios: dict[str, dict[str, float]], text: str
) -> None:
    """Figures, ratios, gas and roots into results/evm.json."""
    rows = {}
    for load in loads:
        rows[load.row] = {
            "figures": {
                name: round(figure(load, told[load.row]), 2)
                for name, told in results.items()
                if load.row in told and not told[load.row].error
            },
            "stemma is faster by": ratios.get(load.row, {}),
            "gas": sum(load.block.gas),
            "transactions": len(load.block.gas),
            "state root": "0x" + load.block.state_root,
        }
    RESULTS.parent.mkdir(exist_ok=True)
    document = {"rows": rows, "notes": text.splitlines()}
    RESULTS.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 where ours is too slow")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--only", action="append", choices=[*CONTENDERS], metavar="MACHINE")
    parser.add_argument("--row", action="append", help="only rows that begin so")
    return parser.parse_args()


def start(names: list[str], path: Path, clock: str, absent: dict[str, str]) -> dict[str, Runner]:
    """The machines that can be had."""
    return {
        name: Runner(name, path, clock)
        for name in names
        if absent.get(CONTENDERS[name].tool or "") is None
    }


def measure(
    names: list[str], loads: list[Load], clock: str, absent: dict[str, str]
) -> tuple[Results, dict[str, str]]:
    """What each machine tells, and why some do not. Raises Disagreement."""
    results: Results = {}
    missing = {
        name: absent[tool] for name in names if (tool := CONTENDERS[name].tool or "") in absent
    }
    with TemporaryDirectory(prefix="benchmark-") as scratch:
        path = Path(scratch) / "loads.json"
        execution_load.write(loads, path)
        runners = start(names, path, clock, absent)
        try:
            for index, load in enumerate(loads):
                for name, measured in run_row(runners, index, load).items():
                    results.setdefault(name, {})[load.row] = measured
                    say(f"{load.row}: {name}: {measured.error or cell(load, measured)}")
        finally:
            for runner in runners.values():
                runner.close()
    return results, missing


def main() -> int:
    """Measure, print, write down."""
    import bench_tools

    options, load_before, started = arguments(), os.getloadavg()[0], time.perf_counter()
    names = options.only or list(CONTENDERS)
    if options.clock == "cpu" and "anvil" in names:
        names.remove("anvil")
    loads = [
        load
        for load in make_loads()
        if options.row is None or load.row.startswith(tuple(options.row))
    ]
    try:
        results, missing = measure(names, loads, options.clock, bench_tools.missing())
    except Disagreement as error:
        say(f"not the same work: {error}")
        return 1
    ratios = speed_ups(loads, results)
    text = notes(results, missing, f"{options.clock} time, load average {load_before:.1f}")
    print(table(loads, results, ratios), text, sep="\n\n")
    if options.only is None and options.row is None and options.clock == "wall":
        write_results(loads, results, ratios, text)
    say(f"{time.perf_counter() - started:.0f} s in all")
    failed = [f"{row}: {told.error}" for row, told in results.get(OURS, {}).items() if told.error]
    failed += shortfalls(ratios, names)
    for line in failed:
        print(f"not fast enough: {line}")
    return 1 if options.check and failed else 0


if __name__ == "__main__":
    sys.exit(main())
