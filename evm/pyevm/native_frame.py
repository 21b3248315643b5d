"""`evm.precompiles.Frame` over a frame of the machine: gas, storage, logs, wei of a native call.

Here the promises of the protocol are kept: everything is charged before it happens, a static call
writes nothing, DELEGATECALL and CALLCODE never reach the native, a nested revert ends the caller
too. It knows no particular native.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth.exceptions import OutOfGas as MachineOutOfGas
from eth.exceptions import Revert

from chain.types import MAX_UINT256, Address, Hash32

from ..gas_prices import CALL_VALUE, COLD_ACCOUNT, LOG, LOG_BYTE, LOG_TOPIC, NEW_ACCOUNT, WARM
from ..precompiles.frame import (
    MAX_NESTED_DEPTH,
    NESTED_CALL_GAS,
    Native,
    OutOfGas,
    PrecompileRevert,
    refuse_balance,
    require_writable,
)
from .frame import Frame
from .instructions.storage import read_storage, write_storage
from .instructions.system import MAX_DEPTH
from .message import FrameMessage


class NativeFrame:
    """One call to one native precompile; `evm.precompiles.frame.Frame` says what each does."""

    __slots__ = ("_frame", "address", "calldata", "caller", "is_static", "value")

    def __init__(self, frame: Frame) -> None:
        message = frame.msg
        self._frame = frame
        self.address: Address = message.storage_address
        self.caller: Address = message.sender
        self.value: int = message.value
        self.calldata: bytes = message.data
        self.is_static: bool = message.is_static

    @property
    def block_number(self) -> int:
        """Number of the block being executed."""
        return self._frame.state.block_number

    @property
    def timestamp(self) -> int:
        """Timestamp of the block being executed, in seconds."""
        return self._frame.state.timestamp

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._frame.state.chain_id

    def charge(self, gas: int, reason: str) -> None:
        """Take gas. Raises OutOfGas."""
        left = self._frame.gas_left
        if gas > left:
            raise OutOfGas(f"out of gas: {reason} costs {gas}, {left} left")
        self._frame.gas_left = left - gas

    def sload(self, slot: int) -> int:
        """Read a slot at EIP-2929 cost."""
        if not 0 <= slot <= MAX_UINT256:
            raise PrecompileRevert(f"sload of slot {slot:#x}: not a uint256")
        self.charge(WARM, "sload")
        frame = self._frame
        value, frame.gas_left = read_storage(frame, slot, frame.gas_left)
        return value

    def sstore(self, slot: int, value: int) -> None:
        """Write a slot at EIP-2200/2929/3529 cost."""
        require_writable(self, "sstore")
        if not (0 <= slot <= MAX_UINT256 and 0 <= value <= MAX_UINT256):
            raise PrecompileRevert(f"sstore of {value:#x} to slot {slot:#x}: not a uint256")
        frame = self._frame
        frame.gas_left = write_storage(frame, slot, value, frame.gas_left)

    def log(self, topics: Sequence[Hash32], data: bytes) -> None:
        """Write a log."""
        require_writable(self, "log")
        self.charge(LOG + LOG_TOPIC * len(topics) + LOG_BYTE * len(data), "log")
        words = tuple(int.from_bytes(topic, "big") for topic in topics)
        self._frame.add_log_entry(self.address, words, data)

    def transfer(self, to: Address, amount: int) -> None:
        """Credit wei without running code."""
        if amount:
            require_writable(self, "transfer")
        state = self._frame.state
        if amount < 0:
            raise PrecompileRevert(f"transfer of {amount} wei: negative")
        cost = COLD_ACCOUNT if state.access(to) else WARM
        if amount:
            cost += CALL_VALUE + (NEW_ACCOUNT if state.account_is_empty(to) else 0)
        self.charge(cost, "transfer")
        balance = state.get_balance(self.address)
        if amount > balance:
            refuse_balance(self.address, balance, amount)
        if amount:
            state.delta_balance(self.address, -amount)
            state.delta_balance(to, amount)

    def balance(self) -> int:
        """Wei on this account."""
        self.charge(WARM, "balance")
        return self._frame.state.get_balance(self.address)

    def call(self, precompile: Address, calldata: bytes, value: int = 0) -> bytes:
        """Run another native in a frame below this one."""
        frame, message = self._frame, self._frame.msg
        self.charge(NESTED_CALL_GAS + (CALL_VALUE if value else 0), "nested call")
        self._check_nested(precompile, value)
        gas, frame.gas_left = frame.gas_left, 0
        below = FrameMessage(
            gas,
            precompile,
            message.storage_address,
            value,
            calldata,
            b"",
            message.depth + 1,
            should_transfer_value=value != 0,
            is_static=self.is_static,
        )
        frame.facts.native_depth += 1
        try:
            child = frame.run_child(below)
        finally:
            frame.facts.native_depth -= 1
        frame.gas_left = child.gas_left
        if child.succeeded:
            return child.output
        if child.error is not None and child.error.burns_gas:
            raise OutOfGas(f"out of gas in the nested call to 0x{precompile.hex()}")
        frame.output = child.output
        raise Revert(child.output)

    def _check_nested(self, precompile: Address, value: int) -> None:
        frame = self._frame
        if precompile not in frame.natives:
            raise PrecompileRevert(f"0x{precompile.hex()} is not a native precompile")
        depth = frame.facts.native_depth + 1
        if depth >= MAX_NESTED_DEPTH or frame.msg.depth >= MAX_DEPTH:
            raise PrecompileRevert(f"nested call at depth {depth}, {MAX_NESTED_DEPTH} is the limit")
        if value:
            require_writable(self, "value of a nested call")
            balance = frame.state.get_balance(self.address)
            if not 0 <= value <= balance:
                refuse_balance(self.address, balance, value)


def run_native(native: Native, frame: Frame) -> None:
    """Run a native in a frame whose message addresses it; raises py-evm's errors."""
    message = frame.msg
    try:
        if message.storage_address != message.code_address:
            raise PrecompileRevert(
                f"0x{message.code_address.hex()} runs in its own account only: "
                "DELEGATECALL and CALLCODE are refused"
            )
        frame.output = native(NativeFrame(frame))
    except PrecompileRevert as refusal:
        frame.output = refusal.output
        raise Revert(refusal.output) from None
    except OutOfGas as error:
        raise MachineOutOfGas(str(error)) from None
