"""eth_call, eth_estimateGas, eth_createAccessList and traces: parameters → the engine → results.

Geth's words for what went wrong. Every run has a State of its own, so it may run in any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from chain.block import Header
from chain.transaction import Authorization
from chain.types import ZERO_ADDRESS, Address
from chain.watched_state import WatchedState
from evm.call import AccountOverride as EngineAccountOverride
from evm.call import BlockOverride, CallFailed, CallRequest, CallResult
from evm.engine import ExecutionEngine
from evm.environment import Outcome
from evm.errors import InvalidTransaction
from evm.tracing import Tracer

from . import errors
from .errors import InvalidParameter, RpcError
from .parameters import (
    AccountOverride,
    TransactionArguments,
    address,
    hash32,
    json_object,
    quantity,
)

_BLOCK_OVERRIDES: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "number": ("number", quantity),
    "time": ("timestamp", quantity),
    "gasLimit": ("gas_limit", quantity),
    "feeRecipient": ("coinbase", address),
    "coinbase": ("coinbase", address),
    "prevRandao": ("prev_randao", hash32),
    "random": ("prev_randao", hash32),
    "baseFeePerGas": ("base_fee", quantity),
    "baseFee": ("base_fee", quantity),
    "blobBaseFee": ("blob_base_fee", quantity),
}


def block_override(value: object) -> BlockOverride:
    """Parse the block override set of eth_call."""
    fields: dict[str, object] = {}
    for key, raw in json_object(value).items():
        if key not in _BLOCK_OVERRIDES:
            known = ", ".join(_BLOCK_OVERRIDES)
            raise InvalidParameter(f"unknown block override {key!r}; known: {known}")
        name, parse = _BLOCK_OVERRIDES[key]
        fields[name] = parse(raw)
    return replace(BlockOverride(), **fields)  # type: ignore[arg-type]


def authorization(item: Mapping[str, object]) -> Authorization:
    """One EIP-7702 authorization of a call request."""
    return Authorization(
        chain_id=quantity(item.get("chainId")),
        address=address(item.get("address")),
        nonce=quantity(item.get("nonce")),
        y_parity=quantity(item.get("yParity", item.get("v"))),
        r=quantity(item.get("r")),
        s=quantity(item.get("s")),
    )


def call_request(arguments: TransactionArguments, base_fee_wei: int) -> CallRequest:
    """What the engine runs. Without a price the call is free. Raises RpcError."""
    price = arguments.gas_price
    cap, tip = arguments.max_fee_per_gas, arguments.max_priority_fee_per_gas
    if price is not None and (cap is not None or tip is not None):
        raise RpcError(
            errors.SERVER_ERROR,
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        )
    if cap is not None and tip is not None and tip > cap:
        raise RpcError(errors.SERVER_ERROR, "max priority fee per gas higher than max fee per gas")
    most = price if cap is None else cap
    if most is not None and 0 < most < base_fee_wei:
        raise RpcError(errors.SERVER_ERROR, "max fee per gas less than block base fee")
    if cap is not None:
        price = min(cap, base_fee_wei + (tip or 0))
    return CallRequest(
        sender=arguments.sender or ZERO_ADDRESS,
        to=arguments.to,
        gas=arguments.gas,
        gas_price=price or 0,
        value=arguments.value,
        data=arguments.data,
        access_list=arguments.access_list,
        authorization_list=tuple(authorization(item) for item in arguments.authorization_list),
        blob_hashes=arguments.blob_versioned_hashes,
    )


def account_overrides(
    overrides: Mapping[Address, AccountOverride],
) -> dict[Address, EngineAccountOverride]:
    """State overrides in the engine's form."""
    return {
        account: EngineAccountOverride(
            balance=item.balance,
            nonce=item.nonce,
            code=item.code,
            state=item.state,
            state_diff=item.state_diff or {},
        )
        for account, item in overrides.items()
    }


def raise_if_failed(result: CallResult) -> None:
    """Raise the error a failed call is reported by: code 3 for a revert, else -32000."""
    if result.error is None:
        return
    if result.error == "execution reverted":
        raise errors.execution_reverted(result.output)
    raise RpcError(errors.SERVER_ERROR, result.error)


class CallService:
    """Calls on one chain."""

    def __init__(self, engine: ExecutionEngine, gas_cap: int) -> None:
        """`gas_cap` bounds each run."""
        self._engine = engine
        self._gas_cap = gas_cap

    def call(
        self,
        arguments: TransactionArguments,
        header: Header,
        overrides: Mapping[Address, AccountOverride],
        block_override: BlockOverride,
    ) -> CallResult:
        """Run a call. Raises RpcError when it cannot even start."""
        request = call_request(arguments, header.base_fee_per_gas or 0)
        try:
            return self._engine.call(
                request,
                header,
                gas_cap=self._gas_cap,
                account_overrides=account_overrides(overrides),
                block_override=block_override,
            )
        except InvalidTransaction as error:
            raise RpcError(errors.SERVER_ERROR, f"err: {error}") from error

    def trace(
        self, arguments: TransactionArguments, header: Header, tracer: Tracer
    ) -> tuple[Outcome, int]:
        """Run a call that a tracer hears; its outcome and gas used. Raises RpcError."""
        request = call_request(arguments, header.base_fee_per_gas or 0)
        try:
            return self._engine.trace_call(request, header, tracer, gas_cap=self._gas_cap)
        except InvalidTransaction as error:
            raise RpcError(errors.SERVER_ERROR, f"err: {error}") from error

    def trace_on(
        self,
        arguments: TransactionArguments,
        header: Header,
        state: WatchedState,
        tracer: Tracer,
        overrides: Mapping[Address, AccountOverride],
        block_override: BlockOverride,
    ) -> tuple[Outcome, int]:
        """Run a call that a tracer hears on a state that stays as the call leaves it.

        Raises RpcError.
        """
        base_fee = header.base_fee_per_gas or 0
        simulator = self._engine.simulator(
            header, account_overrides(overrides), block_override, state=state
        )
        try:
            return simulator.trace(call_request(arguments, base_fee), self._gas_cap, tracer)
        except InvalidTransaction as error:
            raise RpcError(errors.SERVER_ERROR, f"err: {error}") from error

    def estimate_gas(
        self,
        arguments: TransactionArguments,
        header: Header,
        overrides: Mapping[Address, AccountOverride],
        block_override: BlockOverride,
    ) -> int:
        """The least gas limit that suffices. Raises RpcError when none does."""
        request = call_request(arguments, header.base_fee_per_gas or 0)
        try:
            return self._engine.estimate_gas(
                request,
                header,
                gas_cap=self._gas_cap,
                account_overrides=account_overrides(overrides),
                block_override=block_override,
            )
        except CallFailed as error:
            if error.result is not None:
                raise_if_failed(error.result)
            raise RpcError(errors.SERVER_ERROR, str(error)) from error
        except InvalidTransaction as error:
            raise RpcError(errors.SERVER_ERROR, str(error)) from error
