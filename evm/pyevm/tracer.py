"""Computations that tell a `Tracer` what they do, on py-evm's own opcodes one at a time.

A traced run is slower and otherwise the same: gas, output, logs and state do not depend on it.
What becomes of the record is in `evm/tracing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from eth.constants import STACK_DEPTH_LIMIT
from eth.exceptions import Halt, InvalidInstruction, InvalidJumpDestination, VMError
from eth.vm.code_stream import CodeStream

from chain.types import Address

from ..tracing import FrameEntry, Step, Tracer
from .computation import Computation
from .errors import describe
from .message import FrameMessage, TransactionFacts
from .state import MachineState
from .stock import StockComputation

# Where geth's names differ from py-evm's.
# CREATE, CALL, CALLCODE, DELEGATECALL, CREATE2, STATICCALL, SELFDESTRUCT
_FRAME_OPS = frozenset((0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA, 0xFF))
_Frame = TypeVar("_Frame", bound=Computation)
_GETH_NAMES = {0x20: "KECCAK256", 0x44: "DIFFICULTY"}


def opcode_name(opcodes: Mapping[int, Any], value: int) -> str:
    """Geth's name of an opcode."""
    opcode = opcodes.get(value)
    if opcode is None:
        return "INVALID" if value == 0xFE else f"opcode {value:#x} not defined"
    return _GETH_NAMES.get(value, str(opcode.mnemonic))


@dataclass(frozen=True, slots=True)
class _Before:
    """The topmost words of the stack, top last, and the account's balance before an opcode."""

    stack: tuple[int, ...]
    balance: int


def _address(word: int) -> Address:
    return Address((word & (1 << 160) - 1).to_bytes(20, "big"))


class Traced(StockComputation):
    """A frame that reports itself; `traced` mixes it into a kind of computation."""

    tracer: ClassVar[Tracer]
    current_op = "CALL"
    gas_at_step = 0
    gas_at_child = -1
    refused_gas = -1

    def run_code(self, code: bytes) -> None:
        """Run opcode by opcode, announcing each."""
        self.code = CodeStream(code)
        while self._step():
            pass

    def _step(self) -> bool:
        code, depth = self.code, self.msg.depth + 1
        pc, value, gas = code.program_counter, code.peek(), self.gas_left
        self.current_op = opcode_name(self.opcodes, value)
        self.gas_at_step = gas
        self.gas_at_child = -1
        self.tracer.step(self._snapshot(pc, depth))
        code.program_counter = pc + 1
        before = self._frameless(value)
        try:
            self._run_opcode(value)
            if before is not None and self.gas_at_child < 0:
                self._report_refused(before)
        except Halt:
            if before is not None:
                self._report_destruction(before)
            self.tracer.step_cost(depth, gas - self.gas_left, None)
            return False
        except VMError as error:
            self.tracer.step_cost(depth, gas - self.gas_left, describe(error))
            raise
        spent = self.gas_at_child
        self.tracer.step_cost(depth, gas - self.gas_left if spent < 0 else gas - spent, None)
        return True

    def _frameless(self, value: int) -> _Before | None:
        """What to remember before an opcode that geth shows as a frame even where none begins."""
        if value not in _FRAME_OPS or not self.stack:
            return None
        self.refused_gas = -1
        return _Before(tuple(self.stack[-5:]), self.state.get_balance(self.msg.storage_address))

    def return_gas(self, amount: int) -> None:
        """As Computation; gas that comes back though no frame began was meant for a refused one."""
        super().return_gas(amount)
        if self.gas_at_child < 0:
            self.refused_gas = amount

    def _report_refused(self, before: _Before) -> None:
        """Report a call or creation that failed before its first step: no depth or no money left.

        One whose new address is taken, or whose creator has run out of nonces, is not reported.
        """
        kind, stack = self.current_op, before.stack
        if kind in ("CREATE", "CREATE2"):
            to, (value, start, size) = self.msg.storage_address, stack[:-4:-1]
            gas = self.gas_left - self.gas_left // 64
        else:
            has_value = kind in ("CALL", "CALLCODE")
            to, gas = _address(stack[-2]), self.refused_gas
            value = stack[-3] if has_value else 0
            start, size = stack[-4:-6:-1] if has_value else stack[-3:-5:-1]
        too_deep = self.msg.depth >= STACK_DEPTH_LIMIT
        if gas < 0 or not (too_deep or value > before.balance):
            return
        data = bytes(self.memory[start : start + size])
        self._report(kind, to, value, gas, data)
        error = "max call depth exceeded" if too_deep else "insufficient balance for transfer"
        self.tracer.leave(0, b"", error)

    def _report_destruction(self, before: _Before) -> None:
        if self.current_op == "SELFDESTRUCT":
            self._report("SELFDESTRUCT", _address(before.stack[-1]), before.balance, 0, b"")
            self.tracer.leave(0, b"", None)

    def _report(self, kind: str, to: Address, value: int, gas: int, data: bytes) -> None:
        sender, depth = Address(self.msg.storage_address), self.msg.depth + 1
        self.tracer.enter(FrameEntry(kind, sender, to, value, gas, data, depth))

    def _run_opcode(self, value: int) -> None:
        opcode = self.opcodes.get(value)
        if opcode is None:
            raise InvalidInstruction(f"invalid opcode: {self.current_op}")
        try:
            opcode(self)
        except InvalidInstruction:
            # py-evm's name for a jump into the data of a push
            raise InvalidJumpDestination("invalid jump destination") from None

    def _snapshot(self, pc: int, depth: int) -> Step:
        address = self.msg.storage_address
        return Step(
            pc=pc,
            op=self.current_op,
            gas=self.gas_left,
            depth=depth,
            stack=self.stack,
            memory=self.memory,
            refund=self.facts.refund,
            address=address,
            storage_at=lambda slot: self.state.get_storage(address, slot),
            return_data=self.return_data,
        )

    def add_log_entry(self, account: Address, topics: tuple[int, ...], data: bytes) -> None:
        """Report a log, be it an opcode's or a native precompile's."""
        super().add_log_entry(account, topics, data)
        self.tracer.log(account, topics, data)

    @classmethod
    def apply_message(
        cls,
        state: MachineState,
        message: FrameMessage,
        facts: TransactionFacts,
        parent: Computation | None = None,
    ) -> Self:
        """Report a call around it."""
        # A creation passes here too, on its way from apply_create_message, which reports it.
        if message.is_create:
            return super().apply_message(state, message, facts, parent)
        _enter(cls.tracer, message, parent)
        done = super().apply_message(state, message, facts, parent)
        return _leave(cls.tracer, done)

    @classmethod
    def apply_create_message(
        cls,
        state: MachineState,
        message: FrameMessage,
        facts: TransactionFacts,
        parent: Computation | None = None,
    ) -> Self:
        """Report a creation around it."""
        _enter(cls.tracer, message, parent)
        try:
            done = super().apply_create_message(state, message, facts, parent)
        except VMError as error:  # init code too long: the creator fails, and there is no frame
            cls.tracer.leave(message.gas, b"", describe(error))
            raise
        return _leave(cls.tracer, done)


def traced(kind: type[Computation], tracer: Tracer) -> type[Computation]:
    """The same kind of frame, speaking to `tracer`."""
    return type("Traced" + kind.__name__, (Traced, kind), {"tracer": tracer, "is_traced": True})


def _enter(tracer: Tracer, message: FrameMessage, parent: Computation | None) -> None:
    kind = "CREATE" if message.is_create else "CALL"
    if isinstance(parent, Traced):
        kind = parent.current_op
        parent.gas_at_child = parent.gas_left
        # Told before the first step of the child as well: steps can then be passed on in order.
        cost = parent.gas_at_step - parent.gas_left
        tracer.step_cost(parent.msg.depth + 1, cost, None)
    delegate = kind in ("DELEGATECALL", "CALLCODE")
    tracer.enter(
        FrameEntry(
            kind=kind,
            sender=message.storage_address if delegate else message.sender,
            to=Address(message.code_address if delegate else message.storage_address),
            value=message.value,
            gas=message.gas,
            data=message.code if message.is_create else message.data,
            depth=message.depth,
        )
    )


def _leave(tracer: Tracer, done: _Frame) -> _Frame:
    error = done.error
    output = done.state.get_code(done.msg.storage_address) if done.msg.is_create else done.output
    used = done.msg.gas - done.gas_left
    tracer.leave(used, output if error is None else done.output, error and describe(error))
    return done
