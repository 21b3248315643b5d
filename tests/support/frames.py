"""A reference `Frame` in memory: balances and slots in dictionaries, an undo list, a gas counter.

It is the smallest thing that keeps every promise of `evm.precompiles.frame`, and the judge in tests
of the natives: no EVM, no trie, no transactions. `conformance_frame.py` holds it to the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance_frame import Outcome

from chain.receipt import Log
from chain.types import MAX_UINT256, Address, Hash32
from evm.precompiles import NATIVE_PRECOMPILES
from evm.precompiles.frame import (
    MAX_NESTED_DEPTH,
    NESTED_CALL_GAS,
    Native,
    OutOfGas,
    PrecompileRevert,
    refuse_balance,
    require_writable,
)

_ABSENT = object()


class World:
    """Accounts and slots, and the natives that change them. Each `call` is a transaction."""

    def __init__(
        self,
        natives: Mapping[Address, Native] = NATIVE_PRECOMPILES,
        *,
        chain_id: int = 901,
        block_number: int = 17,
        timestamp: int = 1_700_000_000,
    ) -> None:
        self.natives = natives
        self.chain_id = chain_id
        self.block_number = block_number
        self.timestamp = timestamp
        self.balances: dict[Address, int] = {}
        self.slots: dict[tuple[Address, int], int] = {}
        self.originals: dict[tuple[Address, int], int] = {}
        self.warm: dict[object, bool] = {}
        self.logs: list[Log] = []
        self.undo: list[tuple[dict[Any, Any], object, object]] = []
        self.gas_left = 0

    def fund(self, account: Address, wei: int) -> None:
        """Add wei to an account out of nothing."""
        self.balances[account] = self.balance(account) + wei

    def balance(self, account: Address) -> int:
        """Wei of an account."""
        return self.balances.get(account, 0)

    def storage(self, account: Address, slot: int) -> int:
        """A slot of an account."""
        return self.slots.get((account, slot), 0)

    def call(
        self,
        to: Address,
        *,
        caller: Address,
        calldata: bytes = b"",
        value: int = 0,
        gas: int = 30_000_000,
        is_static: bool = False,
    ) -> Outcome:
        """Call a native from an account that can pay the value."""
        assert self.balance(caller) >= value, "the test's caller cannot pay the value"
        self.originals = dict(self.slots)
        self.warm = dict.fromkeys((caller, *self.natives), True)
        self.logs, self.undo, self.gas_left = [], [], gas
        frame = MemoryFrame(self, to, caller, value, calldata, is_static, depth=0)
        try:
            output, succeeded = frame.run(), True
        except PrecompileRevert as revert:
            output, succeeded = revert.output, False
        except OutOfGas:
            output, succeeded, self.gas_left = b"", False, 0
        return Outcome(succeeded, output, gas - self.gas_left, tuple(self.logs))

    def put(self, mapping: dict[Any, Any], key: object, value: object) -> None:
        """Write a journaled entry."""
        self.undo.append((mapping, key, mapping.get(key, _ABSENT)))
        mapping[key] = value

    def roll_back(self, undo_length: int, log_count: int) -> None:
        """Undo what was written since."""
        while len(self.undo) > undo_length:
            mapping, key, value = self.undo.pop()
            if value is _ABSENT:
                del mapping[key]
            else:
                mapping[key] = value
        del self.logs[log_count:]

    def move(self, source: Address, target: Address, amount: int) -> None:
        """Move wei between accounts."""
        if amount:
            self.put(self.balances, source, self.balance(source) - amount)
            self.put(self.balances, target, self.balance(target) + amount)


@dataclass(frozen=True)
class MemoryFrame:
    """One call; `evm.precompiles.frame.Frame` says what each method does."""

    world: World = field(repr=False)
    address: Address
    caller: Address
    value: int
    calldata: bytes
    is_static: bool
    depth: int

    @property
    def block_number(self) -> int:
        return self.world.block_number

    @property
    def timestamp(self) -> int:
        return self.world.timestamp

    @property
    def chain_id(self) -> int:
        return self.world.chain_id

    def run(self) -> bytes:
        """Move the value and run the native; undo both where it raises."""
        marks = len(self.world.undo), len(self.world.logs)
        try:
            self.world.move(self.caller, self.address, self.value)
            return self.world.natives[self.address](self)
        except BaseException:
            self.world.roll_back(*marks)
            raise

    def charge(self, gas: int, reason: str) -> None:
        assert gas >= 0, reason
        if gas > self.world.gas_left:
            raise OutOfGas(f"{reason}: {gas} gas, {self.world.gas_left} left")
        self.world.gas_left -= gas

    def _warm_up(self, key: object) -> bool:
        """Mark as warm; say whether it was cold."""
        was_cold = key not in self.world.warm
        if was_cold:
            self.world.put(self.world.warm, key, True)
        return was_cold

    def sload(self, slot: int) -> int:
        assert 0 <= slot <= MAX_UINT256
        self.charge(2_100 if (self.address, slot) not in self.world.warm else 100, "sload")
        self._warm_up((self.address, slot))
        return self.world.storage(self.address, slot)

    def sstore(self, slot: int, value: int) -> None:
        require_writable(self, "sstore")
        if not (0 <= slot <= MAX_UINT256 and 0 <= value <= MAX_UINT256):
            raise PrecompileRevert(f"sstore of {value} to slot {slot}: not a uint256")
        if self.world.gas_left <= 2_300:
            raise OutOfGas("sstore needs more than 2300 gas (EIP-2200)")
        key = (self.address, slot)
        current, original = self.world.slots.get(key, 0), self.world.originals.get(key, 0)
        cost = 2_100 if key not in self.world.warm else 0
        if current == value or current != original:
            cost += 100
        else:
            cost += 20_000 if original == 0 else 2_900
        self.charge(cost, "sstore")
        self._warm_up(key)
        self.world.put(self.world.slots, key, value)

    def log(self, topics: Sequence[Hash32], data: bytes) -> None:
        require_writable(self, "log")
        self.charge(375 + 375 * len(topics) + 8 * len(data), "log")
        self.world.logs.append(Log(self.address, tuple(topics), data))

    def transfer(self, to: Address, amount: int) -> None:
        if amount:
            require_writable(self, "transfer")
        cost = 2_600 if to not in self.world.warm else 100
        if amount:
            cost += 9_000
            if self.world.balance(to) == 0 and to not in self.world.natives:
                cost += 25_000
        self.charge(cost, "transfer")
        self._warm_up(to)
        balance = self.world.balance(self.address)
        if not 0 <= amount <= balance:
            refuse_balance(self.address, balance, amount)
        self.world.move(self.address, to, amount)

    def balance(self) -> int:
        self.charge(100, "balance")
        return self.world.balance(self.address)

    def call(self, precompile: Address, calldata: bytes, value: int = 0) -> bytes:
        self.charge(NESTED_CALL_GAS + (9_000 if value else 0), "nested call")
        if precompile not in self.world.natives:
            raise PrecompileRevert(f"0x{precompile.hex()} is not a native precompile")
        if self.depth + 1 >= MAX_NESTED_DEPTH:
            raise PrecompileRevert(f"nested call at depth {self.depth + 1}")
        if value:
            require_writable(self, "value of a nested call")
            balance = self.world.balance(self.address)
            if not 0 <= value <= balance:
                refuse_balance(self.address, balance, value)
        nested = MemoryFrame(
            self.world, precompile, self.address, value, calldata, self.is_static, self.depth + 1
        )
        return nested.run()
