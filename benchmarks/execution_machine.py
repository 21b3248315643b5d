"""What `execution_table.py` asks of a machine, and the process around one.

`python execution_machine.py MODULE LOADS CLOCK` reads numbers of loads, one a line; each is run
once on the machine of a module beside this one and answered by one line of JSON. A process by
itself, so that a machine that is not there, or breaks, or changes a library for all in its process
takes nothing down with it; one run at a time, so that machines take turns and share the noise.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from execution_load import Load, Measured, read

ROOT = Path(__file__).resolve().parents[1]


class Machine:
    """One world that has run the set-up of a load, made anew for every repeat."""

    max_transactions: int | None = None
    """How many of a row's transactions are run at most; of a block always all."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.raws = load.block.raws[: None if load.is_import else self.max_transactions]

    def run(self) -> None:
        """What is timed. Raises whatever went wrong."""
        raise NotImplementedError

    def gas_used(self) -> int:
        """By what was timed."""
        raise NotImplementedError

    def state_root(self) -> bytes:
        """After what was timed; no bytes where the machine has none."""
        return b""

    def close(self) -> None:
        """Give back what is held outside the process."""


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def measure(kind: type[Machine], load: Load, clock: str = "wall") -> Measured:
    """Run a load once. What goes wrong is part of the answer."""
    now = CLOCKS[clock]
    try:
        machine = kind(load)
        try:
            gc.collect()
            started = now()
            machine.run()
            seconds = now() - started
            gas, root = machine.gas_used(), machine.state_root().hex()
        finally:
            machine.close()
    except Exception as error:  # noqa: BLE001 - a row that fails leaves the others
        return Measured(load.row, error=f"{type(error).__name__}: {error}"[:300])
    return Measured(load.row, (seconds,), gas, len(machine.raws), root)


def main() -> None:
    name, path, clock = sys.argv[1:]
    sys.path.append(str(ROOT / "build" / "benchmarks"))
    kind: type[Machine] = importlib.import_module(name).MACHINE
    loads = read(Path(path))
    for line in sys.stdin:
        measured = measure(kind, loads[int(line)], clock)
        print(json.dumps(asdict(measured)), flush=True)


if __name__ == "__main__":
    main()
