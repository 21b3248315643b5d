"""A State that remembers what it was before: which accounts and slots were looked at, and their
values at that moment.

For tracers that tell what a transaction needed and what it changed. Knows nothing of transactions;
`watch` begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .account import EMPTY_CODE_HASH
from .account_storage import AccountStorage
from .state import State, StateReader
from .trie import EMPTY_ROOT
from .types import Address, Hash32


@dataclass(slots=True)
class Seen:
    """An account when it was first looked at, with the slots looked at; balance in wei.

    An account that did not exist has the values of an empty one.
    """

    exists: bool
    nonce: int
    balance_wei: int
    code_hash: Hash32
    slots: dict[int, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Nonce 0, balance 0, no code (EIP-161)."""
        return not self.nonce and not self.balance_wei and self.code_hash == EMPTY_CODE_HASH


class WatchedState(State):
    """A State that notes each account and slot at its first use since `watch`."""

    def __init__(self, reader: StateReader, root: bytes = EMPTY_ROOT) -> None:
        super().__init__(reader, root)
        self._seen: dict[Address, Seen] = {}

    def watch(self) -> None:
        """Forget what was looked at so far."""
        self._seen = {}

    @property
    def seen(self) -> Mapping[Address, Seen]:
        """What was looked at since `watch`, in the order of first use."""
        return self._seen

    def code_of(self, code_hash: Hash32) -> bytes:
        """Code by its hash, also where no account has it any more. b"" where it is not known."""
        if code_hash == EMPTY_CODE_HASH:
            return b""
        return self._codes.get(code_hash) or self._reader.code(code_hash) or b""

    def _fields(self, address: Address) -> tuple[int, int, Hash32] | None:
        # Every method of State that reads or changes an account asks for its fields first.
        fields = super()._fields(address)
        if address not in self._seen:
            nonce, balance_wei, code_hash = fields or (0, 0, EMPTY_CODE_HASH)
            self._seen[address] = Seen(fields is not None, nonce, balance_wei, code_hash)
        return fields

    def get_storage(self, address: Address, slot: int) -> int:
        """As State; notes the slot."""
        value = super().get_storage(address, slot)
        self._note(address, slot, value)
        return value

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """As State; notes the slot with its value before."""
        self._note(address, slot, super().get_storage(address, slot))
        super().set_storage(address, slot, value)

    def access_slot(self, storage: AccountStorage, slot: int) -> bool:
        """As State; notes the slot."""
        was_cold = super().access_slot(storage, slot)
        self._note(storage.address, slot, storage.hot[slot])
        return was_cold

    def _note(self, address: Address, slot: int, value: int) -> None:
        self._fields(address)
        self._seen[address].slots.setdefault(slot, value)
