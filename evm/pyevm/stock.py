"""A frame that runs code on py-evm's own opcode objects, one at a time.

Two need it: the forks before Berlin, whose prices differ from those that are written into our
instructions, and tracers, which look at every opcode. It is slower and nothing else. Calls and
creations begin frames of the same kind. Knows no fork.
"""

from __future__ import annotations

from typing import Any, Final

from eth.exceptions import FullStack, Halt, InsufficientStack, InvalidInstruction
from eth.vm.code_stream import CodeStream

from chain.types import Address

from .computation import Computation
from .memory import grow
from .message import FrameMessage, TransactionFacts
from .state import MachineState


class _Silence:
    """The logger that py-evm's opcodes look for."""

    show_debug2 = False

    def debug2(self, *_: object) -> None:
        """Say nothing."""


class StockComputation(Computation):
    """A frame with the face that py-evm's opcodes know."""

    logger: Final = _Silence()

    def __init__(self, state: MachineState, message: FrameMessage, facts: TransactionFacts) -> None:
        super().__init__(state, message, facts)
        self.code: Any = None
        self.transaction_context = facts
        self.contracts_created = facts.created
        self.beneficiaries: list[Address] = []
        self._memory = self.memory

    def run_code(self, code: bytes) -> None:
        """Run code to its end. Raises VMError where it fails."""
        stream = self.code = CodeStream(code)
        opcodes, peek = self.opcodes, stream.peek
        try:
            while True:
                value = peek()
                opcode = opcodes.get(value)
                if opcode is None:
                    raise InvalidInstruction(f"invalid opcode: {value:#x}")
                stream.program_counter += 1
                opcode(self)
        except Halt:
            return

    # -- gas and how it ended ---------------------------------------------------------------------

    def return_gas(self, amount: int) -> None:
        """Give back what a child frame left."""
        self.gas_left += amount

    def refund_gas(self, amount: int) -> None:
        """Add to the refund counter; `amount` may be negative."""
        self.facts.refund += amount

    def get_gas_remaining(self) -> int:
        """Gas that is left."""
        return self.gas_left

    @property
    def is_error(self) -> bool:
        """True where the frame has failed."""
        return not self.succeeded

    @property
    def should_return_gas(self) -> bool:
        """True where its caller gets back the gas that it left."""
        return self.error is None or not self.error.burns_gas

    @property
    def should_erase_return_data(self) -> bool:
        """True where its caller gets no output."""
        return self.error is not None and self.error.erases_return_data

    # -- the stack --------------------------------------------------------------------------------

    def stack_push_int(self, value: int) -> None:
        """Push a word. Raises FullStack."""
        if len(self.stack) > 1023:
            raise FullStack("stack limit reached 1024 (1023)")
        self.stack.append(value)

    def stack_push_bytes(self, value: bytes) -> None:
        """Push big-endian bytes as a word. Raises FullStack."""
        self.stack_push_int(int.from_bytes(value, "big"))

    def stack_pop1_int(self) -> int:
        """Pop a word. Raises InsufficientStack."""
        if not self.stack:
            raise InsufficientStack("stack underflow")
        return self.stack.pop()

    stack_pop1_any = stack_pop1_int

    def stack_pop1_bytes(self) -> bytes:
        """Pop a word as minimal big-endian bytes. Raises InsufficientStack."""
        value = self.stack_pop1_int()
        return value.to_bytes((value.bit_length() + 7) // 8, "big")

    def stack_pop_ints(self, count: int) -> tuple[int, ...]:
        """Pop `count` words, topmost first. Raises InsufficientStack."""
        stack = self.stack
        if count > len(stack):
            raise InsufficientStack(f"stack underflow: {count} wanted, {len(stack)} there")
        popped = tuple(stack[: -count - 1 : -1])
        del stack[-count:]
        return popped

    stack_pop_any = stack_pop_ints

    def stack_swap(self, position: int) -> None:
        """Exchange the top with the word `position` below it. Raises InsufficientStack."""
        stack = self.stack
        if position >= len(stack):
            raise InsufficientStack(f"stack underflow: SWAP{position} on {len(stack)} words")
        stack[-1], stack[-position - 1] = stack[-position - 1], stack[-1]

    def stack_dup(self, position: int) -> None:
        """Push a copy of the word at `position`, 1 being the top. Raises InsufficientStack."""
        if position > len(self.stack):
            raise InsufficientStack(f"stack underflow: DUP{position} on {len(self.stack)} words")
        self.stack_push_int(self.stack[-position])

    # -- memory -----------------------------------------------------------------------------------

    def extend_memory(self, start_position: int, size: int) -> None:
        """Extend memory and pay for it. Raises OutOfGas."""
        if size:
            self.gas_left = grow(self.memory, start_position + size, self.gas_left)

    def memory_write(self, start_position: int, size: int, value: bytes) -> None:
        """Overwrite `size` bytes, for which memory is extended already."""
        if size:
            self.memory[start_position : start_position + size] = value

    def memory_read_bytes(self, start_position: int, size: int) -> bytes:
        """Copy `size` bytes out."""
        return bytes(self.memory[start_position : start_position + size])

    def memory_copy(self, destination: int, source: int, length: int) -> None:
        """Move `length` bytes; the ranges may overlap."""
        if length:
            self.memory[destination : destination + length] = self.memory[source : source + length]

    # -- frames below -----------------------------------------------------------------------------

    def prepare_child_message(
        self,
        gas: int,
        to: bytes,
        value: int,
        data: bytes,
        code: bytes,
        *,
        sender: Address | None = None,
        create_address: Address | None = None,
        code_address: Address | None = None,
        should_transfer_value: bool = True,
        is_static: bool = False,
        is_delegation: bool = False,
    ) -> FrameMessage:
        """Message of a frame below this one."""
        return FrameMessage(
            gas,
            to,
            self.msg.storage_address if sender is None else sender,
            value,
            data,
            code,
            self.msg.depth + 1,
            create_address,
            code_address,
            should_transfer_value,
            is_static,
            is_delegation,
        )

    def apply_child_computation(self, message: FrameMessage) -> Computation:
        """Run a frame below this one."""
        return self.run_child(message)

    def register_account_for_deletion(self, beneficiary: Address) -> None:
        """Note that this account is gone when the transaction ends."""
        self.facts.destroyed.append(self.msg.storage_address)
