"""Phase PRECOMPILE: a precompile runs, its whole input as one item, in one step.

Ethereum's are computed by whoever is passed in; our natives are the same Python files that the fast
path runs, over `NativeFrame`. It knows no particular one.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.types import MAX_UINT256, Address, Hash32

from .. import gas_prices as price
from ..precompiles.frame import (
    MAX_NESTED_DEPTH,
    NESTED_CALL_GAS,
    OutOfGas,
    PrecompileRevert,
    refuse_balance,
    require_writable,
)
from .accounts import access, account_of, add_balance, touch_empty, transfer
from .errors import ExceptionalHalt, Missing
from .instructions.system import MAX_DEPTH
from .machine import Machine
from .names import NOTHING
from .slots import read_slot, write_slot
from .state import Ending, Flag, Outcome, Phase, log_of
from .structures.words import data_depth, data_tree


class _NestedRevert(Exception):
    """A native below has reverted: no native catches it, and its output is the outermost's."""

    def __init__(self, output: bytes) -> None:
        super().__init__()
        self.output = output


def step_precompile(m: Machine) -> None:
    """Run the precompile of the innermost frame."""
    m.open_frame()
    call, before, gas = m.call, m.effects_name, m.gas
    size = call.calldata_length
    data = m.opener.leaves(call.calldata, data_depth(size))[:size] if size else b""
    try:
        if call.code_address in m.rules.natives:
            _end(m, *_run_native(m, data))
        else:
            result = m.rules.run_precompile(call.code_address, data, gas)
            if not result.succeeded:
                raise ExceptionalHalt("precompile failed")
            m.gas = result.gas_left
            _end(m, Ending.SUCCEEDED, result.output)
    except (ExceptionalHalt, OutOfGas):
        m.fail(before)
    except Missing as missing:
        m.gas = gas
        m.put_back(before)
        m.load(missing)


def _end(m: Machine, ending: Ending, output: bytes) -> None:
    m.pending = Outcome(ending, m.gas, data_tree(output), len(output), m.call_name)
    m.phase = Phase.LEAVE
    m.set_frame(NOTHING)


def _run_native(m: Machine, data: bytes) -> tuple[Ending, bytes]:
    """How the native has ended, and its output."""
    call, before = m.call, m.effects_name
    frame = NativeFrame(
        m, call.address, call.caller, call.value, data,
        is_static=bool(call.flags & Flag.STATIC), depth=call.depth, nested=0,
    )  # fmt: skip
    try:
        if call.address != call.code_address:
            raise PrecompileRevert(
                f"0x{call.code_address.hex()} runs in its own account only: "
                "DELEGATECALL and CALLCODE are refused"
            )
        return Ending.SUCCEEDED, m.rules.natives[call.code_address](frame)
    except (PrecompileRevert, _NestedRevert) as refusal:
        m.put_back(before)
        return Ending.REVERTED, refusal.output


class NativeFrame:
    """One call to one native precompile; `evm.precompiles.frame.Frame` says what each does."""

    __slots__ = (
        "_depth", "_m", "_nested", "address", "calldata", "caller", "is_static", "value",
    )  # fmt: skip

    def __init__(
        self, m: Machine, address: bytes, caller: bytes, value: int, calldata: bytes, *,
        is_static: bool, depth: int, nested: int,
    ) -> None:  # fmt: skip
        """`depth` counts frames below the outermost, `nested` natives below the first of them."""
        self._m = m
        self._depth = depth
        self._nested = nested
        self.address = Address(address)
        self.caller = Address(caller)
        self.value = value
        self.calldata = calldata
        self.is_static = is_static

    @property
    def block_number(self) -> int:
        """Number of the block being executed."""
        return self._m.block.number

    @property
    def timestamp(self) -> int:
        """Timestamp of the block being executed, in seconds."""
        return self._m.block.timestamp

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._m.block.chain_id

    def charge(self, gas: int, reason: str) -> None:
        """Take gas. Raises OutOfGas."""
        left = self._m.gas
        if gas > left:
            raise OutOfGas(f"out of gas: {reason} costs {gas}, {left} left")
        self._m.gas = left - gas

    def sload(self, slot: int) -> int:
        """Read a slot at EIP-2929 cost."""
        if not 0 <= slot <= MAX_UINT256:
            raise PrecompileRevert(f"sload of slot {slot:#x}: not a uint256")
        self.charge(price.WARM, "sload")
        return read_slot(self._m, self.address, self._generation(), slot)

    def sstore(self, slot: int, value: int) -> None:
        """Write a slot at EIP-2200/2929/3529 cost."""
        require_writable(self, "sstore")
        if not (0 <= slot <= MAX_UINT256 and 0 <= value <= MAX_UINT256):
            raise PrecompileRevert(f"sstore of {value:#x} to slot {slot:#x}: not a uint256")
        write_slot(self._m, self.address, self._generation(), slot, value)

    def _generation(self) -> int:
        return account_of(self._m, self.address).generation

    def log(self, topics: Sequence[Hash32], data: bytes) -> None:
        """Write a log."""
        require_writable(self, "log")
        count, size = len(topics), len(data)
        self.charge(price.LOG + price.LOG_TOPIC * count + price.LOG_BYTE * size, "log")
        words = [int.from_bytes(topic, "big") for topic in topics]
        self._m.add_log(log_of(self.address, words, data_tree(data), size))

    def transfer(self, to: Address, amount: int) -> None:
        """Credit wei without running code."""
        if amount:
            require_writable(self, "transfer")
        if amount < 0:
            raise PrecompileRevert(f"transfer of {amount} wei: negative")
        account, is_cold = access(self._m, to)
        cost = price.COLD_ACCOUNT if is_cold else price.WARM
        if amount:
            cost += price.CALL_VALUE + (price.NEW_ACCOUNT if account.is_empty else 0)
        self.charge(cost, "transfer")
        balance = account_of(self._m, self.address).balance
        if amount > balance:
            refuse_balance(self.address, balance, amount)
        if amount:
            transfer(self._m, self.address, to, amount)

    def balance(self) -> int:
        """Wei on this account."""
        self.charge(price.WARM, "balance")
        return account_of(self._m, self.address).balance

    def call(self, precompile: Address, calldata: bytes, value: int = 0) -> bytes:
        """Run another native in a frame below this one."""
        self.charge(NESTED_CALL_GAS + (price.CALL_VALUE if value else 0), "nested call")
        self._check_nested(precompile, value)
        if value:
            add_balance(self._m, self.address, -value)
            add_balance(self._m, precompile, value)
        else:
            touch_empty(self._m, precompile)
        below = NativeFrame(
            self._m, precompile, self.address, value, calldata,
            is_static=self.is_static, depth=self._depth + 1, nested=self._nested + 1,
        )  # fmt: skip
        try:
            return self._m.rules.natives[precompile](below)
        except PrecompileRevert as refusal:
            raise _NestedRevert(refusal.output) from None

    def _check_nested(self, precompile: Address, value: int) -> None:
        if precompile not in self._m.rules.natives:
            raise PrecompileRevert(f"0x{precompile.hex()} is not a native precompile")
        depth = self._nested + 1
        if depth >= MAX_NESTED_DEPTH or self._depth >= MAX_DEPTH:
            raise PrecompileRevert(f"nested call at depth {depth}, {MAX_NESTED_DEPTH} is the limit")
        if value:
            require_writable(self, "value of a nested call")
            balance = account_of(self._m, self.address).balance
            if not 0 <= value <= balance:
                refuse_balance(self.address, balance, value)
