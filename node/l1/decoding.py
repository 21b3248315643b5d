"""JSON of an L1 node → our values, each checked against the hash it claims.

A header or transaction that was altered on the way does not hash to its name any more. Whether
the lists are complete is `rollup.l1.block.verify_l1_block`'s question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from chain.block import Header
from chain.errors import Recovery, StemmaError
from chain.receipt import Log, Receipt
from chain.transaction import (
    AccessListTransaction,
    Authorization,
    BlobTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    Transaction,
)
from chain.types import Address, to_address, to_hash32

Json = Mapping[str, Any]
_Value = TypeVar("_Value")


class L1DataInvalid(StemmaError):
    """The L1 node's answer contradicts itself: a hash or root does not match its content."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value[2:])


def _int(value: str) -> int:
    return int(value, 16)


def _optional(item: Json, key: str, read: Callable[[str], _Value]) -> _Value | None:
    value = item.get(key)
    return None if value is None else read(value)


def header_from_json(item: Json) -> Header:
    """A header. Raises L1DataInvalid when the fields do not hash to `hash`."""
    try:
        header = Header(
            parent_hash=to_hash32(item["parentHash"]),
            ommers_hash=to_hash32(item["sha3Uncles"]),
            beneficiary=to_address(item["miner"]),
            state_root=to_hash32(item["stateRoot"]),
            transactions_root=to_hash32(item["transactionsRoot"]),
            receipts_root=to_hash32(item["receiptsRoot"]),
            logs_bloom=_bytes(item["logsBloom"]),
            difficulty=_int(item.get("difficulty") or "0x0"),
            number=_int(item["number"]),
            gas_limit=_int(item["gasLimit"]),
            gas_used=_int(item["gasUsed"]),
            timestamp=_int(item["timestamp"]),
            extra_data=_bytes(item["extraData"]),
            prev_randao=to_hash32(item["mixHash"]),
            nonce=_bytes(item["nonce"]),
            base_fee_per_gas=_optional(item, "baseFeePerGas", _int),
            withdrawals_root=_optional(item, "withdrawalsRoot", to_hash32),
            blob_gas_used=_optional(item, "blobGasUsed", _int),
            excess_blob_gas=_optional(item, "excessBlobGas", _int),
            parent_beacon_block_root=_optional(item, "parentBeaconBlockRoot", to_hash32),
            requests_hash=_optional(item, "requestsHash", to_hash32),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise L1DataInvalid(f"L1 header: {type(error).__name__}: {error}") from error
    claimed = item["hash"]
    if "0x" + header.hash.hex() != claimed:
        raise L1DataInvalid(
            f"L1 header {header.number}: hashes to {header.hash.hex()}, not {claimed}"
        )
    return header


def _access_list(item: Json) -> tuple[tuple[Address, tuple[int, ...]], ...]:
    return tuple(
        (to_address(entry["address"]), tuple(_int(key) for key in entry["storageKeys"]))
        for entry in item.get("accessList") or ()
    )


def _authorization(item: Json) -> Authorization:
    return Authorization(
        chain_id=_int(item["chainId"]),
        address=to_address(item["address"]),
        nonce=_int(item["nonce"]),
        y_parity=_int(item["yParity"]),
        r=_int(item["r"]),
        s=_int(item["s"]),
    )


def _typed_fields(item: Json) -> dict[str, Any]:
    return {
        "chain_id": _int(item["chainId"]),
        "access_list": _access_list(item),
        "y_parity": _int(item.get("yParity") or item["v"]),
    }


def _dynamic_fields(item: Json) -> dict[str, Any]:
    return {
        **_typed_fields(item),
        "max_priority_fee_per_gas": _int(item["maxPriorityFeePerGas"]),
        "max_fee_per_gas": _int(item["maxFeePerGas"]),
    }


def _legacy(item: Json, common: dict[str, Any]) -> Transaction:
    chain_id = _optional(item, "chainId", _int)
    v = _int(item["v"])
    if v in (27, 28):
        chain_id = None
    elif chain_id is None:
        chain_id = (v - 35) // 2
    return LegacyTransaction(chain_id=chain_id, gas_price=_int(item["gasPrice"]), v=v, **common)


def transaction_from_json(item: Json) -> tuple[Transaction, Address]:
    """A transaction and its sender. Raises L1DataInvalid when it does not hash to `hash`."""
    try:
        transaction = _transaction(item)
        sender = to_address(item["from"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise L1DataInvalid(f"L1 transaction: {type(error).__name__}: {error}") from error
    if "0x" + transaction.hash.hex() != item["hash"]:
        raise L1DataInvalid(f"L1 transaction {item['hash']}: hashes to {transaction.hash.hex()}")
    return transaction, sender


def _transaction(item: Json) -> Transaction:
    kind = _int(item.get("type") or "0x0")
    to = _optional(item, "to", to_address)
    common: dict[str, Any] = {
        "nonce": _int(item["nonce"]),
        "gas_limit": _int(item["gas"]),
        "to": to,
        "value": _int(item["value"]),
        "data": _bytes(item["input"]),
        "r": _int(item["r"]),
        "s": _int(item["s"]),
    }
    if kind == LegacyTransaction.type:
        return _legacy(item, common)
    if kind == AccessListTransaction.type:
        price = _int(item["gasPrice"])
        return AccessListTransaction(gas_price=price, **_typed_fields(item), **common)
    if kind == DynamicFeeTransaction.type:
        return DynamicFeeTransaction(**_dynamic_fields(item), **common)
    if kind == BlobTransaction.type:
        return BlobTransaction(
            max_fee_per_blob_gas=_int(item["maxFeePerBlobGas"]),
            blob_versioned_hashes=tuple(to_hash32(h) for h in item["blobVersionedHashes"]),
            **_dynamic_fields(item),
            **common,
        )
    if kind == SetCodeTransaction.type:
        signed = tuple(_authorization(entry) for entry in item["authorizationList"])
        return SetCodeTransaction(authorization_list=signed, **_dynamic_fields(item), **common)
    raise ValueError(f"transaction type {kind:#x} is not known")


def receipt_from_json(item: Json) -> Receipt:
    """A receipt (of an L1 that is no rollup). Raises L1DataInvalid."""
    try:
        logs = tuple(
            Log(
                address=to_address(log["address"]),
                topics=tuple(to_hash32(topic) for topic in log["topics"]),
                data=_bytes(log["data"]),
            )
            for log in item["logs"]
        )
        return Receipt(
            type=_int(item.get("type") or "0x0"),
            succeeded=_int(item["status"]) == 1,
            cumulative_gas_used=_int(item["cumulativeGasUsed"]),
            logs=logs,
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise L1DataInvalid(f"L1 receipt: {type(error).__name__}: {error}") from error
