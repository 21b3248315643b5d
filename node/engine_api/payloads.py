"""What the Engine API sends to and fro, as JSON and as values: payloads, attributes, fork choices.

Encoding stands beside decoding, for both sides use both. Knows shapes, not chains: whether a
payload is valid, and which version a fork wants, is decided elsewhere.

Source: execution-apis src/engine/{paris,shanghai,cancun,prague,osaka}.md; OP Stack specs,
protocol/exec-engine.md, isthmus/exec-engine.md ("withdrawalsRoot" of a payload),
holocene/exec-engine.md ("eip1559Params"), jovian/exec-engine.md ("minBaseFee").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chain.block import Block, Header, Withdrawal, transactions_root, withdrawals_root
from chain.transaction import Transaction, decode_transaction
from chain.types import ZERO_HASH, Address, Hash32
from evm.requests import requests_hash

from ..rpc import parameters
from ..rpc.errors import InvalidParameter
from ..rpc.hexadecimal import data, quantity
from ..rpc.serialise import Json, withdrawal_json

EIP1559_PARAMS_BYTES = 8


@dataclass(frozen=True, slots=True)
class BlockExtras:
    """What makes a header whole that the payload itself does not carry; None before its fork."""

    parent_beacon_block_root: Hash32 | None = None
    requests: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """A decoded payload: the block it describes, and the hash that it claims to have."""

    block: Block
    claimed_hash: Hash32


@dataclass(frozen=True, slots=True)
class ForkchoiceState:
    """Three blocks by hash; the zero hash stands for none."""

    head: Hash32
    safe: Hash32
    finalized: Hash32

    def to_json(self) -> Json:
        """ForkchoiceStateV1."""
        return {
            "headBlockHash": data(self.head),
            "safeBlockHash": data(self.safe),
            "finalizedBlockHash": data(self.finalized),
        }


@dataclass(frozen=True, slots=True)
class AttributesJson:
    """Payload attributes as sent; None stands for a field that is absent or null.

    `transactions` are encoded; `eip1559_params` is (denominator, elasticity); `min_base_fee` in wei
    per gas. Times in seconds.
    """

    timestamp: int
    prev_randao: Hash32
    fee_recipient: Address
    withdrawals: tuple[Withdrawal, ...] | None = None
    parent_beacon_block_root: Hash32 | None = None
    transactions: tuple[bytes, ...] | None = None
    no_tx_pool: bool = False
    gas_limit: int | None = None
    eip1559_params: tuple[int, int] | None = None
    min_base_fee: int | None = None

    def to_json(self) -> Json:
        """PayloadAttributes with the OP Stack's fields; absent ones are left out."""
        value: Json = {
            "timestamp": quantity(self.timestamp),
            "prevRandao": data(self.prev_randao),
            "suggestedFeeRecipient": data(self.fee_recipient),
        }
        if self.withdrawals is not None:
            value["withdrawals"] = [withdrawal_json(item) for item in self.withdrawals]
        if self.parent_beacon_block_root is not None:
            value["parentBeaconBlockRoot"] = data(self.parent_beacon_block_root)
        if self.transactions is not None:
            value["transactions"] = [data(raw) for raw in self.transactions]
            value["noTxPool"] = self.no_tx_pool
        if self.gas_limit is not None:
            value["gasLimit"] = quantity(self.gas_limit)
        if self.eip1559_params is not None:
            denominator, elasticity = self.eip1559_params
            value["eip1559Params"] = data(
                denominator.to_bytes(4, "big") + elasticity.to_bytes(4, "big")
            )
        if self.min_base_fee is not None:
            value["minBaseFee"] = self.min_base_fee
        return value


def read_forkchoice(value: object) -> ForkchoiceState:
    """ForkchoiceStateV1. Raises InvalidParameter."""
    item = parameters.json_object(value)
    return ForkchoiceState(
        head=_field(item, "headBlockHash", parameters.hash32),
        safe=_field(item, "safeBlockHash", parameters.hash32),
        finalized=_field(item, "finalizedBlockHash", parameters.hash32),
    )


def read_attributes(value: object) -> AttributesJson:
    """Payload attributes of any version. Raises InvalidParameter naming the field."""
    item = parameters.json_object(value)
    raw = _optional(item, "transactions", byte_strings)
    return AttributesJson(
        timestamp=_field(item, "timestamp", uint64),
        prev_randao=_field(item, "prevRandao", parameters.hash32),
        fee_recipient=_field(item, "suggestedFeeRecipient", parameters.address),
        withdrawals=_optional(item, "withdrawals", parameters.withdrawals),
        parent_beacon_block_root=_optional(item, "parentBeaconBlockRoot", parameters.hash32),
        transactions=raw,
        no_tx_pool=bool(_optional(item, "noTxPool", parameters.boolean)),
        gas_limit=_optional(item, "gasLimit", uint64),
        eip1559_params=_optional(item, "eip1559Params", _eip1559_params),
        min_base_fee=_optional(item, "minBaseFee", parameters.number),
    )


def payload_json(block: Block, *, is_optimism: bool) -> Json:
    """The ExecutionPayload of a block, in the version of its own fork.

    On an L2 the withdrawals root says more than the empty list, and is sent since Isthmus.
    """
    header = block.header
    value: Json = {
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
        "transactions": [data(tx.encode()) for tx in block.transactions],
    }
    if block.withdrawals is not None:
        value["withdrawals"] = [withdrawal_json(item) for item in block.withdrawals]
        if is_optimism and header.requests_hash is not None:
            value["withdrawalsRoot"] = data(header.withdrawals_root or ZERO_HASH)
    if header.blob_gas_used is not None:
        value["blobGasUsed"] = quantity(header.blob_gas_used)
        value["excessBlobGas"] = quantity(header.excess_blob_gas or 0)
    return value


def read_payload(value: object, extras: BlockExtras) -> Payload:
    """The block that an ExecutionPayload describes.

    Raises InvalidParameter where a field is missing or malformed, and DecodeError for a transaction
    that is none: then the payload is well formed, and invalid.
    """
    item = parameters.json_object(value)
    raw = _field(item, "transactions", byte_strings)
    withdrawals = _optional(item, "withdrawals", parameters.withdrawals)
    root = _optional(item, "withdrawalsRoot", parameters.hash32)
    if root is None and withdrawals is not None:
        root = withdrawals_root(withdrawals)
    header = Header(
        parent_hash=_field(item, "parentHash", parameters.hash32),
        beneficiary=_field(item, "feeRecipient", parameters.address),
        state_root=_field(item, "stateRoot", parameters.hash32),
        transactions_root=transactions_root(raw),
        receipts_root=_field(item, "receiptsRoot", parameters.hash32),
        logs_bloom=_field(item, "logsBloom", _bloom),
        prev_randao=_field(item, "prevRandao", parameters.hash32),
        number=_field(item, "blockNumber", uint64),
        gas_limit=_field(item, "gasLimit", uint64),
        gas_used=_field(item, "gasUsed", uint64),
        timestamp=_field(item, "timestamp", uint64),
        extra_data=_field(item, "extraData", parameters.hex_bytes),
        base_fee_per_gas=_field(item, "baseFeePerGas", parameters.quantity),
        withdrawals_root=root,
        blob_gas_used=_optional(item, "blobGasUsed", uint64),
        excess_blob_gas=_optional(item, "excessBlobGas", uint64),
        parent_beacon_block_root=extras.parent_beacon_block_root,
        requests_hash=None if extras.requests is None else requests_hash(extras.requests),
    )
    claimed = _field(item, "blockHash", parameters.hash32)
    return Payload(Block(header, decode_all(raw), withdrawals), claimed)


def decode_all(raw: Iterable[bytes]) -> tuple[Transaction, ...]:
    """Encoded transactions, in order. Raises DecodeError."""
    return tuple(decode_transaction(item) for item in raw)


def body_json(block: Block) -> Json:
    """ExecutionPayloadBodyV1."""
    withdrawals = block.withdrawals
    return {
        "transactions": [data(tx.encode()) for tx in block.transactions],
        "withdrawals": None if withdrawals is None else [withdrawal_json(w) for w in withdrawals],
    }


def byte_strings(value: object) -> tuple[bytes, ...]:
    """A list of DATA."""
    if not isinstance(value, list):
        raise InvalidParameter("expected a list of byte strings in hex")
    return tuple(parameters.hex_bytes(item) for item in value)


def hashes(value: object) -> tuple[Hash32, ...]:
    """A list of 32-byte hashes."""
    if not isinstance(value, list):
        raise InvalidParameter("expected a list of 32-byte hashes")
    return tuple(parameters.hash32(item) for item in value)


def uint64(value: object) -> int:
    """A QUANTITY of at most 64 bits."""
    number = parameters.quantity(value)
    if number >= 1 << 64:
        raise InvalidParameter(f"{number:#x} has more than 64 bits")
    return number


def _bloom(value: object) -> bytes:
    raw = parameters.hex_bytes(value)
    if len(raw) != 256:
        raise InvalidParameter(f"expected 256 bytes, got {len(raw)}")
    return raw


def _eip1559_params(value: object) -> tuple[int, int]:
    raw = parameters.hex_bytes(value)
    if len(raw) != EIP1559_PARAMS_BYTES:
        raise InvalidParameter(f"expected {EIP1559_PARAMS_BYTES} bytes, got {len(raw)}")
    return int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:], "big")


def _field(item: dict[str, object], name: str, parse: Any) -> Any:  # noqa: ANN401 - a parser
    if item.get(name) is None:
        raise InvalidParameter(f"{name} is missing")
    return _optional(item, name, parse)


def _optional(item: dict[str, object], name: str, parse: Any) -> Any:  # noqa: ANN401 - a parser
    if item.get(name) is None:
        return None
    try:
        return parse(item[name])
    except InvalidParameter as error:
        raise InvalidParameter(f"{name}: {error}") from error


def envelope_json(
    block: Block,
    block_value_wei: int,
    requests: Sequence[bytes],
    version: int,
    *,
    is_optimism: bool,
) -> Json:
    """What engine_getPayload answers from version 2 on; fields of later versions are left out."""
    value: Json = {
        "executionPayload": payload_json(block, is_optimism=is_optimism),
        "blockValue": quantity(block_value_wei),
    }
    if version >= 3:
        value["blobsBundle"] = {"commitments": [], "proofs": [], "blobs": []}
        value["shouldOverrideBuilder"] = False
        if is_optimism:
            root = block.header.parent_beacon_block_root
            value["parentBeaconBlockRoot"] = data(root or ZERO_HASH)
    if version >= 4:
        value["executionRequests"] = [data(request) for request in requests]
    return value
