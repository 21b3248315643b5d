"""eth_simulateV1: blocks of calls, one on the other, on top of a block; nothing is kept.

Parameters → the engine's simulation → JSON, with the codes of execution-apis. Every run has a State
of its own. Source: execution-apis src/eth/execute.yaml; geth internal/ethapi/simulate.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from chain.block import Header, Withdrawal
from chain.transaction import (
    BlobTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    SignedTransaction,
)
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from evm.errors import Fault, InvalidTransaction
from evm.executor import ExecutionResult, PayloadAttributes
from evm.simulate import BlockPlan, OverrideRefused, SimulatedBlock, SimulatedCall, Simulation

from . import errors, parameters
from .backend import Backend
from .calls import account_overrides, authorization
from .errors import InvalidParameter, RpcError
from .hexadecimal import data, quantity
from .jsonrpc import Parameter, rpc
from .parameters import LATEST, AccountOverride, BlockId, TransactionArguments
from .serialise import Json, block_json, located, log_json

MAX_BLOCKS = 256
BLOCK_TIME_S = 12
"""What a block that names no time is after the one before."""

_NONCE_TOO_LOW, _NONCE_TOO_HIGH = -38010, -38011
_FEE_CAP_TOO_LOW = -38012
_INTRINSIC_GAS = -38013
_INSUFFICIENT_FUNDS = -38014
_BLOCK_GAS_LIMIT = -38015
_BLOCK_NUMBER, _BLOCK_TIME = -38020, -38021
_SENDER_NOT_EOA = -38024
_INIT_CODE_SIZE = -38025
_TOO_MANY_BLOCKS = -38026
_VM_ERROR = -32015
_CODES = {
    Fault.NONCE_TOO_LOW: _NONCE_TOO_LOW,
    Fault.NONCE_TOO_HIGH: _NONCE_TOO_HIGH,
    Fault.FEE_CAP_TOO_LOW: _FEE_CAP_TOO_LOW,
    Fault.TIP_ABOVE_FEE_CAP: errors.INVALID_PARAMS,
    Fault.INTRINSIC_GAS: _INTRINSIC_GAS,
    Fault.FLOOR_DATA_GAS: _INTRINSIC_GAS,
    Fault.INSUFFICIENT_FUNDS: _INSUFFICIENT_FUNDS,
    Fault.SENDER_NOT_EOA: _SENDER_NOT_EOA,
    Fault.INIT_CODE_SIZE: _INIT_CODE_SIZE,
}


@dataclass(frozen=True, slots=True)
class BlockValues:
    """What a request says of a block; None follows from the block before."""

    number: int | None = None
    time: int | None = None
    gas_limit: int | None = None
    fee_recipient: Address | None = None
    prev_randao: Hash32 | None = None
    base_fee: int | None = None
    blob_base_fee: int | None = None
    beacon_root: Hash32 | None = None
    withdrawals: tuple[Withdrawal, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockCalls:
    """One block of a request."""

    values: BlockValues = field(default_factory=BlockValues)
    accounts: Mapping[Address, AccountOverride] = field(default_factory=dict)
    moved_precompiles: Mapping[Address, Address] = field(default_factory=dict)
    calls: tuple[TransactionArguments, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulateRequest:
    """The first parameter of eth_simulateV1."""

    blocks: tuple[BlockCalls, ...]
    logs_transfers: bool = False
    validates: bool = False
    full: bool = False


# -- parameters


_VALUES: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "number": ("number", parameters.quantity),
    "time": ("time", parameters.quantity),
    "gasLimit": ("gas_limit", parameters.quantity),
    "feeRecipient": ("fee_recipient", parameters.address),
    "prevRandao": ("prev_randao", parameters.hash32),
    "baseFeePerGas": ("base_fee", parameters.quantity),
    "blobBaseFee": ("blob_base_fee", parameters.quantity),
    "beaconRoot": ("beacon_root", parameters.hash32),
    "withdrawals": ("withdrawals", parameters.withdrawals),
}


def _block_values(value: object) -> BlockValues:
    found: dict[str, object] = {}
    for key, raw in parameters.json_object(value).items():
        if key not in _VALUES:
            raise InvalidParameter(f"unknown block override {key!r}; known: {', '.join(_VALUES)}")
        if raw is not None:
            name, parse = _VALUES[key]
            found[name] = parse(raw)
    return replace(BlockValues(), **found)  # type: ignore[arg-type]


def _moved_precompiles(value: object) -> dict[Address, Address]:
    moved = {}
    for account, raw in parameters.json_object(value).items():
        target = parameters.json_object(raw).get("movePrecompileToAddress")
        if target is not None:
            moved[parameters.address(account)] = parameters.address(target)
    return moved


def _block_calls(value: object) -> BlockCalls:
    item = parameters.json_object(value)
    overrides = item.get("stateOverrides") or {}
    calls = item.get("calls") or []
    if not isinstance(calls, list):
        raise InvalidParameter("calls: expected a list")
    return BlockCalls(
        values=_block_values(item.get("blockOverrides") or {}),
        accounts=parameters.account_overrides(overrides),
        moved_precompiles=_moved_precompiles(overrides),
        calls=tuple(parameters.transaction_arguments(call) for call in calls),
    )


def simulate_request(value: object) -> SimulateRequest:
    """Parse the first parameter of eth_simulateV1. Raises RpcError."""
    item = parameters.json_object(value)
    blocks = item.get("blockStateCalls") or []
    if not isinstance(blocks, list) or not blocks:
        raise InvalidParameter("blockStateCalls: expected at least one block")
    if len(blocks) > MAX_BLOCKS:
        # No block is read: the code tells this from a parameter of the wrong form.
        return SimulateRequest((BlockCalls(),) * len(blocks))
    return SimulateRequest(
        blocks=tuple(_block_calls(block) for block in blocks),
        logs_transfers=parameters.boolean(item.get("traceTransfers", False)),
        validates=parameters.boolean(item.get("validation", False)),
        full=parameters.boolean(item.get("returnFullTransactions", False)),
    )


# -- the chain of blocks


def chain_of(base: Header, blocks: tuple[BlockCalls, ...]) -> list[BlockCalls]:
    """The blocks with number and time in each, and empty ones where numbers are left out.

    Raises RpcError where they do not go up, or go too far.
    """
    if len(blocks) > MAX_BLOCKS:
        raise RpcError(_TOO_MANY_BLOCKS, "too many blocks")
    number, time = base.number, base.timestamp
    chain: list[BlockCalls] = []
    for block in blocks:
        wanted = number + 1 if block.values.number is None else block.values.number
        if wanted <= number:
            raise RpcError(_BLOCK_NUMBER, f"block numbers must be in order: {wanted} <= {number}")
        if wanted - base.number > MAX_BLOCKS:
            raise RpcError(_TOO_MANY_BLOCKS, "too many blocks")
        for between in range(number + 1, wanted):
            time += BLOCK_TIME_S
            chain.append(BlockCalls(BlockValues(number=between, time=time)))
        at = time + BLOCK_TIME_S if block.values.time is None else block.values.time
        if at <= time:
            raise RpcError(_BLOCK_TIME, f"block timestamps must be in order: {at} <= {time}")
        number, time = wanted, at
        chain.append(replace(block, values=replace(block.values, number=number, time=time)))
    return chain


def _plan(parent: Header, block: BlockCalls) -> BlockPlan:
    values = block.values
    return BlockPlan(
        attributes=PayloadAttributes(
            parent_hash=parent.hash,
            timestamp=values.time or 0,
            prev_randao=values.prev_randao or ZERO_HASH,
            fee_recipient=values.fee_recipient or parent.beneficiary,
            gas_limit=parent.gas_limit if values.gas_limit is None else values.gas_limit,
            parent_beacon_block_root=values.beacon_root or ZERO_HASH,
            withdrawals=values.withdrawals,
        ),
        base_fee=values.base_fee,
        blob_base_fee=values.blob_base_fee,
        accounts=account_overrides(block.accounts),
        moved_precompiles=block.moved_precompiles,
    )


# -- calls


def unsigned_transaction(
    arguments: TransactionArguments, chain_id: int, nonce: int, gas: int
) -> SignedTransaction:
    """The transaction that a call stands for, without a signature. Raises RpcError."""
    cap, tip = arguments.max_fee_per_gas, arguments.max_priority_fee_per_gas
    if arguments.gas_price is not None:
        if cap is not None or tip is not None:
            raise RpcError(
                errors.SERVER_ERROR,
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
            )
        return LegacyTransaction(
            chain_id=None,
            nonce=nonce,
            gas_price=arguments.gas_price,
            gas_limit=gas,
            to=arguments.to,
            value=arguments.value,
            data=arguments.data,
        )
    plain = DynamicFeeTransaction(
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee_per_gas=tip or 0,
        max_fee_per_gas=cap or 0,
        gas_limit=gas,
        to=arguments.to,
        value=arguments.value,
        data=arguments.data,
        access_list=arguments.access_list,
    )
    return _typed(arguments, plain)


def _typed(
    arguments: TransactionArguments, plain: DynamicFeeTransaction
) -> DynamicFeeTransaction | BlobTransaction | SetCodeTransaction:
    """The same call as a blob or set-code transaction where it has what those have."""
    if not arguments.authorization_list and not arguments.blob_versioned_hashes:
        return plain
    if plain.to is None:
        raise RpcError(errors.INVALID_PARAMS, "a blob or set-code call needs `to`")
    if arguments.authorization_list:
        return SetCodeTransaction(
            chain_id=plain.chain_id,
            nonce=plain.nonce,
            max_priority_fee_per_gas=plain.max_priority_fee_per_gas,
            max_fee_per_gas=plain.max_fee_per_gas,
            gas_limit=plain.gas_limit,
            to=plain.to,
            value=plain.value,
            data=plain.data,
            access_list=plain.access_list,
            authorization_list=tuple(authorization(item) for item in arguments.authorization_list),
        )
    return BlobTransaction(
        chain_id=plain.chain_id,
        nonce=plain.nonce,
        max_priority_fee_per_gas=plain.max_priority_fee_per_gas,
        max_fee_per_gas=plain.max_fee_per_gas,
        gas_limit=plain.gas_limit,
        to=plain.to,
        value=plain.value,
        data=plain.data,
        max_fee_per_blob_gas=arguments.max_fee_per_blob_gas or 0,
        blob_versioned_hashes=arguments.blob_versioned_hashes,
        access_list=plain.access_list,
    )


class _Run:
    """One request being answered; `gas_left` is what all its calls together may still use."""

    def __init__(self, simulation: Simulation, chain_id: int, gas_cap: int, full: bool) -> None:
        self._simulation = simulation
        self._chain_id = chain_id
        self._full = full
        self.gas_left = gas_cap

    def block(self, wanted: BlockCalls) -> Json:
        """Run one block; its JSON. Raises RpcError."""
        try:
            block = self._simulation.begin(_plan(self._simulation.head, wanted))
        except OverrideRefused as error:
            raise RpcError(errors.SERVER_ERROR, str(error)) from error
        done = [self._call(block, call) for call in wanted.calls]
        senders = [call.sender or ZERO_ADDRESS for call in wanted.calls]
        result = block.seal()
        body = block_json(result.block, full=self._full, senders=senders)
        body["calls"] = [_call_json(call, result, index) for index, call in enumerate(done)]
        return body

    def _call(self, block: SimulatedBlock, call: TransactionArguments) -> SimulatedCall:
        sender = call.sender or ZERO_ADDRESS
        nonce = call.nonce
        if nonce is None:
            nonce = self._simulation.state.get_nonce(sender)
        wanted = block.gas_left if call.gas is None else call.gas
        if wanted > block.gas_left:
            limit = block.environment.gas_limit
            raise RpcError(
                _BLOCK_GAS_LIMIT, f"block gas limit reached: {block.gas_used} >= {limit}"
            )
        if call.chain_id not in (None, self._chain_id):
            raise RpcError(
                errors.SERVER_ERROR,
                f"chainId does not match node's (have={call.chain_id}, want={self._chain_id})",
            )
        gas = min(wanted, self.gas_left)
        tx = unsigned_transaction(call, self._chain_id, nonce, gas)
        try:
            done = block.call(tx, sender)
        except InvalidTransaction as error:
            code = _CODES.get(error.fault, errors.INTERNAL_ERROR)
            raise RpcError(code, f"err: {error} (supplied gas {gas})") from error
        self.gas_left -= done.gas_used
        return done


def _call_json(call: SimulatedCall, result: ExecutionResult, index: int) -> Json:
    place, outcome = located(result.block, index), call.outcome
    transaction_hash = result.block.transactions[index].hash
    body: Json = {
        "returnData": data(outcome.output if outcome.succeeded else b""),
        "logs": [log_json(each.log, place, transaction_hash, each.number) for each in call.logs],
        "gasUsed": quantity(call.gas_used),
        "maxUsedGas": quantity(call.max_gas_used),
        "status": quantity(int(outcome.succeeded)),
    }
    if outcome.error == "execution reverted":
        body["error"] = errors.execution_reverted(outcome.output).to_json()
    elif outcome.error is not None:
        body["error"] = {"message": outcome.error, "code": _VM_ERROR}
    return body


class SimulateNamespace:
    """eth_simulateV1."""

    def __init__(self, backend: Backend) -> None:
        """The engine simulates on top of the backend's blocks."""
        self._backend = backend

    @rpc("eth_simulateV1", Parameter("payload", simulate_request),
         Parameter("block", parameters.block_id, LATEST), heavy=True)  # fmt: skip
    def simulate(self, request: SimulateRequest, block: BlockId) -> list[Json]:
        """Run blocks of calls on top of a block; what each block and call gave."""
        backend = self._backend
        base = backend.resolve(block)
        blocks = chain_of(base, request.blocks)
        simulation = backend.engine.simulation(
            base, validates=request.validates, logs_transfers=request.logs_transfers
        )
        run = _Run(simulation, backend.chain_id, backend.limits.call_gas, request.full)
        return [run.block(wanted) for wanted in blocks]
