"""What a call would do, without a transaction: eth_call, gas estimation and their overrides.

A call runs on a state of its own, with no signature, no nonce check and, unless it names a price,
no fees. Sources: geth's `eth_call` and `eth/gasestimator`. Which block a call looks at is the
engine's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from chain.errors import StemmaError
from chain.receipt import Log
from chain.state import State
from chain.transaction import AccessList, Authorization
from chain.types import ZERO_ADDRESS, Address, Hash32

from .delegation import apply_authorizations
from .environment import BlockEnvironment, Message, Outcome
from .errors import Fault, InvalidTransaction
from .intrinsic_gas import TX_BASE, required_gas
from .pyevm.machine import Machine
from .tracing import Tracer
from .transition import create_address, gas_after_refund

CALL_STIPEND: Final = 2_300
ESTIMATE_TOLERANCE_PERMILLE: Final = 15
"""An estimate may be above the least sufficient gas by this much, as geth's may."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call to try. Gas in gas units (None: as much as allowed), prices and value in wei."""

    sender: Address = ZERO_ADDRESS
    to: Address | None = None
    gas: int | None = None
    gas_price: int = 0
    value: int = 0
    data: bytes = b""
    access_list: AccessList = ()
    authorization_list: tuple[Authorization, ...] = ()
    blob_hashes: tuple[Hash32, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountOverride:
    """What to pretend of an account. `state` replaces all storage, `state_diff` single slots."""

    balance: int | None = None
    nonce: int | None = None
    code: bytes | None = None
    state: Mapping[int, int] | None = None
    state_diff: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockOverride:
    """What to pretend of the block; None leaves it as it is."""

    number: int | None = None
    timestamp: int | None = None
    coinbase: Address | None = None
    prev_randao: Hash32 | None = None
    gas_limit: int | None = None
    base_fee: int | None = None
    blob_base_fee: int | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a call gave. `error` is None on success, else geth's words; `output` then is the revert
    data.
    """

    output: bytes
    gas_used: int
    error: str | None
    logs: tuple[Log, ...] = ()


class CallFailed(StemmaError):
    """No amount of gas that is allowed makes the call succeed. `result` is that of the last try."""

    def __init__(self, message: str, result: CallResult | None = None) -> None:
        super().__init__(message)
        self.result = result


class Simulator:
    """Tries calls on a state that is the simulator's own; each try leaves it as it was, a trace
    does not.
    """

    def __init__(
        self,
        state: State,
        block: BlockEnvironment,
        *,
        account_overrides: Mapping[Address, AccountOverride] | None = None,
        block_override: BlockOverride | None = None,
    ) -> None:
        for address, override in (account_overrides or {}).items():
            override_account(state, address, override)
        self._state = state
        self._block = _override_block(block, block_override or BlockOverride())

    def call(self, request: CallRequest, gas_cap: int) -> CallResult:
        """Run a call with at most `gas_cap` gas. Raises InvalidTransaction if it cannot start."""
        outcome, gas_used = self._try(request, min(request.gas or gas_cap, gas_cap), None)
        return CallResult(outcome.output, gas_used, outcome.error, outcome.logs)

    def trace(self, request: CallRequest, gas_cap: int, tracer: Tracer) -> tuple[Outcome, int]:
        """Run a call that `tracer` hears; its outcome and gas used. Raises InvalidTransaction.

        The state stays as the call leaves it, for tracers that look at it: the last thing that a
        simulator does.
        """
        gas = min(request.gas or gas_cap, gas_cap)
        self._state.begin_transaction()
        tracer.begin(gas)
        return self._run(request, gas, tracer)

    def estimate_gas(self, request: CallRequest, gas_cap: int) -> int:
        """Least gas, within a small tolerance, that makes a call succeed.

        Raises CallFailed where it fails with all the gas allowed, InvalidTransaction where it
        cannot start at all.
        """
        most = min(request.gas or self._block.gas_limit, gas_cap)
        most = self._affordable(request, most)
        outcome, used = self._try(request, most, None)
        if outcome.error is not None:
            raise _failure(outcome, used, most)
        if not request.data and self._suffices(request, TX_BASE):
            return TX_BASE
        least = used - 1
        # A first guess that is nearly always enough: what was used, the refund that came only at
        # the end, and what the 63/64 rule held back.
        guess = (used + outcome.refund + CALL_STIPEND) * 64 // 63
        if guess < most:
            if self._suffices(request, guess):
                most = guess
            else:
                least = guess
        while least + 1 < most:
            if (most - least) * 1000 < most * ESTIMATE_TOLERANCE_PERMILLE:
                break
            middle = min((most + least) // 2, least * 2)
            if self._suffices(request, middle):
                most = middle
            else:
                least = middle
        return most

    def _suffices(self, request: CallRequest, gas: int) -> bool:
        try:
            return self._try(request, gas, None)[0].error is None
        except InvalidTransaction as error:
            if error.fault in (Fault.INTRINSIC_GAS, Fault.FLOOR_DATA_GAS):
                return False
            raise

    def _affordable(self, request: CallRequest, gas: int) -> int:
        if not request.gas_price:
            return gas
        balance = self._state.get_balance(request.sender) - request.value
        if balance < 0:
            raise InvalidTransaction(Fault.INSUFFICIENT_FUNDS, "insufficient funds for transfer")
        return min(gas, balance // request.gas_price)

    def _try(self, request: CallRequest, gas: int, tracer: Tracer | None) -> tuple[Outcome, int]:
        state = self._state
        state.begin_transaction()
        checkpoint = state.checkpoint()
        try:
            return self._run(request, gas, tracer)
        finally:
            state.revert(checkpoint)

    def _run(self, request: CallRequest, gas: int, tracer: Tracer | None) -> tuple[Outcome, int]:
        state, sender = self._state, request.sender
        intrinsic, floor = required_gas(
            request.data,
            request.access_list,
            len(request.authorization_list),
            is_create=request.to is None,
            rules=self._block.rules,
        )
        if gas < max(intrinsic, floor):
            fault = Fault.INTRINSIC_GAS if gas < intrinsic else Fault.FLOOR_DATA_GAS
            raise InvalidTransaction(fault, f"have {gas}, want {max(intrinsic, floor)}")
        cost, balance = gas * request.gas_price, state.get_balance(sender)
        if balance < cost + request.value:
            raise InvalidTransaction(
                Fault.INSUFFICIENT_FUNDS,
                f"address 0x{sender.hex()} have {balance} want {cost + request.value}",
            )
        nonce = state.get_nonce(sender)
        if cost:
            state.set_balance(sender, balance - cost)
        state.set_nonce(sender, nonce + 1)
        for address, slots in request.access_list:
            state.warm_address(address)
            for slot in slots:
                state.warm_slot(address, slot)
        refund = apply_authorizations(state, request.authorization_list, self._block.chain_id)
        # As geth: a call without a price sees a block without a base fee.
        block = self._block if request.gas_price else replace(self._block, base_fee=0)
        machine = Machine(state, block, tracer=tracer)
        outcome = machine.run(
            Message(
                sender=sender,
                to=request.to,
                value=request.value,
                data=request.data,
                gas=gas - intrinsic,
                gas_price=request.gas_price,
                create_address=create_address(sender, nonce) if request.to is None else None,
                blob_hashes=request.blob_hashes,
            )
        )
        return outcome, gas_after_refund(block.rules, gas, outcome, refund, floor)


def _failure(outcome: Outcome, used: int, most: int) -> CallFailed:
    result = CallResult(outcome.output, used, outcome.error)
    if outcome.error == "out of gas":
        return CallFailed(f"gas required exceeds allowance ({most})", result)
    return CallFailed(str(outcome.error), result)


def override_account(state: State, address: Address, override: AccountOverride) -> None:
    """Change an account of a state as an override says."""
    if override.nonce is not None:
        state.set_nonce(address, override.nonce)
    if override.balance is not None:
        state.set_balance(address, override.balance)
    if override.code is not None:
        state.set_code(address, override.code)
    if override.state is not None:
        state.clear_storage(address)
        for slot, value in override.state.items():
            state.set_storage(address, slot, value)
    for slot, value in override.state_diff.items():
        state.set_storage(address, slot, value)


def _override_block(block: BlockEnvironment, override: BlockOverride) -> BlockEnvironment:
    def either(wanted: int | None, present: int) -> int:
        return present if wanted is None else wanted

    return replace(
        block,
        number=either(override.number, block.number),
        timestamp=either(override.timestamp, block.timestamp),
        coinbase=override.coinbase or block.coinbase,
        prev_randao=override.prev_randao or block.prev_randao,
        gas_limit=either(override.gas_limit, block.gas_limit),
        base_fee=either(override.base_fee, block.base_fee),
        blob_base_fee=either(override.blob_base_fee, block.blob_base_fee),
    )
