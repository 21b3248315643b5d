"""`make bench-steps`: the trace of a 20-Mgas block, and the proofs of single steps out of it.

The block is the mixed one of `execution_workload.py`: transfers, tokens, swaps, creations, loops
over storage and hashes, precompiles. A trace is every step from the claim to the output root; a
proof of a step is its state and witness once the trace exists, which runs on from the last state
that is kept.

Times are this process's processor time. Figures go to results/steps.json.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from execution_ours import allocation, open_engine, seal  # noqa: E402
from execution_workload import mixed  # noqa: E402

from evm.engine import ExecutionEngine  # noqa: E402
from rollup.dispute.block_steps import BlockSteps  # noqa: E402
from rollup.dispute.outputs import ChainOutputs  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "steps.json"
PROOFS = 1_000
TRACES = 3
SEED = 5


def mixed_block() -> tuple[ExecutionEngine, int]:
    """A chain whose second block is the mixed one, and its gas."""
    workload = mixed()
    engine = open_engine(allocation(workload))
    for raws in (workload.set_up, workload.load):
        result = seal(engine, list(raws))
        engine.set_heads(safe=engine.heads.unsafe)
    return engine, result.header.gas_used


def traced(engine: ExecutionEngine) -> tuple[BlockSteps, float]:
    """The trace of the last block, and how long it took, in seconds."""
    outputs = ChainOutputs(engine)
    bounds = outputs.bounds_of(engine.heads.safe.number)
    started = time.process_time()
    steps = outputs.steps(bounds)
    seconds = time.process_time() - started
    if steps.output_root != bounds.disputed:
        raise RuntimeError("the steps lead to another output root than the block's own")
    return steps, seconds


def proofs(steps: BlockSteps, count: int) -> tuple[list[float], list[int]]:
    """Milliseconds and witness bytes of the proofs of random steps."""
    rnd, times_ms, sizes = random.Random(SEED), [], []
    for _ in range(count):
        index = rnd.randrange(steps.trace.steps)
        started = time.process_time()
        data = steps.step_data(index)
        times_ms.append((time.process_time() - started) * 1e3)
        sizes.append(len(data.proof))
    return times_ms, sizes


def main() -> None:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=TRACES)
    parser.add_argument("--proofs", type=int, default=PROOFS)
    given = parser.parse_args()
    engine, gas = mixed_block()
    seconds = []
    for _ in range(given.traces):
        steps, each = traced(engine)
        seconds.append(each)
        print(f"trace: {steps.trace.steps:,} steps in {each:.1f} s", file=sys.stderr, flush=True)
    times_ms, sizes = proofs(steps, given.proofs)
    figures = {
        "gas": gas,
        "steps": steps.trace.steps,
        "trace_s": round(statistics.median(seconds), 2),
        "proof_ms_median": round(statistics.median(times_ms), 2),
        "proof_ms_99th": round(statistics.quantiles(times_ms, n=100)[98], 2),
        "proof_ms_most": round(max(times_ms), 2),
        "witness_bytes_median": int(statistics.median(sizes)),
        "witness_bytes_most": max(sizes),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        print(f"{name.replace('_', ' ')}: {value:,}")


if __name__ == "__main__":
    main()
