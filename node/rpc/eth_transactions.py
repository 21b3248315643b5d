"""eth_ methods about transactions: sending, finding, receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from chain.types import Address, Hash32

from . import parameters
from .backend import Backend
from .hexadecimal import data
from .jsonrpc import Parameter, rpc
from .parameters import BlockId, TransactionArguments
from .serialise import Json, transaction_json

_SEND_RAW = "eth_sendRawTransaction"
_BLOB_TYPE = b"\x03"
_HASH = Parameter("hash", parameters.hash32)
_NUMBER = Parameter("block", parameters.block_number_or_tag)
_INDEX = Parameter("index", parameters.quantity)
_REQUEST = Parameter("transaction", parameters.transaction_arguments)


def raw_transactions(items: Sequence[object]) -> list[bytes]:
    """The transactions that a batch of requests sends; what is malformed is left out."""
    raws: list[bytes] = []
    for item in items:
        if not isinstance(item, dict) or item.get("method") != _SEND_RAW:
            continue
        given = item.get("params")
        first = given[0] if isinstance(given, list) and given else None
        if isinstance(first, str) and first.startswith("0x"):
            with suppress(ValueError):
                raws.append(bytes.fromhex(first[2:]))
    return raws


class TransactionNamespace:
    """eth_sendRawTransaction, eth_getTransaction*, eth_getTransactionReceipt, dev signing."""

    def __init__(self, backend: Backend) -> None:
        """Read and submit through the backend."""
        self._backend = backend

    @rpc(_SEND_RAW, Parameter("transaction", parameters.hex_bytes))
    async def send_raw_transaction(self, raw: bytes) -> str:
        """Put a signed transaction into the pool; its hash."""
        if raw[:1] == _BLOB_TYPE:
            # Blobs are checked against their hashes: a third of a second each.
            await asyncio.to_thread(self._backend.keep_blobs, raw)
        return data(self._backend.submit_raw(raw))

    @rpc("eth_sendTransaction", _REQUEST)
    def send_transaction(self, request: TransactionArguments) -> str:
        """Sign with a development account and put into the pool."""
        return data(self._backend.sign_and_submit(request))

    @rpc("eth_signTransaction", _REQUEST)
    def sign_transaction(self, request: TransactionArguments) -> Json:
        """Sign with a development account, without sending."""
        signed = self._backend.sign(request)
        sender = self._backend.sender_of(signed)
        return {"raw": data(signed.encode()), "tx": transaction_json(signed, sender, None)}

    @rpc("eth_sign", Parameter("address", parameters.address),
         Parameter("message", parameters.hex_bytes))  # fmt: skip
    def sign(self, account: Address, message: bytes) -> str:
        """EIP-191 personal message signature by a development account."""
        return data(self._backend.sign_message(account, message))

    @rpc("personal_sign", Parameter("message", parameters.hex_bytes),
         Parameter("address", parameters.address))  # fmt: skip
    def personal_sign(self, message: bytes, account: Address) -> str:
        """eth_sign with its parameters the other way round."""
        return data(self._backend.sign_message(account, message))

    @rpc("eth_getTransactionByHash", _HASH)
    def get_transaction_by_hash(self, transaction_hash: Hash32) -> Json | None:
        """A mined or pending transaction, or null."""
        backend = self._backend
        found = backend.locate(transaction_hash)
        if found is not None:
            return backend.transaction_json_at(*found)
        pooled = backend.pool.get(transaction_hash)
        return None if pooled is None else transaction_json(pooled.tx, pooled.sender, None)

    @rpc("eth_getTransactionReceipt", _HASH)
    def get_transaction_receipt(self, transaction_hash: Hash32) -> Json | None:
        """The receipt of a mined transaction, or null."""
        found = self._backend.locate(transaction_hash)
        return None if found is None else self._backend.receipt_json(*found)

    @rpc("eth_getTransactionByBlockHashAndIndex", _HASH, _INDEX)
    def get_by_block_hash_and_index(self, block_hash: Hash32, index: int) -> Json | None:
        """Transaction `index` of a block, or null."""
        block = self._backend.block(block_hash)
        if block is None or index >= len(block.transactions):
            return None
        return self._backend.transaction_json_at(block_hash, index)

    @rpc("eth_getTransactionByBlockNumberAndIndex", _NUMBER, _INDEX)
    def get_by_block_number_and_index(self, block: BlockId, index: int) -> Json | None:
        """Transaction `index` of a canonical block, or null."""
        header = self._backend.find(block)
        return None if header is None else self.get_by_block_hash_and_index(header.hash, index)

    @rpc("eth_getRawTransactionByHash", _HASH)
    @rpc("debug_getRawTransaction", _HASH)
    def get_raw_transaction(self, transaction_hash: Hash32) -> str | None:
        """A transaction in consensus encoding, or null."""
        backend = self._backend
        found = backend.locate(transaction_hash)
        if found is not None:
            return self._raw_at(*found)
        pooled = backend.pool.get(transaction_hash)
        return None if pooled is None else data(pooled.tx.encode())

    @rpc("eth_getRawTransactionByBlockHashAndIndex", _HASH, _INDEX)
    def get_raw_by_block_hash_and_index(self, block_hash: Hash32, index: int) -> str | None:
        """Transaction `index` of a block in consensus encoding, or null."""
        return self._raw_at(block_hash, index)

    @rpc("eth_getRawTransactionByBlockNumberAndIndex", _NUMBER, _INDEX)
    def get_raw_by_block_number_and_index(self, block: BlockId, index: int) -> str | None:
        """Transaction `index` of a canonical block in consensus encoding, or null."""
        header = self._backend.find(block)
        return None if header is None else self._raw_at(header.hash, index)

    def _raw_at(self, block_hash: Hash32, index: int) -> str | None:
        block = self._backend.block(block_hash)
        if block is None or index >= len(block.transactions):
            return None
        return data(block.transactions[index].encode())
