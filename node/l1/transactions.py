"""Sends transactions to an L1 from one account: nonces, fees, replacement of what is stuck.

One sender per account and process: it counts nonces itself after the first question.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, ClassVar

from chain.crypto.secp256k1 import address_of
from chain.errors import Recovery, StemmaError
from chain.transaction import DynamicFeeTransaction, sign_transaction
from chain.types import Address

from .fee_bumping import Fees, bump, initial_fees
from .json_rpc import JsonRpcClient, L1CallFailed

logger = logging.getLogger("stemma.l1")

_POLL_S = 0.25
_BUMP_AFTER_S = 20.0
_LONGEST_WAIT_S = 600.0


class L1TransactionFailed(StemmaError):
    """A transaction was mined and reverted, or was never mined."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


@dataclass(frozen=True, slots=True)
class L1Confirmation:
    """Where a transaction was mined."""

    transaction_hash: str
    block_number: int
    block_hash: bytes
    contract_address: str | None


class L1Sender:
    """One account on one L1."""

    def __init__(self, client: JsonRpcClient, private_key: bytes, chain_id: int) -> None:
        """Keep the key; ask nothing yet."""
        self._client = client
        self._key = private_key
        self._chain_id = chain_id
        self.address: Address = address_of(private_key)
        self._next_nonce: int | None = None
        self._lock = asyncio.Lock()

    def forget_nonce(self) -> None:
        """Ask the L1 for the next nonce again (after a reorg or a failure)."""
        self._next_nonce = None

    async def send_and_wait(
        self, to: Address | None, data: bytes, value_wei: int = 0, gas_limit: int | None = None
    ) -> L1Confirmation:
        """Send, replace while stuck, and return where it was mined.

        Raises L1TransactionFailed when it reverted or was not mined within ten minutes.
        """
        async with self._lock:
            nonce = await self._nonce()
            fees = await self._fees()
            gas = gas_limit or await self._estimate(to, data, value_wei)
            hashes = [await self._submit(to, data, value_wei, gas, nonce, fees)]
            self._next_nonce = nonce + 1
        waited_s = 0.0
        while waited_s < _LONGEST_WAIT_S:
            for transaction_hash in hashes:
                receipt = await self._client.call("eth_getTransactionReceipt", transaction_hash)
                if receipt is not None:
                    return self._confirmed(transaction_hash, receipt)
            await asyncio.sleep(_POLL_S)
            waited_s += _POLL_S
            if waited_s % _BUMP_AFTER_S < _POLL_S:
                fees = bump(fees)
                logger.info("replacing a stuck L1 transaction", extra={"nonce": nonce})
                replaced = await self._replace(to, data, value_wei, gas, nonce, fees)
                hashes += [replaced] if replaced is not None else []
        self.forget_nonce()
        raise L1TransactionFailed(f"L1 transaction {hashes[0]} not mined in {_LONGEST_WAIT_S:.0f} s")

    def _confirmed(self, transaction_hash: str, receipt: dict[str, Any]) -> L1Confirmation:
        if int(receipt["status"], 16) != 1:
            number = int(receipt["blockNumber"], 16)
            raise L1TransactionFailed(
                f"L1 transaction {transaction_hash} reverted in block {number}"
            )
        return L1Confirmation(
            transaction_hash,
            int(receipt["blockNumber"], 16),
            bytes.fromhex(receipt["blockHash"][2:]),
            receipt.get("contractAddress"),
        )

    async def _nonce(self) -> int:
        if self._next_nonce is None:
            name = "0x" + self.address.hex()
            answer = await self._client.call("eth_getTransactionCount", name, "pending")
            self._next_nonce = int(answer, 16)
        return self._next_nonce

    async def _fees(self) -> Fees:
        block, tip = await self._client.batch(
            [("eth_getBlockByNumber", ("latest", False)), ("eth_maxPriorityFeePerGas", ())]
        )
        return initial_fees(int(block["baseFeePerGas"], 16), int(tip, 16))

    async def _estimate(self, to: Address | None, data: bytes, value_wei: int) -> int:
        request = {
            "from": "0x" + self.address.hex(),
            "data": "0x" + data.hex(),
            "value": hex(value_wei),
        }
        if to is not None:
            request["to"] = "0x" + to.hex()
        estimate = int(await self._client.call("eth_estimateGas", request), 16)
        return estimate + estimate // 5

    async def _submit(
        self, to: Address | None, data: bytes, value_wei: int, gas: int, nonce: int, fees: Fees
    ) -> str:
        transaction = sign_transaction(
            DynamicFeeTransaction(
                chain_id=self._chain_id,
                nonce=nonce,
                max_priority_fee_per_gas=fees.tip_wei,
                max_fee_per_gas=fees.cap_wei,
                gas_limit=gas,
                to=to,
                value=value_wei,
                data=data,
            ),
            self._key,
        )
        try:
            raw = "0x" + transaction.encode().hex()
            return str(await self._client.call("eth_sendRawTransaction", raw))
        except L1CallFailed as error:
            if "already known" in error.message:
                return "0x" + transaction.hash.hex()
            self.forget_nonce()
            raise

    async def _replace(
        self, to: Address | None, data: bytes, value_wei: int, gas: int, nonce: int, fees: Fees
    ) -> str | None:
        """Replace by higher fees; None when the old one has just been mined."""
        try:
            return await self._submit(to, data, value_wei, gas, nonce, fees)
        except L1CallFailed as error:
            logger.debug("replacement refused: %s", error)
            self._next_nonce = None
            return None
