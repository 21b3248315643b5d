"""Random cases on every machine, what they disagree on, and the least that it takes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from evm_coverage import Coverage
from evm_eels import eels
from evm_engines import (
    EARLY,
    NEVER,
    Case,
    Ending,
    Prior,
    alive,
    interpreted,
    ours,
    policy,
    revm,
    stock,
    transaction,
    transpiled,
    unpadded,
)
from evm_programs import CONTRACTS, INIT_CODES, ORIGIN, STRANGER, descent, program
from evm_transactions import Block, BlockEnding, on_eels, random_block

from chain.crypto.keccak import keccak256
from chain.types import Address
from evm.forks import CANCUN, OSAKA, PRAGUE
from evm.pyevm.transpiler.hot import EAGER, HotCodes
from evm.transition import create_address

GAS = (3_000, 60_000, 300_000, 1_000_000, 1_000_000)
DESCENT_GAS = (10**6, 10**8, 2**36, 2**38)
"""Depth 1,024 takes more than a block has, since each frame keeps a 64th."""
DELEGATION = b"\xef\x01\x00"


@dataclass(frozen=True)
class Mismatch:
    """Two machines and what they make of one case."""

    case: Case | Block
    engines: tuple[str, str]
    endings: tuple[object, object]

    def __str__(self) -> str:
        lines = [f"{self.engines[0]} and {self.engines[1]} disagree"]
        for place, first, second in differences(*map(_plain, self.endings)):
            lines.append(f"{place}: {first!r} and {second!r}")
        return "\n".join([*lines, repr(self.case)])


def _plain(ending: object) -> object:
    if not isinstance(ending, Ending | BlockEnding):
        return ending
    return {each.name: getattr(ending, each.name) for each in fields(ending) if each.compare}


def differences(first: Any, second: Any, place: str = "") -> Iterator[tuple[str, object, object]]:
    """Where two nests of tuples and dictionaries differ."""
    if isinstance(first, dict):
        for name, value in first.items():
            yield from differences(value, second[name], f"{place}.{name}")
    elif isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from differences(one, other, f"{place}[{index}]")
    elif first != second:
        yield place, first, second


def random_case(rnd: random.Random, *, is_osaka: bool = False) -> Case:
    """Four programs and a world around them."""
    if rnd.random() < 0.005:
        codes = tuple(descent(rnd) for _ in CONTRACTS)
        return Case(codes, b"", rnd.choice(DESCENT_GAS), 0)
    visited = CONTRACTS[1:] if rnd.random() < 0.9 else ()
    return Case(
        codes=tuple(
            program(rnd, is_osaka=is_osaka, visited=() if index else visited)
            for index in range(len(CONTRACTS))
        ),
        data=rnd.randbytes(rnd.choice((0, 4, 36))),
        gas=rnd.choice(GAS),
        value=rnd.choice((0, 0, 5)),
        has_storage=rnd.random() < 0.3,
        priors=tuple(_priors(rnd)),
    )


def _priors(rnd: random.Random) -> Iterator[Prior]:
    """Now and then a delegation (EIP-7702), or somebody where a creation will want to be."""
    if rnd.random() < 0.25:
        target = rnd.choice(
            (*CONTRACTS, *CONTRACTS, STRANGER, Address(bytes(19) + b"\x04"), ORIGIN)
        )
        yield Prior(STRANGER, rnd.choice((0, 1)), rnd.choice((0, 9)), DELEGATION + target)
    if rnd.random() < 0.15:
        place = rnd.choice((_created, _created2))(rnd)
        yield rnd.choice((Prior(place, 1), Prior(place, 0, 7), Prior(place, 0, 0, b"\x00")))


def _created(rnd: random.Random) -> Address:
    """Where the first CREATE of a contract puts its code."""
    return create_address(rnd.choice(CONTRACTS), 1)


def _created2(rnd: random.Random) -> Address:
    salt = rnd.choice((0, 1)).to_bytes(32, "big")
    init = keccak256(rnd.choice(INIT_CODES))
    return Address(keccak256(b"\xff" + rnd.choice(CONTRACTS) + salt + init)[12:])


def compare(
    case: Case,
    rnd: random.Random,
    *,
    with_revm: bool = False,
    with_eels: bool = False,
    coverage: Coverage | None = None,
) -> list[Mismatch]:
    """Run a case on every machine; all disagreements with py-evm, revm and EELS."""
    eager = HotCodes(policy=EAGER)
    expected = stock(case, coverage)
    found = [
        Mismatch(case, ("py-evm", name), (expected, ending))
        for name, ending in (
            ("interpreter", interpreted(case)),
            ("every region", transpiled(case, eager)),
            ("visited regions", transpiled(case, EARLY)),
        )
        if ending != expected
    ]
    if with_revm and not case.has_storage:
        found += compare_with_revm(case, eager)
    if with_eels:
        found += compare_with_eels(case, "prague", eager)
    found += out_of_gas(case, case.gas - expected.gas_left, rnd, 2, eager)
    return found


def compare_with_revm(case: Case, eager: HotCodes | None = None) -> list[Mismatch]:
    """Transpiled code under Cancun's rules against revm; the case must begin without storage."""
    with policy(eager or EAGER):
        ending = ours(case, CANCUN, shows_all=True)
    if ending.block_hashes:  # revm makes them up
        return []
    shown = {at: slots for at, slots in ending.shown.items() if at not in ending.destroyed}
    told, accounts, left = revm(case, shown)
    known = zip(ending.shown, ending.accounts, strict=True)
    remain = tuple(account for at, account in known if at in shown)
    theirs = (told, accounts, left - set(ending.destroyed))
    mine = (transaction(ending, case), unpadded(remain), alive(ending))
    return [] if theirs == mine else [Mismatch(case, ("revm", "every region"), (theirs, mine))]


def out_of_gas(
    case: Case, used: int, rnd: random.Random, points: int, eager: HotCodes
) -> Iterator[Mismatch]:
    """The same case with less gas than it needs: regions against the interpreter."""
    for _ in range(points):
        short = replace(case, gas=rnd.randrange(used + 1))
        ending, expected = transpiled(short, eager), interpreted(short)
        if ending != expected:
            yield Mismatch(short, ("interpreter", "every region"), (expected, ending))


def compare_with_eels(case: Case, fork: str, eager: HotCodes | None = None) -> list[Mismatch]:
    """Our regions and, under Osaka, our interpreter against EELS; `fork` is prague or osaka."""
    rules = {"prague": PRAGUE, "osaka": OSAKA}[fork]
    try:
        expected = eels(case, fork)
    except OverflowError:  # its Prague adds the lengths that MODEXP is given as words
        return []
    ways = {"every region": eager or HotCodes(policy=EAGER)}
    if fork == "osaka":
        ways["interpreter"] = HotCodes(policy=NEVER)
    found = []
    for name, cache in ways.items():
        with policy(cache):
            ending = ours(case, rules)
        if ending != expected:
            found.append(Mismatch(case, (f"EELS {fork}", name), (expected, ending)))
    return found


def _again(mismatch: Mismatch, case: Case) -> Mismatch | None:
    """The same two machines on another case; None where they agree."""
    found = compare(
        case,
        random.Random(0),
        with_revm="revm" in mismatch.engines,
        with_eels="EELS prague" in mismatch.engines,
    )
    if "EELS osaka" in mismatch.engines:
        found += compare_with_eels(case, "osaka")
    return next((other for other in found if other.engines == mismatch.engines), None)


def smallest(
    mismatch: Mismatch, judge: Callable[[Mismatch, Case], Mismatch | None] = _again
) -> Mismatch:
    """The same disagreement on as little code as it takes: bytes are cut out while it lasts."""
    best = mismatch
    for index in range(len(CONTRACTS)):
        size = len(best.case.codes[index])
        while size:
            start = 0
            while start < len(best.case.codes[index]):
                shorter = judge(best, _without(best.case, index, start, size))
                best, start = (best, start + size) if shorter is None else (shorter, start)
            size //= 2
    for name, nothing in (("priors", ()), ("has_storage", False)):
        best = judge(best, replace(best.case, **{name: nothing})) or best
    return best


def _without(case: Case, index: int, start: int, size: int) -> Case:
    code = case.codes[index]
    shorter = code[:start] + code[start + size :]
    return replace(case, codes=(*case.codes[:index], shorter, *case.codes[index + 1 :]))


class Campaign:
    """Cases one after the other, and what became of them."""

    def __init__(self, *, with_revm: bool) -> None:
        self.coverage = Coverage()
        self.mismatches = 0
        self._with_revm = with_revm
        self._cases = 0
        self._osaka_cases = 0
        self._transactions = 0
        self._taken = 0

    def run(self, rnd: random.Random, *, with_eels: bool) -> list[Mismatch]:
        """One case and, with EELS, one under Osaka and a block of transactions beside it.

        Disagreements about a case come cut down to what they take.
        """
        case = random_case(rnd)
        found = compare(
            case, rnd, with_revm=self._with_revm, with_eels=with_eels, coverage=self.coverage
        )
        self._cases += 1
        found = [smallest(mismatch) for mismatch in found]
        if with_eels:
            under_osaka = compare_with_eels(random_case(rnd, is_osaka=True), "osaka")
            found += [smallest(mismatch) for mismatch in under_osaka]
            self._osaka_cases += 1
            found += self._transact(rnd)
        self.mismatches += len(found)
        return found

    def _transact(self, rnd: random.Random) -> list[Mismatch]:
        """A block of signed transactions on our transition and on EELS."""
        block, ending = random_block(rnd, rnd.choice(("prague", "osaka")))
        self._transactions += len(block.transactions)
        self._taken += sum(ending.taken)
        expected = on_eels(block)
        if ending == expected:
            return []
        return [Mismatch(block, (f"EELS {block.fork}", "transition"), (expected, ending))]

    def line(self, seconds: float) -> str:
        """How far it has come."""
        programs = self.coverage.programs_run
        return (
            f"{programs:,} programs in {self._cases:,} cases, {self._osaka_cases:,} more cases"
            f" under Osaka, {self._transactions:,} transactions, {self._taken:,} of them valid;"
            f" {self.mismatches} mismatches;"
            f" {seconds:,.0f} s, {programs / seconds:.1f} programs/s"
        )
