"""The only world a native precompile sees: one call frame.

A precompile is a function from a `Frame` to its output bytes. It reads the caller, the value and
the calldata, reads and writes ordinary storage slots of its own account, writes logs, credits wei
and pays gas; it can do nothing else. It does not know py-evm, the step machine, transactions,
accounts other than its own, or how the frame keeps its promises:

* every access charges *before* it happens (`sload`, `sstore`: EIP-2929 and EIP-2200; `log`: the
  yellow paper's LOG; `transfer`: what CALL charges; `call`: NESTED_CALL_GAS);
* in a static call each write reverts, so that STATICCALL cannot change state;
* the account is always the precompile's own: DELEGATECALL and CALLCODE are refused outside;
* when the function raises, nothing that happened in this frame or in a frame below it remains;
* the value of the call already lies on the precompile's balance when the function starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

from chain.abi import encode, selector
from chain.errors import StemmaError
from chain.types import Address, Hash32

NESTED_CALL_GAS = 700
"""Gas of `Frame.call`: an account access of Ethereum before EIP-2929; natives are always warm."""

MAX_NESTED_DEPTH = 8
"""Frames of natives below one another; the deepest honest path has three."""

_ERROR_SELECTOR = selector("Error(string)")


class PrecompileRevert(StemmaError):
    """The call is refused: state goes back, the gas left is kept, `output` explains why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def output(self) -> bytes:
        """Return data as Solidity's `require` makes it: `Error(string)`, ABI-encoded."""
        return _ERROR_SELECTOR + encode(["string"], [self.reason])


class OutOfGas(StemmaError):
    """The frame cannot pay for the next piece of work: state goes back, all gas is gone."""


class Frame(Protocol):
    """One call to one native precompile. All amounts are in wei, all gas in gas units."""

    @property
    def address(self) -> Address:
        """The precompile's own account."""

    @property
    def caller(self) -> Address:
        """Who called: a user's account, a contract, or another native precompile."""

    @property
    def value(self) -> int:
        """Wei sent with the call; already credited to `address`."""

    @property
    def calldata(self) -> bytes:
        """Selector and arguments."""

    @property
    def is_static(self) -> bool:
        """True below a STATICCALL; then each write raises PrecompileRevert."""

    @property
    def block_number(self) -> int:
        """Number of the block being executed."""

    @property
    def timestamp(self) -> int:
        """Timestamp of the block being executed, in seconds."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""

    def charge(self, gas: int, reason: str) -> None:
        """Pay `gas` before the work named by `reason`. Raises OutOfGas."""

    def sload(self, slot: int) -> int:
        """Read a slot of this account: 2100 gas cold, 100 warm (EIP-2929)."""

    def sstore(self, slot: int, value: int) -> None:
        """Write a slot of this account, with the cost and refunds of EIP-2200/2929/3529.

        Raises PrecompileRevert in a static call and for a slot or value outside uint256.
        """

    def log(self, topics: Sequence[Hash32], data: bytes) -> None:
        """Write a log of this account: 375 + 375 per topic + 8 per byte of data.

        Raises PrecompileRevert in a static call.
        """

    def transfer(self, to: Address, amount: int) -> None:
        """Credit `amount` wei to `to` from this account's balance. No code of `to` runs.

        Costs what CALL costs: access of `to` (2600 cold, 100 warm), 9000 where amount is not 0,
        and 25000 more where `to` is an empty account. Raises PrecompileRevert in a static call
        (amount not 0) and where the balance is smaller than the amount.
        """

    def balance(self) -> int:
        """Return the wei on this account: 100 gas (it is warm)."""

    def call(self, precompile: Address, calldata: bytes, value: int = 0) -> bytes:
        """Call another native precompile in a frame of its own and return its output.

        The new frame's caller is this precompile, it is static where this one is, and it draws on
        the same gas. Costs NESTED_CALL_GAS, and 9000 more where value is not 0. A revert below is
        not caught: it ends this frame too, with the reason of the innermost one.
        """


Native = Callable[[Frame], bytes]
"""A native precompile: from a frame to its return data; raises PrecompileRevert or OutOfGas."""


def refusal(precompile: str) -> Callable[[str], PrecompileRevert]:
    """Make a precompile's reverts, so that each reason begins with the precompile's name."""

    def refuse(message: str) -> PrecompileRevert:
        return PrecompileRevert(f"{precompile}: {message}")

    return refuse


def require_writable(frame: Frame, what: str) -> None:
    """Refuse `what` (sstore, log, transfer) in a static call, for implementations of `Frame`."""
    if frame.is_static:
        raise PrecompileRevert(f"{what} at 0x{frame.address.hex()} in a static call")


def refuse_balance(address: Address, balance: int, amount: int) -> NoReturn:
    """Raise the revert of a transfer that `balance` does not cover."""
    raise PrecompileRevert(
        f"transfer of {amount} wei from 0x{address.hex()}, which holds {balance} wei"
    )
