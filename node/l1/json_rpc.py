"""A small JSON-RPC client over HTTP: calls, batches, retries of what a network may do to a request.

Knows nothing of Ethereum: method names and results are the caller's.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import aiohttp

from chain.errors import Recovery, StemmaError

from .. import json_text

_TIMEOUT_S = 20.0
_ATTEMPTS = 4
_FIRST_PAUSE_S = 0.1
_RETRIED_STATUS = frozenset({429, 502, 503, 504})


class L1Unreachable(StemmaError):
    """The server did not answer, or not with JSON-RPC."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class L1CallFailed(StemmaError):
    """The server answered with a JSON-RPC error."""

    recovery: ClassVar[Recovery] = Recovery.RETRY

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        """Keep the parts of the error object."""
        super().__init__(f"{method}: {message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


class JsonRpcClient:
    """Calls one server; use as an async context manager."""

    def __init__(self, url: str, timeout_s: float = _TIMEOUT_S) -> None:
        """Open nothing yet; the session lives between `open` and `close`."""
        self.url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._ids = itertools.count(1)

    async def __aenter__(self) -> JsonRpcClient:
        self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def open(self) -> None:
        """Make the HTTP session (needs a running loop)."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)

    async def close(self) -> None:
        """Close the HTTP session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """Return the result. Raises L1CallFailed, L1Unreachable."""
        answer = await self._post(self._request(method, params))
        return self._result(method, answer)

    async def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Return the results in the order of the calls; the first error is raised."""
        if not calls:
            return []
        requests = [self._request(method, params) for method, params in calls]
        answers = await self._post(requests)
        if not isinstance(answers, list):
            return [self._result(calls[0][0], answers)]
        by_id = {item.get("id"): item for item in answers if isinstance(item, dict)}
        return [
            self._result(method, by_id.get(request["id"]))
            for request, (method, _) in zip(requests, calls, strict=True)
        ]

    async def get_json(self, url: str) -> Any:  # noqa: ANN401 - JSON
        """HTTP GET of a JSON document (the beacon API); None for 404. Raises L1Unreachable."""
        try:
            async with self._open_session().get(url) as response:
                if response.status in (404, 410):
                    return None
                if response.status != 200:
                    raise L1Unreachable(f"GET {url}: HTTP {response.status}")
                return json_text.parse(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise L1Unreachable(f"GET {url}: {type(error).__name__}: {error}") from error

    def _request(self, method: str, params: Sequence[object]) -> dict[str, object]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise L1Unreachable(f"{self.url}: the client is closed")
        return self._session

    def _result(self, method: str, answer: object) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise L1Unreachable(f"{self.url}: {method}: not a JSON-RPC answer")
        error = answer.get("error")
        if isinstance(error, dict):
            code, message = int(error.get("code", 0)), str(error.get("message", ""))
            raise L1CallFailed(method, code, message, error.get("data"))
        return answer.get("result")

    async def _post(self, body: object) -> object:
        pause_s = _FIRST_PAUSE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._post_once(body)
            except L1Unreachable:
                if attempt == _ATTEMPTS:
                    raise
            await asyncio.sleep(pause_s)
            pause_s *= 3
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _post_once(self, body: object) -> object:
        session = self._open_session()
        try:
            async with session.post(self.url, json=body) as response:
                if response.status in _RETRIED_STATUS:
                    raise L1Unreachable(f"{self.url}: HTTP {response.status}")
                return json_text.parse(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise L1Unreachable(f"{self.url}: {type(error).__name__}: {error}") from error
