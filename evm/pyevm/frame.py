"""What instructions, precompiles and transpiled code see of a call frame and of the world.

Only the shape: frames are made in `computation.py`, the world is `state.py`'s. Whatever works on a
frame stands on this file, and so nothing that a frame is made of has to know who works on it.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import ClassVar, Protocol, TypeAlias

from eth.exceptions import VMError

from chain.account_storage import AccountStorage
from chain.types import Address, Hash32

from .message import FrameMessage, TransactionFacts


class World(Protocol):
    """Accounts and storage as they are now, and the block around them. Wei, gas, seconds."""

    chain_id: int
    coinbase: Address
    timestamp: int
    block_number: int
    difficulty: int
    gas_limit: int
    base_fee: int
    blob_base_fee: int

    def get_ancestor_hash(self, number: int, /) -> bytes:
        """Hash of one of the last 256 blocks, no bytes for any other."""

    def access(self, address: Address, /) -> bool:
        """Note that an account is accessed; was it the first time in this transaction?"""

    def get_balance(self, address: Address, /) -> int:
        """Balance in wei."""

    def delta_balance(self, address: Address, delta: int, /) -> None:
        """Add wei, which may be negative."""

    def get_nonce(self, address: Address, /) -> int:
        """Transactions sent, or contracts created."""

    def increment_nonce(self, address: Address, /) -> None:
        """Add one to a nonce."""

    def get_code(self, address: Address, /) -> bytes:
        """Code of an account."""

    def get_code_hash(self, address: Address, /) -> Hash32:
        """Hash of that code."""

    def account_is_empty(self, address: Address, /) -> bool:
        """Nonce 0, balance 0 and no code, or no account at all (EIP-161)."""

    def has_code_or_nonce(self, address: Address, /) -> bool:
        """Would a creation there collide (EIP-684, 7610)?"""

    def access_slot(self, storage: AccountStorage, slot: int, /) -> bool:
        """Read a slot into `storage.hot`; was it the first time in this transaction?"""

    def write_slot(self, storage: AccountStorage, slot: int, value: int, old: int, /) -> None:
        """Write a slot that holds another value, `old`."""

    def get_transient(self, address: Address, slot: int, /) -> int:
        """Value of a transient slot."""

    def set_transient(self, address: Address, slot: int, value: int, /) -> None:
        """Write a transient slot."""


class Frame(Protocol):
    """One call frame while it runs.

    Attributes:
        stack: words, topmost last.
        memory: a multiple of 32 bytes.
        gas_left: gas; while code runs it is a local of whoever runs it, and is put back in the end.
        return_data: what the last call of this frame gave back.
        output: what this frame gives back.
        succeeded: False where the frame has failed or reverted.
        error: how, or None.
        opened: what `storage` gives, once it was asked for.

    """

    msg: FrameMessage
    facts: TransactionFacts
    stack: list[int]
    memory: bytearray
    gas_left: int
    return_data: bytes
    output: bytes
    succeeded: bool
    error: VMError | None
    opened: AccountStorage | None

    # What differs from fork to fork.
    has_delegations: ClassVar[bool]
    storage_clears_refund: ClassVar[int]
    max_init_code_size: ClassVar[int]
    init_code_word_gas: ClassVar[int]
    natives: ClassVar[Container[Address]]

    @property
    def state(self) -> World:
        """The world that the frame works on."""

    @property
    def storage(self) -> AccountStorage:
        """The slots of the account that the frame works on."""

    def consume_gas(self, amount: int, reason: str, /) -> None:
        """Take gas. Raises OutOfGas."""

    def run_child(self, message: FrameMessage, /) -> Frame:
        """Run a frame below this one to its end; its return data is then this frame's."""

    def add_log_entry(self, account: Address, topics: tuple[int, ...], data: bytes, /) -> None:
        """Append a log."""

    def self_destruct(self, heir: Address, /) -> None:
        """Give all wei to an account, and note that this one is gone where the rules say so."""


Instruction: TypeAlias = Callable[[Frame, list[int], int], int]
"""(frame, stack, gas) → gas left."""
Ending: TypeAlias = Callable[[Frame, list[int], int], None]
"""The same where the frame is over: the gas left is put on it."""
