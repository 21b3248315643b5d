"""One call frame: py-evm's Prague computation with its hot and its wrong parts replaced.

Replaced for speed: int-only stack, plain gas meter, our loop, children that are merged into their
parent instead of kept. Replaced for correctness (facts: EIP-3860, EIP-6780, EIP-7702): init code of
a transaction is charged once, before the frame; what was created in this transaction is one set for
the whole transaction. Blocks, fees and transaction types are unknown here.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

from eth.exceptions import FullStack as FullStackError
from eth.exceptions import Halt, InsufficientStack, OutOfGas, VMError
from eth.vm.forks.prague.computation import PragueComputation

from chain.types import Address

from ..forks import PRAGUE, MachineRules
from ..precompiles.frame import Native
from .interpreter import run
from .memory import grow
from .opcodes import undefined_in
from .precompiles import native_precompiles
from .program import without
from .state import MachineState
from .stock import run_stock

GAS_CODE_DEPOSIT = 200
CREATE_TO = b""

LogEntry = tuple[Address, tuple[int, ...], bytes]


class TransactionFacts:
    """What stays the same in every frame of one transaction, and the accounts it has created."""

    __slots__ = ("blob_versioned_hashes", "created", "gas_price", "native_depth", "origin")

    def __init__(
        self, origin: Address, gas_price: int, blob_hashes: tuple[bytes, ...] = ()
    ) -> None:
        self.origin = origin
        self.gas_price = gas_price
        self.blob_versioned_hashes = blob_hashes
        self.created: set[Address] = set()
        self.native_depth = 0


class FrameMessage:
    """py-evm's Message without its checks: the caller has made sure of types and ranges.

    `to` is b"" for a creation. `storage_address` is the account whose storage and balance the frame
    works on, `code_address` the one whose code runs.
    """

    __slots__ = (
        "code",
        "code_address",
        "create_address",
        "data",
        "depth",
        "gas",
        "is_create",
        "is_delegation",
        "is_static",
        "refund",
        "sender",
        "should_transfer_value",
        "storage_address",
        "to",
        "value",
    )

    def __init__(
        self,
        gas: int,
        to: bytes,
        sender: Address,
        value: int,
        data: bytes,
        code: bytes,
        depth: int = 0,
        create_address: Address | None = None,
        code_address: Address | None = None,
        should_transfer_value: bool = True,
        is_static: bool = False,
        is_delegation: bool = False,
    ) -> None:
        self.gas = gas
        self.to = to
        self.sender = sender
        self.value = value
        self.data = data
        self.code = code
        self.depth = depth
        self.create_address = create_address
        self.is_create = create_address is not None
        self.storage_address = create_address if create_address is not None else Address(to)
        self.code_address = code_address if code_address is not None else Address(to)
        self.should_transfer_value = should_transfer_value
        self.is_static = is_static
        self.is_delegation = is_delegation
        self.refund = 0

    @property
    def data_as_bytes(self) -> bytes:
        """The call data; py-evm asks for it under this name."""
        return self.data


class GasMeter:
    """Gas of one frame: what is left, and its part of the refund counter."""

    __slots__ = ("gas_refunded", "gas_remaining", "start_gas")

    def __init__(self, start_gas: int) -> None:
        self.start_gas = start_gas
        self.gas_remaining = start_gas
        self.gas_refunded = 0

    def consume_gas(self, amount: int, reason: str) -> None:
        """Take gas. Raises OutOfGas."""
        if amount > self.gas_remaining:
            raise OutOfGas(f"out of gas: {reason} costs {amount}, {self.gas_remaining} left")
        self.gas_remaining -= amount

    def return_gas(self, amount: int) -> None:
        """Give back what a child frame left."""
        self.gas_remaining += amount

    def refund_gas(self, amount: int) -> None:
        """Add to the refund counter; `amount` may be negative."""
        self.gas_refunded += amount


class IntStack:
    """py-evm's Stack over ints only: bytes turn into ints when pushed."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: list[int] = []

    def push_int(self, value: int) -> None:
        """Push a word. Raises FullStack."""
        if len(self.values) > 1023:
            raise FullStackError("stack limit reached 1024 (1023)")
        self.values.append(value)

    def push_bytes(self, value: bytes) -> None:
        """Push big-endian bytes as a word. Raises FullStack."""
        self.push_int(int.from_bytes(value, "big"))

    def pop1_int(self) -> int:
        """Pop a word. Raises InsufficientStack."""
        if not self.values:
            raise InsufficientStack("stack underflow")
        return self.values.pop()

    pop1_any = pop1_int

    def pop1_bytes(self) -> bytes:
        """Pop a word as minimal big-endian bytes. Raises InsufficientStack."""
        value = self.pop1_int()
        return value.to_bytes((value.bit_length() + 7) // 8, "big")

    def pop_ints(self, count: int) -> tuple[int, ...]:
        """Pop `count` words, topmost first. Raises InsufficientStack."""
        values = self.values
        if count > len(values):
            raise InsufficientStack(f"stack underflow: {count} wanted, {len(values)} there")
        popped = tuple(values[: -count - 1 : -1])
        del values[-count:]
        return popped

    pop_any = pop_ints

    def swap(self, position: int) -> None:
        """Exchange the top with the word `position` below it. Raises InsufficientStack."""
        values = self.values
        if position >= len(values):
            raise InsufficientStack(f"stack underflow: SWAP{position} on {len(values)} words")
        values[-1], values[-position - 1] = values[-position - 1], values[-1]

    def dup(self, position: int) -> None:
        """Push a copy of the word at `position`, 1 being the top. Raises InsufficientStack."""
        values = self.values
        if position > len(values):
            raise InsufficientStack(f"stack underflow: DUP{position} on {len(values)} words")
        self.push_int(values[-position])


class ByteMemory:
    """py-evm's Memory over the frame's bytearray; already extended by whoever writes."""

    __slots__ = ("_bytes",)

    def __init__(self, data: bytearray) -> None:
        self._bytes = data

    def __len__(self) -> int:
        return len(self._bytes)

    def write(self, start: int, size: int, value: bytes) -> None:
        """Overwrite `size` bytes."""
        if size:
            self._bytes[start : start + size] = value

    def read_bytes(self, start: int, size: int) -> bytes:
        """Copy `size` bytes out."""
        return bytes(self._bytes[start : start + size])

    def copy(self, destination: int, source: int, length: int) -> None:
        """Move `length` bytes; the ranges may overlap."""
        if length:
            self._bytes[destination : destination + length] = self._bytes[source : source + length]


class Computation(PragueComputation):  # type: ignore[misc]  # py-evm is untyped to us
    """A frame: message, stack, memory, gas and what it has logged and destroyed so far.

    What differs from fork to fork is set by `computation_for`.
    """

    opcodes: ClassVar[Mapping[int, Any]]
    undefined: ClassVar[frozenset[int]]
    _precompiles: ClassVar[Mapping[Address, Callable[[Any], Any]]]
    natives: ClassVar[Container[Address]]
    storage_clears_refund: ClassVar[int]
    max_init_code_size: ClassVar[int]
    max_code_size: ClassVar[int]
    reserved_code_prefix: ClassVar[bytes]
    created_nonce: ClassVar[int]
    keeps_unpaid_creations: ClassVar[bool]
    runs_stock_opcodes: ClassVar[bool]

    is_traced: ClassVar[bool] = False

    state: MachineState
    msg: FrameMessage
    transaction_context: TransactionFacts

    def __init__(
        self, state: MachineState, message: FrameMessage, transaction: TransactionFacts
    ) -> None:
        # Not super().__init__: it builds objects whose checks cost more than most opcodes.
        self.state = state
        self.msg = message
        self.transaction_context = transaction
        self.contracts_created = transaction.created
        self.meter = self._gas_meter = GasMeter(message.gas)
        self._stack = IntStack()
        self.stack = self._stack.values
        self.memory = bytearray()
        self._memory = ByteMemory(self.memory)
        self.return_data = b""
        self.children: list[Any] = []
        self.accounts_to_delete: list[Address] = []
        self.beneficiaries: list[Address] = []
        self._log_entries: list[LogEntry] = []
        self._output = b""
        self._error: VMError | None = None

    # py-evm makes these anew for each frame as cached properties, which costs more than the calls.

    def stack_push_int(self, value: int) -> None:
        """Push a word. Raises FullStack."""
        self._stack.push_int(value)

    def stack_push_bytes(self, value: bytes) -> None:
        """Push big-endian bytes as a word. Raises FullStack."""
        self._stack.push_bytes(value)

    def stack_pop1_int(self) -> int:
        """Pop a word. Raises InsufficientStack."""
        return self._stack.pop1_int()

    def stack_pop1_bytes(self) -> bytes:
        """Pop a word as minimal big-endian bytes. Raises InsufficientStack."""
        return self._stack.pop1_bytes()

    def stack_pop_ints(self, num_items: int) -> tuple[int, ...]:
        """Pop words, topmost first. Raises InsufficientStack."""
        return self._stack.pop_ints(num_items)

    stack_pop1_any = stack_pop1_int
    stack_pop_any = stack_pop_ints

    def consume_gas(self, amount: int, reason: str) -> None:
        """Take gas from this frame. Raises OutOfGas."""
        self.meter.consume_gas(amount, reason)

    def extend_memory(self, start_position: int, size: int) -> None:
        """Extend memory and pay for it. Raises OutOfGas."""
        if size:
            meter = self.meter
            meter.gas_remaining = grow(self.memory, start_position + size, meter.gas_remaining)

    def add_log_entry(self, account: Address, topics: tuple[int, ...], data: bytes) -> None:
        """Append a log; it lives as long as this frame and all above it succeed."""
        self._log_entries.append((account, topics, data))

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
        """Message of a child frame, called by py-evm's CALL and CREATE opcodes."""
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

    def add_child_computation(self, child_computation: Computation) -> None:
        """Take over what a finished child leaves: return data and, on success, its effects."""
        child = child_computation
        error = child._error
        if error is None:
            self.return_data = b"" if child.msg.is_create else child._output
            self._log_entries += child._log_entries
            self.accounts_to_delete += child.accounts_to_delete
            self.meter.gas_refunded += child.meter.gas_refunded
        else:
            self.return_data = b"" if error.erases_return_data else child._output

    def register_account_for_deletion(self, beneficiary: Address) -> None:
        """Note that this account is gone when the transaction ends."""
        self.accounts_to_delete.append(self.msg.storage_address)

    def fail(self, error: VMError) -> None:
        """End the frame with an error: gas is burnt unless the error is a revert."""
        self._error = error
        if error.burns_gas:
            self.meter.gas_remaining = 0
        if error.erases_return_data:
            self.return_data = b""

    @classmethod
    def apply_message(
        cls,
        state: MachineState,
        message: FrameMessage,
        transaction_context: TransactionFacts,
        parent_computation: Computation | None = None,
    ) -> Computation:
        """Move the value, run the code, undo everything if it fails."""
        snapshot = state.snapshot()
        if message.should_transfer_value and message.value:
            state.delta_balance(message.sender, -message.value)
            state.delta_balance(message.storage_address, message.value)
        elif not message.code:
            state.touch_account(message.storage_address)
        computation = cls.apply_computation(state, message, transaction_context, parent_computation)
        if computation._error is not None:
            state.revert(snapshot)
        else:
            state.commit(snapshot)
        return computation

    @classmethod
    def apply_create_message(
        cls,
        state: MachineState,
        message: FrameMessage,
        transaction_context: TransactionFacts,
        parent_computation: Computation | None = None,
    ) -> Computation:
        """Run init code and put what it returns at the new address (EIP-170, 3541, 3860, 6780)."""
        if len(message.code) > cls.max_init_code_size:
            raise OutOfGas(f"max initcode size exceeded: {len(message.code)}")
        snapshot = state.snapshot()
        address = message.storage_address
        state.set_nonce(address, cls.created_nonce)
        transaction_context.created.add(address)
        computation = cls.apply_message(state, message, transaction_context, parent_computation)
        if computation._error is None:
            try:
                computation.deposit_code()
            except VMError as error:
                computation.fail(error)
        if computation._error is not None:
            state.revert(snapshot)
        else:
            state.commit(snapshot)
        return computation

    def deposit_code(self) -> None:
        """Check and pay for the code that init code returned, then set it. Raises VMError."""
        code = self._output
        if not code:
            return
        if code[:1] == self.reserved_code_prefix:
            raise OutOfGas("invalid code: must not begin with 0xef")
        limit = self.max_code_size
        if len(code) > limit:
            raise OutOfGas(f"max code size exceeded: code size {len(code)}, limit {limit}")
        cost = GAS_CODE_DEPOSIT * len(code)
        if self.meter.gas_remaining < cost:
            if self.keeps_unpaid_creations:
                self.output = b""
                return
            raise OutOfGas("contract creation code storage out of gas")
        self.meter.consume_gas(cost, "code deposit")
        self.state.set_code(self.msg.storage_address, code)

    @classmethod
    def apply_computation(
        cls,
        state: MachineState,
        message: FrameMessage,
        transaction_context: TransactionFacts,
        parent_computation: Computation | None = None,
    ) -> Computation:
        """Run the code of a message, or the precompile at its address, in a new frame."""
        computation = cls(state, message, transaction_context)
        try:
            computation.execute()
        except Halt:
            pass
        except VMError as error:
            computation.fail(error)
        return computation

    def execute(self) -> None:
        """Run to the end. Raises VMError where the frame fails, Halt where py-evm stops it."""
        message = self.msg
        precompile = None if message.is_create else self._precompiles.get(message.code_address)
        if precompile is None:
            if message.code and self.runs_stock_opcodes:
                run_stock(self, message.code)
            elif message.code:
                undefined = self.undefined
                run(self, without(message.code, undefined) if undefined else message.code)
        elif not message.is_delegation:  # EIP-7702: a delegation to a precompile is empty code
            precompile(self)


@lru_cache(maxsize=64)
def computation_for(rules: MachineRules) -> type[Computation]:
    """The kind of frame that runs under these rules."""
    parts = {
        "opcodes": rules.opcodes,
        "undefined": undefined_in(rules.opcodes),
        "_precompiles": rules.precompiles,
        "natives": frozenset(rules.natives),
        "storage_clears_refund": rules.storage_clears_refund,
        "max_init_code_size": rules.max_init_code_size,
        "max_code_size": rules.max_code_size,
        "created_nonce": 1 if rules.clears_empty_accounts else 0,
        "keeps_unpaid_creations": rules.keeps_unpaid_creations,
        "runs_stock_opcodes": rules.runs_stock_opcodes,
        "reserved_code_prefix": rules.reserved_code_prefix,
    }
    return type(rules.name.capitalize() + "Computation", (Computation,), parts)


def computation_with(natives: Mapping[Address, Native]) -> type[Computation]:
    """A frame under Prague's rules with these native precompiles."""
    rules = PRAGUE.machine
    precompiles = {**rules.precompiles, **native_precompiles(natives)}
    return computation_for(replace(rules, precompiles=precompiles, natives=natives))
