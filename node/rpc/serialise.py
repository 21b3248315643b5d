"""Blocks, transactions, receipts and logs in the JSON of Ethereum and of the OP Stack.

Pure functions of values. Does not know the engine, and does not know where a value came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chain import rlp
from chain.block import Block, Header, Withdrawal
from chain.crypto.keccak import keccak256
from chain.receipt import Log, Receipt
from chain.transaction import (
    AccessListTransaction,
    BlobTransaction,
    DepositTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    Transaction,
)
from chain.types import Address, Hash32

from .hexadecimal import data, quantity, word

Json = dict[str, object]

_OPTIONAL_QUANTITIES = (
    ("baseFeePerGas", "base_fee_per_gas"),
    ("blobGasUsed", "blob_gas_used"),
    ("excessBlobGas", "excess_blob_gas"),
)
_OPTIONAL_HASHES = (
    ("withdrawalsRoot", "withdrawals_root"),
    ("parentBeaconBlockRoot", "parent_beacon_block_root"),
    ("requestsHash", "requests_hash"),
)


@dataclass(frozen=True, slots=True)
class Located:
    """Where a transaction stands: None everywhere for a pending one."""

    block_hash: Hash32
    block_number: int
    block_timestamp: int
    index: int
    base_fee_per_gas: int


def header_json(header: Header) -> Json:
    """A header, as `eth_subscribe("newHeads")` sends it."""
    body: Json = {
        "number": quantity(header.number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "sha3Uncles": data(header.ommers_hash),
        "miner": data(header.beneficiary),
        "stateRoot": data(header.state_root),
        "transactionsRoot": data(header.transactions_root),
        "receiptsRoot": data(header.receipts_root),
        "logsBloom": data(header.logs_bloom),
        "difficulty": quantity(header.difficulty),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": data(header.extra_data),
        "mixHash": data(header.prev_randao),
        "nonce": data(header.nonce),
    }
    for key, name in _OPTIONAL_QUANTITIES:
        value = getattr(header, name)
        if value is not None:
            body[key] = quantity(value)
    for key, name in _OPTIONAL_HASHES:
        value = getattr(header, name)
        if value is not None:
            body[key] = data(value)
    return body


def withdrawal_json(withdrawal: Withdrawal) -> Json:
    """One beacon-chain withdrawal."""
    return {
        "index": quantity(withdrawal.index),
        "validatorIndex": quantity(withdrawal.validator_index),
        "address": data(withdrawal.address),
        "amount": quantity(withdrawal.amount_gwei),
    }


def block_json(
    block: Block,
    *,
    full: bool,
    senders: Sequence[Address] = (),
    receipts: Sequence[Receipt] = (),
) -> Json:
    """A block with hashes or, when `full`, with transactions (then senders and receipts are
    needed).
    """
    body = header_json(block.header)
    body["size"] = quantity(len(block.encode()))
    body["uncles"] = [data(ommer.hash) for ommer in block.ommers]
    if full:
        body["transactions"] = [
            transaction_json(
                transaction,
                senders[index],
                located(block, index),
                receipts[index] if index < len(receipts) else None,
            )
            for index, transaction in enumerate(block.transactions)
        ]
    else:
        body["transactions"] = [data(transaction.hash) for transaction in block.transactions]
    if block.withdrawals is not None:
        body["withdrawals"] = [withdrawal_json(item) for item in block.withdrawals]
    return body


def located(block: Block, index: int) -> Located:
    """The place of transaction `index` of a block."""
    header = block.header
    base_fee = header.base_fee_per_gas or 0
    return Located(block.hash, header.number, header.timestamp, index, base_fee)


def access_list_json(entries: Iterable[tuple[Address, Sequence[int]]]) -> list[Json]:
    """An EIP-2930 access list."""
    return [
        {"address": data(account), "storageKeys": [word(slot) for slot in slots]}
        for account, slots in entries
    ]


def _dynamic_fee_json(
    transaction: DynamicFeeTransaction | BlobTransaction | SetCodeTransaction, place: Located | None
) -> Json:
    cap, tip = transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas
    price = cap if place is None else min(cap, place.base_fee_per_gas + tip)
    return {
        "maxFeePerGas": quantity(cap),
        "maxPriorityFeePerGas": quantity(tip),
        "gasPrice": quantity(price),
    }


def _deposit_json(transaction: DepositTransaction, receipt: Receipt | None) -> Json:
    body: Json = {
        "sourceHash": data(transaction.source_hash),
        "mint": quantity(transaction.mint),
        "gasPrice": "0x0",
        "nonce": "0x0",
        "v": "0x0",
        "r": "0x0",
        "s": "0x0",
    }
    if transaction.is_system_transaction:
        body["isSystemTx"] = True
    if receipt is not None and receipt.deposit_nonce is not None:
        body["nonce"] = quantity(receipt.deposit_nonce)
    if receipt is not None and receipt.deposit_receipt_version is not None:
        body["depositReceiptVersion"] = quantity(receipt.deposit_receipt_version)
    return body


def _signature_json(transaction: Transaction) -> Json:
    if isinstance(transaction, DepositTransaction):
        return {}
    body: Json = {
        "nonce": quantity(transaction.nonce),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
    }
    if isinstance(transaction, LegacyTransaction):
        body["v"] = quantity(transaction.v)
        if transaction.chain_id is not None:
            body["chainId"] = quantity(transaction.chain_id)
        return body
    body["v"] = body["yParity"] = quantity(transaction.y_parity)
    body["chainId"] = quantity(transaction.chain_id)
    body["accessList"] = access_list_json(transaction.access_list)
    return body


def _kind_json(transaction: Transaction, place: Located | None, receipt: Receipt | None) -> Json:
    """The fields that only some transaction types have."""
    if isinstance(transaction, DepositTransaction):
        return _deposit_json(transaction, receipt)
    if isinstance(transaction, (LegacyTransaction, AccessListTransaction)):
        return {"gasPrice": quantity(transaction.gas_price)}
    body = _dynamic_fee_json(transaction, place)
    if isinstance(transaction, BlobTransaction):
        body["maxFeePerBlobGas"] = quantity(transaction.max_fee_per_blob_gas)
        body["blobVersionedHashes"] = [data(item) for item in transaction.blob_versioned_hashes]
    if isinstance(transaction, SetCodeTransaction):
        body["authorizationList"] = [
            {
                "chainId": quantity(item.chain_id),
                "address": data(item.address),
                "nonce": quantity(item.nonce),
                "yParity": quantity(item.y_parity),
                "r": quantity(item.r),
                "s": quantity(item.s),
            }
            for item in transaction.authorization_list
        ]
    return body


def transaction_json(
    transaction: Transaction,
    sender: Address,
    place: Located | None,
    receipt: Receipt | None = None,
) -> Json:
    """A transaction; `receipt` gives a deposit its nonce."""
    body: Json = {
        "type": quantity(transaction.type),
        "hash": data(transaction.hash),
        "from": data(sender),
        "to": data(transaction.to) if transaction.to is not None else None,
        "gas": quantity(transaction.gas_limit),
        "value": quantity(transaction.value),
        "input": data(transaction.data),
        "blockHash": data(place.block_hash) if place is not None else None,
        "blockNumber": quantity(place.block_number) if place is not None else None,
        "blockTimestamp": quantity(place.block_timestamp) if place is not None else None,
        "transactionIndex": quantity(place.index) if place is not None else None,
    }
    body.update(_signature_json(transaction))
    body.update(_kind_json(transaction, place, receipt))
    return body


def log_json(
    log: Log, place: Located, transaction_hash: Hash32, log_index: int, *, removed: bool = False
) -> Json:
    """A log with its position."""
    return {
        "address": data(log.address),
        "topics": [data(topic) for topic in log.topics],
        "data": data(log.data),
        "blockHash": data(place.block_hash),
        "blockNumber": quantity(place.block_number),
        "blockTimestamp": quantity(place.block_timestamp),
        "transactionHash": data(transaction_hash),
        "transactionIndex": quantity(place.index),
        "logIndex": quantity(log_index),
        "removed": removed,
    }


def effective_gas_price(transaction: Transaction, base_fee_per_gas: int) -> int:
    """What each unit of gas cost in a block with this base fee, wei."""
    if isinstance(transaction, DepositTransaction):
        return 0
    if isinstance(transaction, (LegacyTransaction, AccessListTransaction)):
        return transaction.gas_price
    tip = transaction.max_priority_fee_per_gas
    return min(transaction.max_fee_per_gas, base_fee_per_gas + tip)


def created_address(sender: Address, nonce: int) -> Address:
    """The address a CREATE from `sender` with `nonce` gives."""
    payload = rlp.encode([bytes(sender), rlp.encode_int(nonce)])
    return Address(keccak256(payload)[12:])


def _contract_address(
    transaction: Transaction, sender: Address, receipt: Receipt
) -> Address | None:
    if transaction.to is not None:
        return None
    if isinstance(transaction, DepositTransaction):
        return created_address(sender, receipt.deposit_nonce or 0)
    return created_address(sender, transaction.nonce)


def receipt_json(
    block: Block,
    index: int,
    receipts: Sequence[Receipt],
    sender: Address,
    *,
    first_log_index: int | None = None,
    blob_gas_price_wei: int | None = None,
    rollup_fields: Json | None = None,
) -> Json:
    """A receipt. `rollup_fields` are the L1 fee fields of an OP Stack receipt.

    `first_log_index` is counted from the receipts before where it is not given.
    """
    transaction, receipt, place = block.transactions[index], receipts[index], located(block, index)
    gas_before = receipts[index - 1].cumulative_gas_used if index else 0
    log_index = first_log_index
    if log_index is None:
        log_index = sum(len(earlier.logs) for earlier in receipts[:index])
    created = _contract_address(transaction, sender, receipt)
    body: Json = {
        "type": quantity(transaction.type),
        "cumulativeGasUsed": quantity(receipt.cumulative_gas_used),
        "gasUsed": quantity(receipt.cumulative_gas_used - gas_before),
        "effectiveGasPrice": quantity(effective_gas_price(transaction, place.base_fee_per_gas)),
        "logsBloom": data(receipt.bloom),
        "logs": [
            log_json(log, place, transaction.hash, log_index + offset)
            for offset, log in enumerate(receipt.logs)
        ],
        "transactionHash": data(transaction.hash),
        "transactionIndex": quantity(index),
        "blockHash": data(place.block_hash),
        "blockNumber": quantity(place.block_number),
        "from": data(sender),
        "to": data(transaction.to) if transaction.to is not None else None,
        "contractAddress": data(created) if created is not None else None,
    }
    if receipt.state_root is None:
        body["status"] = quantity(int(receipt.succeeded))
    else:
        body["root"] = data(receipt.state_root)
    if isinstance(transaction, BlobTransaction):
        body["blobGasUsed"] = quantity(131_072 * len(transaction.blob_versioned_hashes))
        if blob_gas_price_wei is not None:
            body["blobGasPrice"] = quantity(blob_gas_price_wei)
    if receipt.deposit_nonce is not None:
        body["depositNonce"] = quantity(receipt.deposit_nonce)
    if receipt.deposit_receipt_version is not None:
        body["depositReceiptVersion"] = quantity(receipt.deposit_receipt_version)
    if rollup_fields is not None:
        body.update(rollup_fields)
    return body


def logs_of(
    block: Block, receipts: Sequence[Receipt], *, removed: bool = False
) -> Iterator[tuple[Log, Json]]:
    """Every log of a block beside its JSON, in order."""
    log_index = 0
    for index, receipt in enumerate(receipts):
        place = located(block, index)
        transaction_hash = block.transactions[index].hash
        for log in receipt.logs:
            yield log, log_json(log, place, transaction_hash, log_index, removed=removed)
            log_index += 1
