"""One call frame: how a message is run in it, and how it is undone where it fails.

Children work on their parent's transaction: logs, destroyed accounts and refunds are added to
`TransactionFacts` and cut off again where a frame fails, so that nothing has to be merged. Which
rules a frame is under is on its class (`kinds.py`). Blocks, fees and transaction types are unknown
here. Sources: yellow paper, 8 and 9; EIP-170, 214, 684, 3541, 3860, 6780, 7702.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, ClassVar, Self

from eth.exceptions import OutOfGas, VMError

from chain.account_storage import AccountStorage
from chain.types import Address

from ..gas_prices import CODE_BYTE
from .interpreter import run
from .message import FrameMessage, TransactionFacts
from .state import MachineState

_Mark = tuple[int, int, int, int]


class Computation:
    """A frame: message, stack, memory, gas, and how it has ended.

    What differs from fork to fork are class attributes, set by `kinds.computation_for`.
    """

    __slots__ = (
        "error",
        "facts",
        "gas_left",
        "memory",
        "msg",
        "opened",
        "output",
        "return_data",
        "stack",
        "state",
        "succeeded",
    )

    opcodes: ClassVar[Mapping[int, Any]]
    undefined: ClassVar[frozenset[int]]
    precompiles: ClassVar[Mapping[Address, Callable[[Any], Any]]]
    natives: ClassVar[Container[Address]]
    storage_clears_refund: ClassVar[int]
    max_init_code_size: ClassVar[int]
    init_code_word_gas: ClassVar[int]
    max_code_size: ClassVar[int]
    reserved_code_prefix: ClassVar[bytes]
    created_nonce: ClassVar[int]
    keeps_unpaid_creations: ClassVar[bool]
    destroys_old_accounts: ClassVar[bool]
    has_delegations: ClassVar[bool]

    is_traced: ClassVar[bool] = False

    def __init__(self, state: MachineState, message: FrameMessage, facts: TransactionFacts) -> None:
        self.state = state
        self.msg = message
        self.facts = facts
        self.gas_left = message.gas
        self.stack: list[int] = []
        self.memory = bytearray()
        self.return_data = b""
        self.output = b""
        self.succeeded = True
        self.error: VMError | None = None
        self.opened: AccountStorage | None = None

    # -- what instructions and precompiles ask for ------------------------------------------------

    @property
    def storage(self) -> AccountStorage:
        """The slots of the account that the frame works on.

        Held on to while the frame lives: no account with a frame on it is deleted or wiped.
        """
        if self.opened is None:
            self.opened = self.state.storage_of(self.msg.storage_address)
        return self.opened

    def consume_gas(self, amount: int, reason: str) -> None:
        """Take gas. Raises OutOfGas."""
        if amount > self.gas_left:
            raise OutOfGas(f"out of gas: {reason} costs {amount}, {self.gas_left} left")
        self.gas_left -= amount

    def add_log_entry(self, account: Address, topics: tuple[int, ...], data: bytes) -> None:
        """Append a log; it lives as long as this frame and all above it succeed."""
        self.facts.logs.append((account, topics, data))

    def self_destruct(self, heir: Address) -> None:
        """Give all wei to the heir. The account is gone with the transaction where it is new.

        Before EIP-6780 any account is; wei that it then gives to itself is gone too.
        """
        state, own = self.state, self.msg.storage_address
        balance = state.get_balance(own)
        if self.destroys_old_accounts or own in self.facts.created:
            state.set_balance(heir, balance + state.get_balance(heir))
            state.set_balance(own, 0)
            self.facts.destroyed.append(own)
        else:
            state.delta_balance(heir, balance)
            state.delta_balance(own, -balance)

    def run_child(self, message: FrameMessage) -> Self:
        """Run a frame below this one; its return data is then this frame's.

        Raises OutOfGas where init code is too long.
        """
        kind = type(self)
        apply = kind.apply_create_message if message.is_create else kind.apply_message
        child = apply(self.state, message, self.facts, self)
        made = child.succeeded and message.is_create
        self.return_data = b"" if made else child.output
        return child

    # -- running a message ------------------------------------------------------------------------

    @classmethod
    def apply_message(
        cls,
        state: MachineState,
        message: FrameMessage,
        facts: TransactionFacts,
        parent: Computation | None = None,  # for those who watch
    ) -> Self:
        """Move the value, run the code, undo everything if it fails."""
        mark = _mark(state, facts)
        if message.should_transfer_value and message.value:
            state.delta_balance(message.sender, -message.value)
            state.delta_balance(message.storage_address, message.value)
        elif not message.code:
            state.touch_account(message.storage_address)
        frame = cls(state, message, facts)
        try:
            frame.execute()
        except VMError as error:
            frame.fail(error)
            _undo(state, facts, mark)
        return frame

    @classmethod
    def apply_create_message(
        cls,
        state: MachineState,
        message: FrameMessage,
        facts: TransactionFacts,
        parent: Computation | None = None,
    ) -> Self:
        """Run init code and put what it returns at the new address."""
        if len(message.code) > cls.max_init_code_size:
            raise OutOfGas(f"max initcode size exceeded: {len(message.code)}")
        mark = _mark(state, facts)
        address = message.storage_address
        state.set_nonce(address, cls.created_nonce)
        facts.created.add(address)
        frame = cls.apply_message(state, message, facts, parent)
        if frame.succeeded:
            try:
                frame.deposit_code()
            except VMError as error:
                frame.fail(error)
        if not frame.succeeded:
            _undo(state, facts, mark)
        return frame

    def execute(self) -> None:
        """Run the code of the message, or the precompile there. Raises VMError where it fails."""
        message = self.msg
        precompile = None if message.is_create else self.precompiles.get(message.code_address)
        if precompile is None:
            if message.code:
                self.run_code(message.code)
        elif not message.is_delegation:  # EIP-7702: a delegation to a precompile is empty code
            try:
                precompile(self)
            except IndexError as error:  # a bug, which must not pass for a stack underflow above
                raise RuntimeError(f"precompile 0x{message.code_address.hex()}") from error

    def run_code(self, code: bytes) -> None:
        """Run code to its end. Raises VMError where it fails."""
        run(self, code, self.undefined)

    def deposit_code(self) -> None:
        """Check and pay for the code that init code returned, then set it. Raises VMError."""
        code, limit = self.output, self.max_code_size
        if not code:
            return
        if code[:1] == self.reserved_code_prefix:
            raise OutOfGas("invalid code: must not begin with 0xef")
        if len(code) > limit:
            raise OutOfGas(f"max code size exceeded: code size {len(code)}, limit {limit}")
        cost = CODE_BYTE * len(code)
        if self.gas_left < cost:
            if self.keeps_unpaid_creations:
                self.output = b""
                return
            raise OutOfGas("contract creation code storage out of gas")
        self.gas_left -= cost
        self.state.set_code(self.msg.storage_address, code)

    def fail(self, error: VMError) -> None:
        """End the frame with an error: gas and output are gone unless it is a revert."""
        self.succeeded = False
        self.error = error
        if error.burns_gas:
            self.gas_left = 0
        if error.erases_return_data:
            self.output = b""


def _mark(state: MachineState, facts: TransactionFacts) -> _Mark:
    return state.snapshot(), len(facts.logs), len(facts.destroyed), facts.refund


def _undo(state: MachineState, facts: TransactionFacts, mark: _Mark) -> None:
    """Take back what has happened since a mark."""
    snapshot, logs, destroyed, facts.refund = mark
    state.revert(snapshot)
    del facts.logs[logs:]
    del facts.destroyed[destroyed:]
