"""Sends transactions to an L1 from one account: nonces, fees, replacement of what is stuck.

One sender per account and process: it counts nonces itself after the first question.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chain.crypto.secp256k1 import address_of
from chain.errors import Recovery, StemmaError
from chain.heads import BlockId
from chain.transaction import BlobTransaction, DynamicFeeTransaction, sign_transaction
from chain.types import Address, Hash32

from .blob_sidecar import BlobSidecar, network_form
from .fee_bumping import Fees, at_least, bump, initial_fees
from .json_rpc import JsonRpcClient, L1CallFailed

logger = logging.getLogger("stemma.l1")

MAX_GAS = 1 << 24
"""EIP-7825: L1 takes no transaction with more, whatever it would use."""

_POLL_S = 0.25
_BUMP_AFTER_S = 20.0
_LONGEST_WAIT_S = 600.0


class L1TransactionFailed(StemmaError):
    """A transaction was mined and reverted, or was never mined."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


@dataclass(frozen=True, slots=True)
class L1Request:
    """What to send. `gas_limit` None asks the L1 for an estimate."""

    to: Address | None
    data: bytes = b""
    value_wei: int = 0
    gas_limit: int | None = None
    sidecar: BlobSidecar | None = None


@dataclass(slots=True)
class PendingTransaction:
    """A transaction under way: one nonce, and a hash for each time it was priced."""

    request: L1Request
    nonce: int
    gas_limit: int
    fees: Fees
    hashes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class L1Confirmation:
    """Where a transaction was mined."""

    transaction_hash: str
    block: BlockId
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
        self.sending = asyncio.Lock()
        """Held while a transaction is on its way; who holds it knows that none is."""

    def forget_nonce(self) -> None:
        """Ask the L1 for the next nonce again (after a reorg or a failure)."""
        self._next_nonce = None

    async def send(self, request: L1Request) -> PendingTransaction:
        """Price, sign and send; the next nonce is taken. Raises L1CallFailed, L1Unreachable."""
        async with self.sending:
            nonce = await self._nonce()
            gas = request.gas_limit or await self._estimate(request)
            pending = PendingTransaction(request, nonce, gas, await self._fees(request))
            pending.hashes.append(await self._submit(pending))
            self._next_nonce = nonce + 1
        return pending

    async def wait(self, pending: PendingTransaction) -> L1Confirmation:
        """Wait until it is mined, replacing it while it is stuck.

        Raises L1TransactionFailed when it reverted or was not mined within ten minutes.
        """
        waited_s = 0.0
        while waited_s < _LONGEST_WAIT_S:
            for transaction_hash in pending.hashes:
                receipt = await self._client.call("eth_getTransactionReceipt", transaction_hash)
                if receipt is not None:
                    return _confirmed(transaction_hash, receipt)
            await asyncio.sleep(_POLL_S)
            waited_s += _POLL_S
            if waited_s % _BUMP_AFTER_S < _POLL_S:
                await self._replace(pending)
        self.forget_nonce()
        raise L1TransactionFailed(
            f"L1 transaction {pending.hashes[0]} not mined in {_LONGEST_WAIT_S:.0f} s"
        )

    async def send_and_wait(self, request: L1Request) -> L1Confirmation:
        """`send`, then `wait`."""
        return await self.wait(await self.send(request))

    async def _nonce(self) -> int:
        if self._next_nonce is None:
            name = "0x" + self.address.hex()
            answer = await self._client.call("eth_getTransactionCount", name, "pending")
            self._next_nonce = int(answer, 16)
        return self._next_nonce

    async def _fees(self, request: L1Request) -> Fees:
        block, tip = await self._client.batch(
            [("eth_getBlockByNumber", ("latest", False)), ("eth_maxPriorityFeePerGas", ())]
        )
        blob_fee_wei = 0
        if request.sidecar is not None:
            blob_fee_wei = int(await self._client.call("eth_blobBaseFee"), 16)
        return initial_fees(int(block["baseFeePerGas"], 16), int(tip, 16), blob_fee_wei)

    async def _estimate(self, request: L1Request) -> int:
        call = {
            "from": "0x" + self.address.hex(),
            "data": "0x" + request.data.hex(),
            "value": hex(request.value_wei),
        }
        if request.to is not None:
            call["to"] = "0x" + request.to.hex()
        estimate = int(await self._client.call("eth_estimateGas", call), 16)
        return min(estimate + estimate // 5, max(estimate, MAX_GAS))

    def _signed(self, pending: PendingTransaction) -> tuple[bytes, Hash32]:
        """The form to send and the hash."""
        request, fees = pending.request, pending.fees
        if request.sidecar is not None and request.to is not None:
            blob = sign_transaction(
                BlobTransaction(
                    chain_id=self._chain_id,
                    nonce=pending.nonce,
                    max_priority_fee_per_gas=fees.tip_wei,
                    max_fee_per_gas=fees.cap_wei,
                    gas_limit=pending.gas_limit,
                    to=request.to,
                    value=request.value_wei,
                    data=request.data,
                    max_fee_per_blob_gas=fees.blob_cap_wei,
                    blob_versioned_hashes=request.sidecar.versioned_hashes,
                ),
                self._key,
            )
            return network_form(blob, request.sidecar), blob.hash
        signed = sign_transaction(
            DynamicFeeTransaction(
                chain_id=self._chain_id,
                nonce=pending.nonce,
                max_priority_fee_per_gas=fees.tip_wei,
                max_fee_per_gas=fees.cap_wei,
                gas_limit=pending.gas_limit,
                to=request.to,
                value=request.value_wei,
                data=request.data,
            ),
            self._key,
        )
        return signed.encode(), signed.hash

    async def _submit(self, pending: PendingTransaction) -> str:
        raw, transaction_hash = self._signed(pending)
        try:
            return str(await self._client.call("eth_sendRawTransaction", "0x" + raw.hex()))
        except L1CallFailed as error:
            if "already known" in error.message or "already imported" in error.message:
                return "0x" + transaction_hash.hex()
            self.forget_nonce()
            raise

    async def _replace(self, pending: PendingTransaction) -> None:
        """Send again with higher fees, at least the market's; nothing happens when the old one has
        just been mined.
        """
        before = pending.fees
        try:
            async with self.sending:
                pending.fees = at_least(bump(before), await self._fees(pending.request))
                pending.hashes.append(await self._submit(pending))
            logger.info("replaced a stuck L1 transaction", extra={"nonce": pending.nonce})
        except L1CallFailed as error:
            pending.fees = before
            logger.debug("replacement refused: %s", error)


def _confirmed(transaction_hash: str, receipt: dict[str, Any]) -> L1Confirmation:
    block = BlockId(
        int(receipt["blockNumber"], 16), Hash32(bytes.fromhex(receipt["blockHash"][2:]))
    )
    if int(receipt["status"], 16) != 1:
        raise L1TransactionFailed(f"L1 transaction {transaction_hash} reverted in block {block}")
    return L1Confirmation(transaction_hash, block, receipt.get("contractAddress"))
