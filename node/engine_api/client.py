"""Calls to another execution client: JSON-RPC over HTTP with a fresh token each time.

Synchronous, for the thread that drives the chain waits for each answer anyway; calls of several
threads take turns. Knows no methods.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any, ClassVar

from chain.errors import Recovery, StemmaError

from .. import json_text
from .jwt import make_token

TIMEOUT_S = 20.0
_MAX_ANSWER_BYTES = 256 * 1024 * 1024


class EngineUnreachable(StemmaError):
    """The execution client did not answer, or not with JSON-RPC."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class EngineRefusedToken(StemmaError):
    """The execution client does not take our token: secret or clock differ."""


class EngineCallFailed(StemmaError):
    """The execution client answered with a JSON-RPC error."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        """Keep the parts of the error object."""
        detail = "" if data is None else f": {data}"
        super().__init__(f"{method}: {message} (code {code}){detail}")
        self.code = code


class EngineApiClient:
    """One connection to one execution client."""

    def __init__(
        self, url: str, secret: bytes, now: Callable[[], float], timeout_s: float = TIMEOUT_S
    ) -> None:
        """Open nothing yet. `now` is the time in seconds, for the tokens."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise EngineUnreachable(f"{url}: expected http://host:port")
        self.url = url
        self._secret = secret
        self._now = now
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._path = parts.path or "/"
        self._ids = itertools.count(1)
        self._turn = threading.Lock()

    def call(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """The result. Raises EngineCallFailed, EngineUnreachable, EngineRefusedToken."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        with self._turn:
            status, raw = self._sent(method, json.dumps(body, separators=(",", ":")).encode())
        if status == 401:
            text = raw[:200].decode("utf-8", "replace").strip()
            raise EngineRefusedToken(f"{self.url}: {text or 'unauthorized'}")
        try:
            return self._result(method, json_text.parse(raw))
        except ValueError as error:
            raise EngineUnreachable(f"{self.url}: {method}: not JSON: {error}") from error

    def close(self) -> None:
        """Close the connection; the next call would open it again."""
        self._connection.close()

    def _sent(self, method: str, body: bytes) -> tuple[int, bytes]:
        try:
            return self._post(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise EngineUnreachable(
                f"{self.url}: {method}: {type(error).__name__}: {error}"
            ) from error

    def _post(self, body: bytes) -> tuple[int, bytes]:
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {make_token(self._secret, self._now())}",
        }
        try:
            return self._exchange(body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self._connection.close()  # it was idle for too long; no answer was begun
            return self._exchange(body, headers)

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        self._connection.request("POST", self._path, body, headers)
        response = self._connection.getresponse()
        raw = response.read(_MAX_ANSWER_BYTES + 1)
        if len(raw) > _MAX_ANSWER_BYTES:
            raise ValueError(f"an answer of more than {_MAX_ANSWER_BYTES} bytes")
        return response.status, raw

    def _result(self, method: str, answer: object) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise EngineUnreachable(f"{self.url}: {method}: not a JSON-RPC answer")
        error = answer.get("error")
        if isinstance(error, dict):
            code, message = error.get("code"), str(error.get("message", ""))
            code = code if isinstance(code, int) else 0
            raise EngineCallFailed(method, code, message, error.get("data"))
        return answer.get("result")
