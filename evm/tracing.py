"""What a run looked like from inside: geth's struct logs and call tree, as JSON-ready objects.

A `Tracer` is told of each frame, step and log; it changes nothing. Shapes: geth's
`debug_traceTransaction` with the default logger, `callTracer` and `4byteTracer` (`prestate.py` has
the one that needs the state). Knows no machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chain.errors import StemmaError
from chain.types import Address

from .environment import Outcome
from .revert import revert_reason

MAX_RECORDED_WORDS = 1_000_000
"""Words that the traces of one request may record (near 100 MB as JSON in the making), so that no
request can fill the memory of the node.
"""


class TraceTooLarge(StemmaError):
    """A trace would take more memory than one request may; the message says how to ask for less."""


@dataclass
class Allowance:
    """Words of 32 bytes that the traces of one request may still record."""

    words: int = MAX_RECORDED_WORDS

    def take(self, words: int) -> None:
        """Count words off. Raises TraceTooLarge where there are not as many left."""
        self.words -= words
        if self.words < 0:
            raise TraceTooLarge(
                f"trace too large: more than {MAX_RECORDED_WORDS} words; ask for one transaction, "
                "set limit, disableStack or disableStorage, or use callTracer with onlyTopCall"
            )


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
    return_data: bytes = b""


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
        """The opcode last announced at that depth has cost this much.

        Of an opcode that begins a frame this is told twice: before the frame's first step, and when
        the opcode is over.
        """

    def log(self, address: Address, topics: Sequence[int], data: bytes) -> None:
        """The innermost open frame has written a log; a failure further up takes it back."""


class Listener:
    """A tracer that listens to nothing: what a tracer does not override it does not hear."""

    def begin(self, gas_limit: int) -> None:
        """Not heard."""

    def enter(self, entry: FrameEntry) -> None:
        """Not heard."""

    def leave(self, gas_used: int, output: bytes, error: str | None) -> None:
        """Not heard."""

    def step(self, step: Step) -> None:
        """Not heard."""

    def step_cost(self, depth: int, cost: int, error: str | None) -> None:
        """Not heard."""

    def log(self, address: Address, topics: Sequence[int], data: bytes) -> None:
        """Not heard."""


@dataclass
class StructLogger(Listener):
    """Records each step: the default tracer of debug_traceTransaction.

    `limit` is how many steps to record, 0 for all. With `emit` each step is handed on as soon as
    its cost is known, in order, and none is kept. Without, raises TraceTooLarge in the middle of a
    run that would record more than the allowance.
    """

    with_memory: bool = False
    with_stack: bool = True
    with_storage: bool = True
    with_return_data: bool = False
    limit: int = 0
    allowance: Allowance = field(default_factory=Allowance)
    logs: list[dict[str, Any]] = field(default_factory=list)
    emit: Callable[[dict[str, Any]], None] | None = None
    count: int = 0
    _open: dict[int, dict[str, Any]] = field(default_factory=dict)
    _storage: dict[Address, dict[str, str]] = field(default_factory=dict)

    def step(self, step: Step) -> None:
        """Append one struct log."""
        if self.limit and self.count >= self.limit:
            self._open.clear()
            return
        log: dict[str, Any] = {
            "pc": step.pc,
            "op": step.op,
            "gas": step.gas,
            "gasCost": 0,
            "depth": step.depth,
        }
        self._count(step)
        if step.refund:
            log["refund"] = step.refund
        if self.with_stack:
            log["stack"] = [hex(word) for word in step.stack]
        if self.with_memory and step.memory:
            log["memory"] = [
                "0x" + step.memory[start : start + 32].hex()
                for start in range(0, len(step.memory), 32)
            ]
        if self.with_return_data and step.return_data:
            log["returnData"] = "0x" + step.return_data.hex()
        if self.with_storage and step.op in ("SLOAD", "SSTORE") and step.stack:
            log["storage"] = self._storage_after(step)
        self._open[step.depth] = log
        self.count += 1
        if self.emit is None:
            self.logs.append(log)

    def _count(self, step: Step) -> None:
        if self.emit is not None:
            return
        words = 8 + len(step.stack) * self.with_stack
        words += len(step.memory) // 32 * self.with_memory
        words += len(step.return_data) // 32 * self.with_return_data
        self.allowance.take(words)

    def _storage_after(self, step: Step) -> dict[str, str]:
        seen = self._storage.setdefault(step.address, {})
        slot = step.stack[-1]
        if self.emit is None:
            self.allowance.take(2 * len(seen))
        if step.op == "SLOAD":
            seen[f"0x{slot:064x}"] = f"0x{step.storage_at(slot):064x}"
        elif len(step.stack) > 1:
            seen[f"0x{slot:064x}"] = f"0x{step.stack[-2]:064x}"
        return dict(seen)

    def step_cost(self, depth: int, cost: int, error: str | None) -> None:
        """Complete the last struct log of that depth."""
        log = self._open.get(depth)
        if log is not None:
            log["gasCost"] = cost
            if error is not None:
                log["error"] = error
            if self.emit is not None:
                del self._open[depth]
                self.emit(log)

    def result(self, outcome: Outcome, gas_used: int) -> dict[str, Any]:
        """Geth's answer object."""
        return {
            "gas": gas_used,
            "failed": not outcome.succeeded,
            "returnValue": "0x" + outcome.output.hex(),
            "structLogs": self.logs,
        }


@dataclass
class CallTracer(Listener):
    """Records the tree of frames: geth's `callTracer`.

    `with_logs` adds the logs that no failure took back, each with its number in the block
    (`first_log_index` is that of the transaction's first) and its position among the calls.
    """

    only_top_call: bool = False
    with_logs: bool = False
    first_log_index: int = 0
    allowance: Allowance = field(default_factory=Allowance)
    root: dict[str, Any] | None = None
    _gas_limit: int = 0
    _open: list[dict[str, Any]] = field(default_factory=list)
    _logs_before: list[int] = field(default_factory=list)
    _logs: int = 0

    def begin(self, gas_limit: int) -> None:
        """The outermost frame shows the whole gas limit, as geth has it."""
        self._gas_limit = gas_limit

    def enter(self, entry: FrameEntry) -> None:
        """Open a frame below the innermost one. Raises TraceTooLarge."""
        if not (self.only_top_call and self._open):
            self.allowance.take(16 + len(entry.data) // 16)
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
        self._logs_before.append(self._logs)

    def leave(self, gas_used: int, output: bytes, error: str | None) -> None:
        """Close the innermost frame."""
        frame, logs_before = self._open.pop(), self._logs_before.pop()
        frame["gasUsed"] = hex(gas_used)
        if output and error in (None, "execution reverted"):
            if not (self.only_top_call and self._open):
                self.allowance.take(len(output) // 16)
            frame["output"] = "0x" + output.hex()
        if error is None:
            return
        frame["error"] = error
        self._logs = logs_before
        _drop_logs(frame)
        reason = revert_reason(output)
        if reason is not None:
            frame["revertReason"] = reason
        if frame["type"] in ("CREATE", "CREATE2"):
            frame.pop("to", None)

    def log(self, address: Address, topics: Sequence[int], data: bytes) -> None:
        """Put a log into the innermost frame."""
        index = self.first_log_index + self._logs
        self._logs += 1
        if not self.with_logs or (self.only_top_call and len(self._open) > 1):
            return
        self.allowance.take(16 + len(data) // 16)
        frame = self._open[-1]
        frame.setdefault("logs", []).append(
            {
                "address": "0x" + address.hex(),
                "topics": [f"0x{topic:064x}" for topic in topics],
                "data": "0x" + data.hex(),
                "index": hex(index),
                "position": hex(len(frame.get("calls", ()))),
            }
        )

    def result(self, outcome: Outcome, gas_used: int) -> dict[str, Any]:
        """Geth's answer object; the outermost frame counts intrinsic gas too."""
        root = self.root or {}
        return {**root, "gasUsed": hex(gas_used)}


def _drop_logs(frame: dict[str, Any]) -> None:
    """Take the logs out of a failed frame and all below it."""
    waiting = [frame]
    while waiting:
        failed = waiting.pop()
        failed.pop("logs", None)
        waiting.extend(failed.get("calls", ()))


@dataclass
class FourByteTracer(Listener):
    """Counts the selectors that calls begin with, and the size of what follows: `4byteTracer`."""

    precompiles: frozenset[Address] = frozenset()
    counts: dict[str, int] = field(default_factory=dict)

    def enter(self, entry: FrameEntry) -> None:
        """Count a call with a selector; creations and calls of precompiles have none."""
        called = entry.kind in ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL")
        if called and len(entry.data) >= 4 and entry.to not in self.precompiles:
            key = f"0x{entry.data[:4].hex()}-{len(entry.data) - 4}"
            self.counts[key] = self.counts.get(key, 0) + 1

    def result(self, outcome: Outcome, gas_used: int) -> dict[str, Any]:
        """Geth's answer object."""
        return self.counts
