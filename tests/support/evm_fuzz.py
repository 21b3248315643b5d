"""Random cases on every machine, and what they disagree on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from evm_engines import EARLY, Case, interpreted, ours, policy, revm, stock, transaction, transpiled
from evm_programs import CONTRACTS, program

from evm.forks import CANCUN
from evm.pyevm.transpiler.hot import EAGER

GAS = (3_000, 30_000, 200_000, 200_000, 1_000_000)


@dataclass(frozen=True)
class Mismatch:
    """Two machines and what they make of one case."""

    case: Case
    engines: tuple[str, str]
    endings: tuple[object, object]

    def __str__(self) -> str:
        first, second = self.engines
        return f"{first}: {self.endings[0]}\n{second}: {self.endings[1]}\n{self.case!r}"


def random_case(rnd: random.Random) -> Case:
    return Case(
        codes=tuple(program(rnd) for _ in CONTRACTS),
        data=rnd.randbytes(rnd.choice((0, 4, 36))),
        gas=rnd.choice(GAS),
        value=rnd.choice((0, 0, 5)),
        has_storage=rnd.random() < 0.3,
    )


def compare(case: Case, rnd: random.Random, *, with_revm: bool) -> tuple[bool, list[Mismatch]]:
    """Run a case on every machine: whether it succeeded, and all disagreements with py-evm."""
    expected = stock(case)
    found = [
        Mismatch(case, ("py-evm", name), (expected, ending))
        for name, ending in (
            ("interpreter", interpreted(case)),
            ("every region", transpiled(case, EAGER)),
            ("visited regions", transpiled(case, EARLY)),
        )
        if ending != expected
    ]
    if with_revm and not case.has_storage:
        found += compare_with_revm(case)
    found += out_of_gas(case, case.gas - expected.gas_left, rnd, points=2)
    return expected.succeeded, found


def compare_with_revm(case: Case) -> list[Mismatch]:
    """Transpiled code under Cancun's rules against revm; the case must begin without storage."""
    with policy(EAGER):
        ending = ours(case, CANCUN)
    if ending.block_hashes:  # revm makes them up
        return []
    told, shown = revm(case), transaction(ending, case)
    return [] if told == shown else [Mismatch(case, ("revm", "every region"), (told, shown))]


def out_of_gas(case: Case, used: int, rnd: random.Random, points: int) -> Iterator[Mismatch]:
    """The same case with less gas than it needs: regions against the interpreter."""
    with policy(EAGER):
        for _ in range(points):
            short = replace(case, gas=rnd.randrange(used + 1))
            ending = ours(short)
            expected = interpreted(short)
            if ending != expected:
                yield Mismatch(short, ("interpreter", "every region"), (expected, ending))
