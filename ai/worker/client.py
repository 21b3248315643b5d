"""A JSON-RPC client of an L2 node, and accounts that send transactions through it.

All that the AI side knows of the chain comes through here: calls, logs, receipts, and signed
transactions. It does not know blocks' contents, keys other than those it is given, or what any
contract does.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from chain.crypto.secp256k1 import address_of
from chain.errors import Recovery, StemmaError
from chain.receipt import Log
from chain.transaction import DynamicFeeTransaction, sign_transaction
from chain.types import Address, to_address, to_hash32
from genesis.interfaces import DecodedEvent, Interface, decode_event

RECEIPT_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.1
FEE_CAP_FACTOR = 2  # the base fee can rise by at most an eighth per block: six blocks of room
GAS_MARGIN_PERCENT = 20  # state may move between the estimate and the block
LOG_RANGE_BLOCKS = 10_000  # nodes bound one eth_getLogs; geth's hosts and ours to this
REVERTED = 3  # the JSON-RPC code of a call that reverted, as geth answers
STALE_NONCE = ("nonce too low", "nonce too high")


class NodeUnreachable(StemmaError):
    """No answer from the node: it is down, starting, or the URL is wrong."""

    recovery = Recovery.RETRY


class RpcError(StemmaError):
    """The node answered with an error; `code` and `data` are those of JSON-RPC."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method}: {message} (code {code})")
        self.method, self.code, self.message, self.data = method, code, message, data


class TransactionFailed(StemmaError):
    """A transaction was included and reverted, or was not included in time."""


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """What became of a transaction; `fee_wei` is all that the sender paid beside the value."""

    transaction_hash: str
    block_number: int
    fee_wei: int
    logs: tuple[Log, ...]

    def events(self) -> list[DecodedEvent]:
        """The logs that our precompiles wrote, decoded, in order."""
        return [event for log in self.logs if (event := decode_event(log)) is not None]

    def event(self, name: str) -> DecodedEvent:
        """The first event of this name. Raises TransactionFailed where there is none."""
        for event in self.events():
            if event.name == name:
                return event
        raise TransactionFailed(f"{self.transaction_hash} wrote no event {name}")


class ChainClient:
    """JSON-RPC over HTTP to one node. Use as an async context manager."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._ids = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None
        self._chain_id: int | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def rpc(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON is any value
        """One call; its result. Raises NodeUnreachable or RpcError."""
        if self._session is None:
            raise NodeUnreachable(f"{self.url}: the client is not open (use `async with`)")
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        try:
            async with self._session.post(self.url, json=body) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NodeUnreachable(f"{self.url}: {method}: {error!r}") from None
        if not isinstance(answer, dict):
            raise NodeUnreachable(f"{self.url}: {method}: answer is not a JSON-RPC object")
        if (problem := answer.get("error")) is not None:
            code, message = problem.get("code", 0), problem.get("message", "")
            raise RpcError(method, code, message, problem.get("data"))
        return answer.get("result")

    async def chain_id(self) -> int:
        """The chain's id (asked once)."""
        if self._chain_id is None:
            self._chain_id = int(await self.rpc("eth_chainId"), 16)
        return self._chain_id

    async def block_number(self) -> int:
        """Height of the unsafe head."""
        return int(await self.rpc("eth_blockNumber"), 16)

    async def balance(self, account: Address, block: str = "latest") -> int:
        """Balance in wei."""
        return int(await self.rpc("eth_getBalance", "0x" + account.hex(), block), 16)

    async def view(
        self, interface: Interface, function: str, *arguments: object, block: str = "latest"
    ) -> dict[str, Any]:
        """Results by name of a view function of a precompile. Raises RpcError on a revert."""
        call = {
            "to": "0x" + interface.address.hex(),
            "data": "0x" + interface.encode_call(function, *arguments).hex(),
        }
        output = await self.rpc("eth_call", call, block)
        return interface.decode_result(function, bytes.fromhex(output[2:]))

    async def events(
        self,
        interface: Interface,
        name: str,
        *indexed: bytes | int | None,
        from_block: int = 0,
        to_block: int | None = None,
    ) -> list[tuple[DecodedEvent, Mapping[str, Any]]]:
        """Events of one kind in chain order, each with the raw log's JSON (block, transaction).

        `indexed` filters by the event's indexed arguments in order; None matches anything;
        `to_block` None is the head. A long chain is asked in ranges that a node answers.
        """
        topics: list[str | None] = ["0x" + interface.event(name).topic.hex()]
        topics += [None if value is None else _topic(value) for value in indexed]
        last = await self.block_number() if to_block is None else to_block
        logs: list[Mapping[str, Any]] = []
        for first in range(from_block, last + 1, LOG_RANGE_BLOCKS):
            query = {
                "address": "0x" + interface.address.hex(),
                "topics": topics,
                "fromBlock": hex(first),
                "toBlock": hex(min(first + LOG_RANGE_BLOCKS - 1, last)),
            }
            logs += await self.rpc("eth_getLogs", query)
        found = [(decode_event(_log(raw)), raw) for raw in logs]
        return [(event, raw) for event, raw in found if event is not None]

    async def wait_for_receipt(
        self, transaction_hash: str, timeout_s: float = RECEIPT_TIMEOUT_S
    ) -> TransactionReceipt:
        """The receipt of a successful transaction. Raises TransactionFailed."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while (raw := await self.rpc("eth_getTransactionReceipt", transaction_hash)) is None:
            if asyncio.get_running_loop().time() > deadline:
                raise TransactionFailed(f"{transaction_hash}: not included within {timeout_s:g} s")
            await asyncio.sleep(POLL_INTERVAL_S)
        if int(raw["status"], 16) != 1:
            raise TransactionFailed(
                f"{transaction_hash}: reverted in block {int(raw['blockNumber'], 16)}"
            )
        fee_wei = int(raw["gasUsed"], 16) * int(raw["effectiveGasPrice"], 16)
        fee_wei += int(raw.get("l1Fee") or "0x0", 16) + int(raw.get("operatorFee") or "0x0", 16)
        logs = tuple(_log(log) for log in raw["logs"])
        return TransactionReceipt(transaction_hash, int(raw["blockNumber"], 16), fee_wei, logs)


class Account:
    """One key and its next nonce; sends calls to precompiles and waits for them.

    Sends are serialised, so that concurrent tasks of one worker never use one nonce twice.
    """

    def __init__(self, client: ChainClient, private_key: bytes) -> None:
        self.client = client
        self.private_key = private_key
        self.address = address_of(private_key)
        self._nonce: int | None = None
        self._lock = asyncio.Lock()

    async def send(
        self, interface: Interface, function: str, *arguments: object, value_wei: int = 0
    ) -> TransactionReceipt:
        """Send one call and wait for its receipt.

        Raises RpcError with the revert's reason if the call would fail now (nothing is sent then),
        TransactionFailed if it failed in its block.
        """
        data = interface.encode_call(function, *arguments)
        transaction_hash = await self.submit(interface.address, data, value_wei)
        return await self.client.wait_for_receipt(transaction_hash)

    async def submit(self, to: Address, data: bytes, value_wei: int = 0) -> str:
        """Estimate, sign and send; the transaction's hash.

        A nonce that turns out stale (another program used the key, or the chain was reorganised)
        is asked for again, once.
        """
        request = {
            "from": "0x" + self.address.hex(),
            "to": "0x" + to.hex(),
            "data": "0x" + data.hex(),
            "value": hex(value_wei),
        }
        gas = int(await self.client.rpc("eth_estimateGas", request), 16)
        gas += gas * GAS_MARGIN_PERCENT // 100
        async with self._lock:
            try:
                return await self._send(to, data, value_wei, gas)
            except RpcError as error:
                if not error.message.startswith(STALE_NONCE):
                    raise
            return await self._send(to, data, value_wei, gas)

    async def _send(self, to: Address, data: bytes, value_wei: int, gas: int) -> str:
        raw = await self._signed(to, data, value_wei, gas)
        try:
            sent: str = await self.client.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        except StemmaError:
            self._nonce = None  # ask the node again: ours may be the wrong one
            raise
        self._nonce = (self._nonce or 0) + 1
        return sent

    async def _signed(self, to: Address, data: bytes, value_wei: int, gas: int) -> bytes:
        if self._nonce is None:
            sender = "0x" + self.address.hex()
            count = await self.client.rpc("eth_getTransactionCount", sender, "pending")
            self._nonce = int(count, 16)
        tip_wei = int(await self.client.rpc("eth_maxPriorityFeePerGas"), 16)
        block = await self.client.rpc("eth_getBlockByNumber", "latest", False)
        base_fee_wei = int(block["baseFeePerGas"], 16)
        unsigned = DynamicFeeTransaction(
            chain_id=await self.client.chain_id(),
            nonce=self._nonce,
            max_priority_fee_per_gas=tip_wei,
            max_fee_per_gas=base_fee_wei * FEE_CAP_FACTOR + tip_wei,
            gas_limit=gas,
            to=to,
            value=value_wei,
            data=data,
            access_list=(),
            y_parity=0,
            r=0,
            s=0,
        )
        return sign_transaction(unsigned, self.private_key).encode()


def _topic(value: bytes | int) -> str:
    return (
        "0x"
        + (value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")).hex()
    )


def _log(raw: Mapping[str, Any]) -> Log:
    topics: Sequence[str] = raw["topics"]
    return Log(
        address=to_address(raw["address"]),
        topics=tuple(to_hash32(topic) for topic in topics),
        data=bytes.fromhex(raw["data"][2:]),
    )
