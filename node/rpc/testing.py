"""testing_buildBlockV1: the block that given attributes and transactions make; nothing is kept.

For tests of other clients' builders; not among the namespaces that are served by default. Source:
execution-apis src/testing. Shapes: the Engine API's getPayload of Prague.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.block import Header, Withdrawal
from chain.transaction import (
    DepositTransaction,
    Transaction,
    decode_transaction,
    effective_tip_wei,
)
from chain.types import ZERO_HASH, Address, Hash32
from evm.executor import ExecutionResult, PayloadAttributes
from evm.fees import next_base_fee

from . import errors, parameters
from .backend import Backend
from .errors import InvalidParameter, RpcError
from .hexadecimal import data, quantity
from .jsonrpc import Parameter, rpc
from .serialise import Json, withdrawal_json

GAS_LIMIT_STEP = 1024
"""A block's gas limit moves towards the wanted one by less than this part of its parent's."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """PayloadAttributesV3 of the Engine API."""

    timestamp: int
    prev_randao: Hash32
    fee_recipient: Address
    parent_beacon_block_root: Hash32
    withdrawals: tuple[Withdrawal, ...]


def _attributes(value: object) -> Attributes:
    item = parameters.json_object(value)
    root = item.get("parentBeaconBlockRoot")
    return Attributes(
        timestamp=parameters.quantity(item.get("timestamp")),
        prev_randao=parameters.hash32(item.get("prevRandao")),
        fee_recipient=parameters.address(item.get("suggestedFeeRecipient")),
        parent_beacon_block_root=ZERO_HASH if root is None else parameters.hash32(root),
        withdrawals=parameters.withdrawals(item.get("withdrawals") or []),
    )


def _transactions(value: object) -> tuple[Transaction, ...]:
    if not isinstance(value, list):
        raise InvalidParameter("expected a list of encoded transactions, or null")
    return tuple(decode_transaction(parameters.hex_bytes(raw)) for raw in value)


def gas_limit_towards(wanted: int, parent_limit: int) -> int:
    """The gas limit nearest to the wanted one that the child of a block may have."""
    step = parent_limit // GAS_LIMIT_STEP - 1
    return max(parent_limit - step, min(parent_limit + step, wanted))


class TestingNamespace:
    """testing_buildBlockV1."""

    def __init__(self, backend: Backend) -> None:
        """The backend has the chain and the pool."""
        self._backend = backend

    @rpc("testing_buildBlockV1", Parameter("parentHash", parameters.hash32),
         Parameter("attributes", _attributes), Parameter("transactions", _transactions, None),
         Parameter("extraData", parameters.hex_bytes, b""), heavy=True)  # fmt: skip
    def build_block(
        self,
        parent_hash: Hash32,
        attributes: Attributes,
        transactions: tuple[Transaction, ...] | None,
        extra_data: bytes,
    ) -> Json:
        """A block of these transactions, or of the pool's where none are given."""
        backend = self._backend
        parent = backend.header_by_hash(parent_hash)
        if parent is None:
            raise errors.header_not_found()
        waiting = backend.pool.pending(next_base_fee(backend.engine.config, parent))
        result = backend.engine.try_build(
            self._payload(parent, attributes, transactions or (), extra_data),
            waiting if transactions is None else (),
        )
        if result.header.blob_gas_used:
            raise RpcError(errors.UNSUPPORTED, "blobs bundles are not built here")
        return _payload_json(result)

    def _payload(
        self,
        parent: Header,
        attributes: Attributes,
        transactions: tuple[Transaction, ...],
        extra_data: bytes,
    ) -> PayloadAttributes:
        config = self._backend.engine.config
        return PayloadAttributes(
            parent_hash=parent.hash,
            timestamp=attributes.timestamp,
            prev_randao=attributes.prev_randao,
            fee_recipient=attributes.fee_recipient,
            gas_limit=gas_limit_towards(config.gas_limit, parent.gas_limit),
            parent_beacon_block_root=attributes.parent_beacon_block_root,
            transactions=transactions,
            extra_data=None if config.is_optimism else extra_data,
            withdrawals=attributes.withdrawals,
        )


def _tips_wei(result: ExecutionResult) -> int:
    base_fee = result.header.base_fee_per_gas or 0
    total = before = 0
    for tx, receipt in zip(result.block.transactions, result.receipts, strict=True):
        used, before = receipt.cumulative_gas_used - before, receipt.cumulative_gas_used
        if not isinstance(tx, DepositTransaction):
            total += used * effective_tip_wei(tx, base_fee)
    return total


def _payload_json(result: ExecutionResult) -> Json:
    header = result.header
    return {
        "executionPayload": {
            "parentHash": data(header.parent_hash),
            "feeRecipient": data(header.beneficiary),
            "stateRoot": data(header.state_root),
            "receiptsRoot": data(header.receipts_root),
            "logsBloom": data(header.logs_bloom),
            "prevRandao": data(header.prev_randao),
            "blockNumber": quantity(header.number),
            "gasLimit": quantity(header.gas_limit),
            "gasUsed": quantity(header.gas_used),
            "timestamp": quantity(header.timestamp),
            "extraData": data(header.extra_data),
            "baseFeePerGas": quantity(header.base_fee_per_gas or 0),
            "blockHash": data(header.hash),
            "transactions": [data(tx.encode()) for tx in result.block.transactions],
            "withdrawals": [withdrawal_json(item) for item in result.block.withdrawals or ()],
            "blobGasUsed": quantity(header.blob_gas_used or 0),
            "excessBlobGas": quantity(header.excess_blob_gas or 0),
        },
        "blockValue": quantity(_tips_wei(result)),
        "blobsBundle": {"commitments": [], "proofs": [], "blobs": []},
        "executionRequests": [data(request) for request in result.requests],
        "shouldOverrideBuilder": False,
    }
