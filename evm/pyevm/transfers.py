"""Frames that log each move of wei, as eth_simulateV1 shows them, and number every log.

A transfer is logged as an ERC-20 one of the token at 0xeeee...ee (execution-apis, eth_simulateV1).
It lives and dies with its frame like any log. What is done with the logs is `simulate.py`'s.
"""

from __future__ import annotations

from collections.abc import Container
from itertools import count
from typing import ClassVar, Final

from chain.abi import event_topic
from chain.state import State
from chain.types import Address

from ..environment import BlockEnvironment
from .computation import Computation
from .machine import Machine
from .message import FrameMessage, TransactionFacts
from .state import MachineState, machine_state

TRANSFER_TOKEN: Final = Address(b"\xee" * 20)
_TRANSFER: Final = int.from_bytes(event_topic("Transfer(address,address,uint256)"), "big")


class NumberedAddress(bytes):
    """The address of a log that knows its number in the block, and whether it is a transfer.

    Numbers count what failed frames logged too, as geth's do.
    """

    number: int
    is_transfer: bool


class _Numbered(Computation):
    """A frame whose logs are numbered; with `logs_transfers` moves of wei are among them."""

    __slots__ = ()

    numbers: ClassVar[count[int]]
    logs_transfers: ClassVar[bool]
    is_traced = True
    """So that a plain transfer takes a frame too."""

    def __init__(self, state: MachineState, message: FrameMessage, facts: TransactionFacts) -> None:
        super().__init__(state, message, facts)
        if message.should_transfer_value:
            self.log_transfer(message.sender, message.storage_address, message.value)

    def add_log_entry(self, account: Address, topics: tuple[int, ...], data: bytes) -> None:
        """Append a log with its number."""
        self._append(account, topics, data, is_transfer=False)

    def self_destruct(self, heir: Address) -> None:
        """As Computation; logs what is sent."""
        own = self.msg.storage_address
        amount = self.state.get_balance(own)
        super().self_destruct(heir)
        self.log_transfer(own, heir, amount)

    def log_transfer(self, sender: Address, to: Address, amount: int) -> None:
        """Append the log of a move of wei, if there is one and they are wanted."""
        if amount and self.logs_transfers:
            topics = (_TRANSFER, int.from_bytes(sender, "big"), int.from_bytes(to, "big"))
            self._append(TRANSFER_TOKEN, topics, amount.to_bytes(32, "big"), is_transfer=True)

    def _append(
        self, account: Address, topics: tuple[int, ...], data: bytes, *, is_transfer: bool
    ) -> None:
        numbered = NumberedAddress(account)
        numbered.number, numbered.is_transfer = next(self.numbers), is_transfer
        super().add_log_entry(Address(numbered), topics, data)


class NumberingMachine(Machine):
    """A machine whose logs are numbered through a block, with transfers among them if wanted."""

    def __init__(
        self,
        state: State,
        block: BlockEnvironment,
        numbers: count[int],
        warm: Container[Address],
        *,
        logs_transfers: bool,
    ) -> None:
        """`warm` are the addresses that every transaction finds warm: the chain's precompiles."""
        super().__init__(state, block)
        self._view = machine_state(state, block, warm)
        parts = {"__slots__": (), "numbers": numbers, "logs_transfers": logs_transfers}
        self._kind = type("Numbered" + self._kind.__name__, (_Numbered, self._kind), parts)
