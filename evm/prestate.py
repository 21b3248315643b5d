"""What a transaction needed of the state and what it made of it: geth's `prestateTracer`.

Looks at no opcode: a WatchedState has noted every account and slot that the transaction used, with
the values before. So it also shows what is not the work of opcodes, such as the storage of native
precompiles and the fee vaults of an L2. Shapes: geth's `eth/tracers/native/prestate.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chain.account import EMPTY_CODE_HASH
from chain.types import Address, Hash32
from chain.watched_state import Seen, WatchedState

from .environment import Outcome
from .tracing import Allowance, Listener


@dataclass
class PrestateTracer(Listener):
    """Tells the accounts that a transaction used, as they were; in diff mode what changed.

    `state` is the one the transaction runs on. `always` are accounts to list even if they were not
    used: the block's beneficiary, by geth's custom.
    """

    state: WatchedState
    always: tuple[Address, ...] = ()
    diff_mode: bool = False
    with_code: bool = True
    with_storage: bool = True
    include_empty: bool = False
    allowance: Allowance = field(default_factory=Allowance)
    _pre: dict[str, Any] = field(default_factory=dict)
    _post: dict[str, Any] = field(default_factory=dict)

    def begin(self, gas_limit: int) -> None:
        """Begin to watch; nothing is paid yet."""
        self.state.watch()
        for address in self.always:
            self.state.get_balance(address)

    def result(self, outcome: Outcome, gas_used: int) -> dict[str, Any]:
        """Geth's answer object: the accounts before, or `pre` and `post`. Raises TraceTooLarge."""
        # A copy: comparing reads accounts too.
        for address, seen in list(self.state.seen.items()):
            if self.diff_mode:
                self._compare(address, seen)
            elif self.include_empty or not seen.is_empty:
                self._pre["0x" + address.hex()] = self._before(seen, seen.slots)
        return {"pre": self._pre, "post": self._post} if self.diff_mode else self._pre

    def _before(self, seen: Seen, slots: dict[int, int]) -> dict[str, Any]:
        self.allowance.take(16 + 4 * len(slots))
        account: dict[str, Any] = {"balance": hex(seen.balance_wei)}
        if seen.nonce:
            account["nonce"] = seen.nonce
        if seen.code_hash != EMPTY_CODE_HASH:
            if self.with_code:
                code = self.state.code_of(seen.code_hash)
                self.allowance.take(len(code) // 16)
                account["code"] = "0x" + code.hex()
            account["codeHash"] = "0x" + seen.code_hash.hex()
        if slots and self.with_storage:
            account["storage"] = {_word(slot): _word(slots[slot]) for slot in sorted(slots)}
        return account

    def _compare(self, address: Address, seen: Seen) -> None:
        """Put an account that changed into `pre`, unless it was empty, and what it is into `post`.

        An account that is gone is in `pre` only.
        """
        name, gone = "0x" + address.hex(), seen.exists and not self.state.account_exists(address)
        changed = {
            slot: now
            for slot, value in seen.slots.items()
            if (now := self.state.get_storage(address, slot)) != value
        }
        after = {} if gone else self._after(address, seen)
        if not (gone or after or (changed and self.with_storage)):
            return
        if not gone:
            if self.with_storage and any(changed.values()):
                slots = sorted(changed.items())
                after["storage"] = {_word(slot): _word(now) for slot, now in slots if now}
            self._post[name] = after
        if self.include_empty or not seen.is_empty:
            differing = {slot: seen.slots[slot] for slot in changed if seen.slots[slot]}
            self._pre[name] = self._before(seen, seen.slots if gone else differing)

    def _after(self, address: Address, seen: Seen) -> dict[str, Any]:
        """The fields, storage apart, that differ from before."""
        state = self.state
        account: dict[str, Any] = {}
        balance, nonce = state.get_balance(address), state.get_nonce(address)
        code_hash: Hash32 = state.get_code_hash(address)
        if balance != seen.balance_wei:
            account["balance"] = hex(balance)
        if nonce != seen.nonce:
            account["nonce"] = nonce
        if code_hash != seen.code_hash:
            account["codeHash"] = "0x" + code_hash.hex()
            if self.with_code:
                account["code"] = "0x" + state.get_code(address).hex()
        return account


def _word(value: int) -> str:
    return f"0x{value:064x}"
