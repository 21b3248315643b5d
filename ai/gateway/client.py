"""A caller's side of a paid answer: ask the price, open the escrow, ask, read the stream.

Does by itself what a person with the OpenAI client does with two calls. Knows nothing of how tokens
are made or attributed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from ai.worker.client import Account
from chain.errors import Recovery, StemmaError
from chain.types import Hash32, to_address, to_hash32

from .payment import PAYMENT_HEADER


class GatewayUnreachable(StemmaError):
    """No answer from the gateway: it is down, starting, or the URL is wrong."""

    recovery = Recovery.RETRY


class GatewayRefused(StemmaError):
    """The gateway answered with an error; `body` is what it said."""

    def __init__(self, status: int, body: object) -> None:
        message = body.get("error", {}).get("message", "") if isinstance(body, dict) else str(body)
        super().__init__(f"HTTP {status}: {message}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Answer:
    """A paid answer. `receipt` and `citations` are the extra fields of the last chunk."""

    request_id: Hash32
    text: str
    usage: dict[str, int]
    receipt: dict[str, Any]
    citations: list[dict[str, Any]]


class GatewayClient:
    """HTTP to one gateway. Use as an async context manager."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300))
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

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON is any value
        """A JSON document of the gateway. Raises GatewayUnreachable, GatewayRefused."""
        try:
            async with self._open().get(self.url + path) as response:
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise GatewayUnreachable(f"{self.url}{path}: {error!r}") from None
        if response.status != 200:
            raise GatewayRefused(response.status, body)
        return body

    async def content(self, name: Hash32) -> bytes:
        """A document of the gateway's content store, by its hash (not checked here)."""
        return await self._bytes(f"/content/0x{name.hex()}")

    async def contribution(self, datanet_id: int, contribution_id: int) -> bytes:
        """The file of a contribution's rows (not checked here)."""
        return await self._bytes(f"/content/datanets/{datanet_id}/contributions/{contribution_id}")

    async def _bytes(self, path: str) -> bytes:
        try:
            async with self._open().get(self.url + path) as response:
                data = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise GatewayUnreachable(f"{self.url}{path}: {error!r}") from None
        if response.status != 200:
            raise GatewayRefused(response.status, data.decode(errors="replace"))
        return data

    async def quote(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a chat request can cost at most, and the transaction that opens its escrow."""
        async with self._open().post(self.url + "/v1/estimate", json=body) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
        if response.status != 200:
            raise GatewayRefused(response.status, answer)
        return answer

    async def ask(
        self, payer: Account, body: dict[str, Any], on_text: Callable[[str], None]
    ) -> Answer:
        """Pay for a chat request and stream its answer; `on_text` gets each piece of text.

        Raises GatewayRefused, GatewayUnreachable, and what opening the escrow can raise.
        """
        escrow = (await self.quote(body))["escrow"]
        data = bytes.fromhex(escrow["data"][2:])
        sent = await payer.submit(to_address(escrow["to"]), data, int(escrow["value"]))
        receipt = await payer.client.wait_for_receipt(sent)
        request_id = to_hash32(receipt.event("RequestOpened").arguments["requestId"])
        return await self.ask_paid(request_id, body, on_text)

    async def ask_paid(
        self, request_id: Hash32, body: dict[str, Any], on_text: Callable[[str], None]
    ) -> Answer:
        """Stream the answer to a chat request whose escrow is open already."""
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        headers = {PAYMENT_HEADER: "0x" + request_id.hex()}
        text = ""
        usage: dict[str, int] = {}
        extra: dict[str, Any] = {}
        async for chunk in self._events("/v1/chat/completions", streamed, headers):
            for choice in chunk.get("choices", []):
                piece = choice.get("delta", {}).get("content") or ""
                if piece:
                    on_text(piece)
                text += piece
            usage = chunk.get("usage") or usage
            extra = chunk.get("stemma") or extra
        if "receipt" not in extra:
            raise GatewayUnreachable(f"{self.url}: the stream ended without a receipt")
        return Answer(request_id, text, usage, extra["receipt"], extra["citations"])

    async def _events(
        self, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> AsyncIterator[dict[str, Any]]:
        try:
            async with self._open().post(self.url + path, json=body, headers=headers) as response:
                if response.status != 200:
                    raise GatewayRefused(response.status, await response.json(content_type=None))
                async for line in response.content:
                    data = line.decode().strip()
                    if data.startswith("data: ") and data != "data: [DONE]":
                        event = json.loads(data[len("data: ") :])
                        if "error" in event:
                            raise GatewayRefused(response.status, event)
                        yield event
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise GatewayUnreachable(f"{self.url}{path}: {error!r}") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise GatewayUnreachable(f"{self.url}: the client is not open (use `async with`)")
        return self._session
