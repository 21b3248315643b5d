"""`evm.precompiles.Frame` over a py-evm computation: gas, storage, logs and wei of one native call.

Here the promises of the protocol are kept: everything is charged before it happens, a static call
writes nothing, DELEGATECALL and CALLCODE never reach the native, a nested revert ends the caller
too. It knows no particular native.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eth.exceptions import OutOfGas as MachineOutOfGas
from eth.exceptions import Revert

from chain.types import MAX_UINT256, Address, Hash32

from ..precompiles.frame import (
    MAX_NESTED_DEPTH,
    NESTED_CALL_GAS,
    Native,
    OutOfGas,
    PrecompileRevert,
    refuse_balance,
    require_writable,
)
from .instructions import WARM_READ, read_storage, write_storage

if TYPE_CHECKING:
    from .computation import Computation

COLD_ACCOUNT = 2600
CALL_VALUE = 9000
NEW_ACCOUNT = 25_000
LOG = 375
LOG_TOPIC = 375
LOG_BYTE = 8


class NativeFrame:
    """One call to one native precompile; `evm.precompiles.frame.Frame` says what each does."""

    __slots__ = ("_computation", "address", "calldata", "caller", "is_static", "value")

    def __init__(self, computation: Computation) -> None:
        message = computation.msg
        self._computation = computation
        self.address: Address = message.storage_address
        self.caller: Address = message.sender
        self.value: int = message.value
        self.calldata: bytes = message.data
        self.is_static: bool = message.is_static

    @property
    def block_number(self) -> int:
        """Number of the block being executed."""
        return self._computation.state.block_number

    @property
    def timestamp(self) -> int:
        """Timestamp of the block being executed, in seconds."""
        return self._computation.state.timestamp

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._computation.state.chain_id

    def charge(self, gas: int, reason: str) -> None:
        """Take gas. Raises OutOfGas."""
        meter = self._computation.meter
        if gas > meter.gas_remaining:
            raise OutOfGas(f"out of gas: {reason} costs {gas}, {meter.gas_remaining} left")
        meter.gas_remaining -= gas

    def sload(self, slot: int) -> int:
        """Read a slot at EIP-2929 cost."""
        if not 0 <= slot <= MAX_UINT256:
            raise PrecompileRevert(f"sload of slot {slot:#x}: not a uint256")
        meter = self._computation.meter
        value, meter.gas_remaining = read_storage(self._computation, slot, meter.gas_remaining)
        return value

    def sstore(self, slot: int, value: int) -> None:
        """Write a slot at EIP-2200/2929/3529 cost."""
        require_writable(self, "sstore")
        if not (0 <= slot <= MAX_UINT256 and 0 <= value <= MAX_UINT256):
            raise PrecompileRevert(f"sstore of {value:#x} to slot {slot:#x}: not a uint256")
        meter = self._computation.meter
        meter.gas_remaining = write_storage(self._computation, slot, value, meter.gas_remaining)

    def log(self, topics: Sequence[Hash32], data: bytes) -> None:
        """Write a log."""
        require_writable(self, "log")
        self.charge(LOG + LOG_TOPIC * len(topics) + LOG_BYTE * len(data), "log")
        words = tuple(int.from_bytes(topic, "big") for topic in topics)
        self._computation.add_log_entry(self.address, words, data)

    def transfer(self, to: Address, amount: int) -> None:
        """Credit wei without running code."""
        if amount:
            require_writable(self, "transfer")
        state = self._computation.state
        if amount < 0:
            raise PrecompileRevert(f"transfer of {amount} wei: negative")
        cost = WARM_READ
        if not state.is_address_warm(to):
            cost = COLD_ACCOUNT
        if amount:
            cost += CALL_VALUE + (NEW_ACCOUNT if state.account_is_empty(to) else 0)
        self.charge(cost, "transfer")
        state.mark_address_warm(to)
        balance = state.get_balance(self.address)
        if amount > balance:
            refuse_balance(self.address, balance, amount)
        if amount:
            state.delta_balance(self.address, -amount)
            state.delta_balance(to, amount)

    def balance(self) -> int:
        """Wei on this account."""
        self.charge(WARM_READ, "balance")
        return self._computation.state.get_balance(self.address)

    def call(self, precompile: Address, calldata: bytes, value: int = 0) -> bytes:
        """Run another native in a frame below this one."""
        computation = self._computation
        self.charge(NESTED_CALL_GAS + (CALL_VALUE if value else 0), "nested call")
        self._check_nested(precompile, value)
        meter, facts = computation.meter, computation.transaction_context
        message = computation.prepare_child_message(
            meter.gas_remaining,
            precompile,
            value,
            calldata,
            b"",
            is_static=self.is_static,
            should_transfer_value=value != 0,
        )
        meter.gas_remaining = 0
        facts.native_depth += 1
        try:
            child = computation.apply_child_computation(message)
        finally:
            facts.native_depth -= 1
        meter.gas_remaining = child.meter.gas_remaining
        if child.is_success:
            return bytes(child.output)
        if child.should_burn_gas:
            raise OutOfGas(f"out of gas in the nested call to 0x{precompile.hex()}")
        computation.output = child.output
        raise Revert(child.output)

    def _check_nested(self, precompile: Address, value: int) -> None:
        computation = self._computation
        if precompile not in computation.natives:
            raise PrecompileRevert(f"0x{precompile.hex()} is not a native precompile")
        depth = computation.transaction_context.native_depth + 1
        if depth >= MAX_NESTED_DEPTH or computation.msg.depth + 1 > 1024:
            raise PrecompileRevert(f"nested call at depth {depth}, {MAX_NESTED_DEPTH} is the limit")
        if value:
            require_writable(self, "value of a nested call")
            balance = computation.state.get_balance(self.address)
            if not 0 <= value <= balance:
                refuse_balance(self.address, balance, value)


def run_native(native: Native, computation: Computation) -> None:
    """Run a native in a computation whose message addresses it; raises py-evm's errors."""
    message = computation.msg
    try:
        if message.storage_address != message.code_address:
            raise PrecompileRevert(
                f"0x{message.code_address.hex()} runs in its own account only: "
                "DELEGATECALL and CALLCODE are refused"
            )
        computation.output = native(NativeFrame(computation))
    except PrecompileRevert as refusal:
        computation.output = refusal.output
        raise Revert(refusal.output) from None
    except OutOfGas as error:
        raise MachineOutOfGas(str(error)) from None
