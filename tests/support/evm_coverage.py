"""What random programs have reached: opcodes, depth, and how their frames ended.

Counted while stock py-evm runs them, by looking over the shoulder of its dispatch. One error of
py-evm that random programs come upon is put right here: MODEXP with an empty base gives 0 there
whatever the exponent, and by EIP-198 (0**0 is 1, as EELS, revm and geth have it) 1 for exponent 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

from eth.exceptions import OutOfGas, Revert, VMError
from eth.precompiles.modexp import extract_lengths
from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES, PragueComputation
from evm_programs import CONTRACTS

MODEXP = bytes(19) + b"\x05"


def _modexp(frame: Any) -> Any:
    """py-evm's, with nothing to the power of nothing as 1."""
    done = PRAGUE_PRECOMPILES[MODEXP](frame)
    data = frame.msg.data_as_bytes
    base, exponent, modulus = extract_lengths(data)
    if not base and modulus and not any(data[96 : 96 + exponent]):
        number = data[96 + exponent : 96 + exponent + modulus].ljust(modulus, b"\x00")
        done.output = int(int.from_bytes(number, "big") > 1).to_bytes(modulus, "big")
    return done


class Stock(PragueComputation):
    """py-evm's computation of Prague with MODEXP put right."""

    _precompiles: ClassVar = {**PRAGUE_PRECOMPILES, MODEXP: _modexp}


OPCODES = frozenset(PragueComputation.opcodes)
PRECOMPILES = frozenset(PragueComputation.get_precompiles())
ENDINGS = ("succeeded", "reverted", "ran out of gas", "failed otherwise")


class _Seen(dict):
    """A table of opcodes that remembers which of them were looked up."""

    def __init__(self, table: dict[int, Any]) -> None:
        super().__init__(table)
        self.seen: set[int] = set()

    def __getitem__(self, opcode: int) -> Any:
        self.seen.add(opcode)
        return super().__getitem__(opcode)


def ending_of(error: VMError | None) -> str:
    """One of ENDINGS."""
    if error is None:
        return ENDINGS[0]
    if isinstance(error, Revert):
        return ENDINGS[1]
    return ENDINGS[2] if isinstance(error, OutOfGas) else ENDINGS[3]


class Coverage:
    """Sums over cases."""

    def __init__(self) -> None:
        table = _Seen(PragueComputation.opcodes)
        self._seen = table.seen
        self.computation_class = type("Watched", (Stock,), {"opcodes": table})
        self.cases: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()
        self.precompiles: set[bytes] = set()
        self.programs_run = 0
        self.created = 0
        self.deepest = 0

    @property
    def opcodes(self) -> frozenset[int]:
        """Opcodes of the fork that were run."""
        return OPCODES & self._seen

    def count(self, outermost: Any) -> None:
        """Take in a computation of py-evm with all its children."""
        self.cases[ending_of(outermost._error)] += 1
        run = set()
        for frame in _frames(outermost):
            message = frame.msg
            self.frames[ending_of(frame._error)] += 1
            self.created += message.is_create
            self.deepest = max(self.deepest, message.depth)
            if message.code_address in PRECOMPILES:
                self.precompiles.add(message.code_address)
            elif message.code_address in CONTRACTS:
                run.add(message.code_address)
        self.programs_run += len(run)

    def __str__(self) -> str:
        return "\n".join(
            (
                f"cases: {_told(self.cases)}",
                f"frames: {_told(self.frames)}; {self.created:,} creations, depth to"
                f" {self.deepest}",
                f"{self.programs_run:,} programs entered; {len(self.opcodes)} of {len(OPCODES)}"
                f" opcodes, {len(self.precompiles)} of {len(PRECOMPILES)} precompiles run"
                + _missing(OPCODES - self.opcodes),
            )
        )


def _frames(outermost: Any) -> Iterator[Any]:
    waiting = [outermost]
    while waiting:
        frame = waiting.pop()
        yield frame
        waiting += frame.children


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]:,} {name}" for name in ENDINGS)


def _missing(opcodes: frozenset[int]) -> str:
    names = ", ".join(f"0x{opcode:02x}" for opcode in sorted(opcodes))
    return f"; not run: {names}" if names else ""
