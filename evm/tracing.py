"""What a run looked like from inside: geth's struct logs and call tree, as JSON-ready objects.

A `Tracer` is told of each frame and, if it asks, of each step; it changes nothing. Shapes: geth's
`debug_traceTransaction` with the default logger and with `callTracer`. Knows no machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chain.abi import decode, selector
from chain.errors import DecodeError
from chain.types import Address

from .environment import Outcome

_ERROR_SELECTOR = selector("Error(string)")
MAX_RECORDED_WORDS = 1_000_000
"""Stack and memory words after which a struct-log trace records no more (near 100 MB): one request
cannot fill the memory of the node.
"""


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """A frame begins. `kind` is the opcode that made it: CALL, DELEGATECALL, CREATE2, ..."""

    kind: str
    sender: Address
    to: Address
    value: int
    gas: int
    data: bytes
    depth: int


@dataclass(frozen=True, slots=True)
class Step:
    """An opcode is about to run; `stack` has its top last, `gas` is what is left before it.

    Stack and memory are the machine's own: a tracer copies what it wants to keep.
    """

    pc: int
    op: str
    gas: int
    depth: int
    stack: Sequence[int]
    memory: bytearray
    refund: int
    address: Address
    storage_at: Callable[[int], int]


class Tracer(Protocol):
    """Listens to a run. `gas` and `gas_used` are in gas units."""

    def begin(self, gas_limit: int) -> None:
        """A transaction or call with that gas limit begins."""

    def enter(self, entry: FrameEntry) -> None:
        """A frame begins."""

    def leave(self, gas_used: int, output: bytes, error: str | None) -> None:
        """The innermost open frame ends; `error` as in `Outcome`."""

    def step(self, step: Step) -> None:
        """An opcode is about to run."""

    def step_cost(self, depth: int, cost: int, error: str | None) -> None:
        """The opcode last announced at that depth has cost this much."""


@dataclass(slots=True)
class StructLogger:
    """Records each step: the default tracer of debug_traceTransaction."""

    with_memory: bool = False
    with_stack: bool = True
    with_storage: bool = True
    logs: list[dict[str, Any]] = field(default_factory=list)
    _recorded_words: int = 0
    _open: dict[int, dict[str, Any]] = field(default_factory=dict)
    _storage: dict[Address, dict[str, str]] = field(default_factory=dict)

    def begin(self, gas_limit: int) -> None:
        """Nothing to record yet."""

    def enter(self, entry: FrameEntry) -> None:
        """Frames show only in the depth of their steps."""

    def leave(self, gas_used: int, output: bytes, error: str | None) -> None:
        """Frames show only in the depth of their steps."""

    def step(self, step: Step) -> None:
        """Append one struct log."""
        log: dict[str, Any] = {
            "pc": step.pc,
            "op": step.op,
            "gas": step.gas,
            "gasCost": 0,
            "depth": step.depth,
            "refund": step.refund,
        }
        if self.with_stack:
            log["stack"] = [hex(word) for word in step.stack]
        if self.with_memory:
            log["memory"] = [
                step.memory[start : start + 32].hex() for start in range(0, len(step.memory), 32)
            ]
        if self.with_storage and step.op in ("SLOAD", "SSTORE") and step.stack:
            log["storage"] = self._storage_after(step)
        self._open[step.depth] = log
        self._recorded_words += 8 + len(step.stack) * self.with_stack
        self._recorded_words += len(step.memory) // 32 * self.with_memory
        if self._recorded_words <= MAX_RECORDED_WORDS:
            self.logs.append(log)

    def _storage_after(self, step: Step) -> dict[str, str]:
        seen = self._storage.setdefault(step.address, {})
        slot = step.stack[-1]
        if step.op == "SLOAD":
            seen[f"{slot:064x}"] = f"{step.storage_at(slot):064x}"
        elif len(step.stack) > 1:
            seen[f"{slot:064x}"] = f"{step.stack[-2]:064x}"
        return dict(seen)

    def step_cost(self, depth: int, cost: int, error: str | None) -> None:
        """Complete the last struct log of that depth."""
        log = self._open.get(depth)
        if log is not None:
            log["gasCost"] = cost
            if error is not None:
                log["error"] = error

    def result(self, outcome: Outcome, gas_used: int) -> dict[str, Any]:
        """Geth's answer object."""
        return {
            "gas": gas_used,
            "failed": not outcome.succeeded,
            "returnValue": "0x" + outcome.output.hex(),
            "structLogs": self.logs,
        }


@dataclass(slots=True)
class CallTracer:
    """Records the tree of frames: geth's `callTracer`."""

    only_top_call: bool = False
    root: dict[str, Any] | None = None
    _gas_limit: int = 0
    _open: list[dict[str, Any]] = field(default_factory=list)

    def begin(self, gas_limit: int) -> None:
        """The outermost frame shows the whole gas limit, as geth has it."""
        self._gas_limit = gas_limit

    def enter(self, entry: FrameEntry) -> None:
        """Open a frame below the innermost one."""
        frame: dict[str, Any] = {
            "type": entry.kind,
            "from": "0x" + entry.sender.hex(),
            "to": "0x" + entry.to.hex(),
            "gas": hex(entry.gas if self._open else self._gas_limit),
            "gasUsed": "0x0",
            "input": "0x" + entry.data.hex(),
        }
        if entry.kind != "STATICCALL":
            frame["value"] = hex(entry.value)
        if not self._open:
            self.root = frame
        elif not self.only_top_call:
            self._open[-1].setdefault("calls", []).append(frame)
        self._open.append(frame)

    def leave(self, gas_used: int, output: bytes, error: str | None) -> None:
        """Close the innermost frame."""
        frame = self._open.pop()
        frame["gasUsed"] = hex(gas_used)
        if output:
            frame["output"] = "0x" + output.hex()
        if error is not None:
            frame["error"] = error
            reason = revert_reason(output)
            if reason is not None:
                frame["revertReason"] = reason
            if frame["type"] in ("CREATE", "CREATE2"):
                frame.pop("to", None)

    def step(self, step: Step) -> None:
        """Steps do not show."""

    def step_cost(self, depth: int, cost: int, error: str | None) -> None:
        """Steps do not show."""

    def result(self, outcome: Outcome, gas_used: int) -> dict[str, Any]:
        """Geth's answer object; the outermost frame counts intrinsic gas too."""
        root = self.root or {}
        return {**root, "gasUsed": hex(gas_used)}


def revert_reason(output: bytes) -> str | None:
    """Text of a Solidity `Error(string)`, or None where the output is not one."""
    if output[:4] != _ERROR_SELECTOR:
        return None
    try:
        return str(decode(["string"], output[4:])[0])
    except DecodeError:
        return None
