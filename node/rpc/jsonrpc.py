"""JSON-RPC 2.0 without a socket: request bytes in, response bytes out.

Knows batches, ids, notifications, limits and the thread a method runs in. Does not know what any
method does, nor whether the bytes came by HTTP or WebSocket.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from chain.errors import StemmaError

from .. import json_text
from . import errors
from .errors import RpcError
from .streaming import MAX_STREAMS, Sink, StreamBroken, Streamed, send

logger = logging.getLogger("stemma.rpc")

MISSING = object()
_TURN_S = 0.01
"""How long a batch may hold the event loop before others get a turn."""

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_quote = json.encoder.encode_basestring_ascii
_MARK = "__rpc_methods__"
# Prefixes that are served together with a namespace.
_RIDERS = {"eth": "personal", "net": "rpc"}
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Connection(Protocol):
    """A client that can be sent to without having asked: a WebSocket."""

    def notify(self, message: Mapping[str, object]) -> None:
        """Queue a notification; a client that does not read is dropped by the server."""


@dataclass(slots=True)
class RequestContext:
    """What a method may know of its caller; `after` runs once the response has been queued."""

    connection: Connection | None = None
    after: list[Callable[[], None]] = field(default_factory=list)
    sink: Sink | None = None
    """Where a result may be streamed to; only a message that is no batch has one."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One positional parameter: its name in messages, its parser, its default when absent or
    null.
    """

    name: str
    parse: Callable[[Any], object]
    default: object = MISSING


@dataclass(frozen=True, slots=True)
class Method:
    """One callable method; `heavy` ones run in a reader thread, so that they do not hold the
    loop.
    """

    name: str
    parameters: tuple[Parameter, ...]
    call: Callable[..., Any]
    heavy: bool
    wants_context: bool
    is_async: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request; each is named in the error that reports it."""

    body_bytes: int = 5 * 1024 * 1024
    batch_items: int = 1000
    response_bytes: int = 25 * 1024 * 1024


def rpc(
    name: str, *parameters: Parameter, heavy: bool = False, context: bool = False
) -> Callable[[_Function], _Function]:
    """Mark a method of a namespace object as the JSON-RPC method `name`; may be stacked for
    aliases.
    """

    def mark(function: _Function) -> _Function:
        marks = getattr(function, _MARK, ())
        setattr(function, _MARK, (*marks, (name, parameters, heavy, context)))
        return function

    return mark


def methods_of(namespace: object) -> dict[str, Method]:
    """Return every marked method of a namespace object, by JSON-RPC name."""
    found: dict[str, Method] = {}
    for _, member in inspect.getmembers(namespace, callable):
        for name, parameters, heavy, context in getattr(member, _MARK, ()):
            is_async = inspect.iscoroutinefunction(member)
            found[name] = Method(name, parameters, member, heavy, context, is_async)
    return found


def _bind(method: Method, raw: object) -> list[object]:
    """Turn JSON parameters into the method's arguments; extra ones are ignored, as clients
    expect.
    """
    if raw is None:
        raw = []
    if isinstance(raw, dict):
        raw = [raw.get(parameter.name) for parameter in method.parameters]
    if not isinstance(raw, list):
        raise RpcError(errors.INVALID_PARAMS, "non-array args")
    arguments: list[object] = []
    for index, parameter in enumerate(method.parameters):
        given = raw[index] if index < len(raw) else None
        if given is None:
            if parameter.default is MISSING:
                raise RpcError(
                    errors.INVALID_PARAMS,
                    f"missing value for required argument {index} ({parameter.name})",
                )
            arguments.append(parameter.default)
            continue
        try:
            arguments.append(parameter.parse(given))
        except (RpcError, StemmaError, ValueError, TypeError, OverflowError) as error:
            raise RpcError(
                errors.INVALID_PARAMS, f"invalid argument {index}: {parameter.name}: {error}"
            ) from error
    return arguments


def _valid_id(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, (str, int)) and not isinstance(value, bool))


def encode(message: object) -> bytes:
    """Serialise a response or notification."""
    return _ENCODER.encode(message).encode()


def _encode_answer(answer: dict[str, object]) -> bytes:
    """As `encode`, faster for a short text under a number, which most answers are."""
    request_id, result = answer["id"], answer.get("result")
    if type(result) is str and type(request_id) is int:
        return f'{{"jsonrpc":"2.0","id":{request_id},"result":{_quote(result)}}}'.encode()
    return encode(answer)


def error_response(request_id: object, error: RpcError) -> dict[str, object]:
    """Return the response object that carries an error."""
    return {"jsonrpc": "2.0", "id": request_id, "error": error.to_json()}


class Dispatcher:
    """Answers requests from a table of methods."""

    def __init__(
        self,
        namespaces: Iterable[object],
        readers: Executor,
        limits: Limits,
        observe: Callable[[str, int, float], None] | None = None,
        prefixes: Collection[str] | None = None,
        before_batch: Callable[[Sequence[object]], Callable[[], None]] | None = None,
        unknown: Callable[[object], RpcError] = errors.method_not_found,
    ) -> None:
        """`readers` runs heavy methods; `observe` hears (method, error code or 0, seconds).

        `prefixes` are the namespaces to serve; None serves all. `before_batch` hears the items of a
        batch, checked by nobody yet, and what it returns is called when the batch is answered.
        `unknown` is what a name that is not served is answered with.
        """
        self._methods: dict[str, Method] = {}
        for namespace in namespaces:
            self._methods.update(methods_of(namespace))
        if prefixes is not None:
            served = {*prefixes, *(_RIDERS[name] for name in prefixes if name in _RIDERS)}
            self._methods = {
                name: method
                for name, method in self._methods.items()
                if name.partition("_")[0] in served
            }
        self._readers = readers
        self.limits = limits
        self._observe = observe
        self._streams = 0
        self._before_batch = before_batch
        self._unknown = unknown

    @property
    def method_names(self) -> list[str]:
        """Every method served, sorted."""
        return sorted(self._methods)

    async def handle(self, body: bytes | str, context: RequestContext) -> bytes | None:
        """Answer one message, single or batch; None when it held only notifications."""
        try:
            message = json_text.parse(body)
        except ValueError:
            return encode(error_response(None, RpcError(errors.PARSE_ERROR, "parse error")))
        if not isinstance(message, list):
            return await self._answer_bytes(message, context)
        context.sink = None
        return await self._handle_batch(message, context)

    async def _handle_batch(self, items: list[object], context: RequestContext) -> bytes | None:
        if not items:
            return encode(error_response(None, RpcError(errors.INVALID_REQUEST, "empty batch")))
        if len(items) > self.limits.batch_items:
            return self._refuse_batch(items)
        if self._before_batch is None:
            return await self._answer_batch(items, context)
        done = self._before_batch(items)
        try:
            return await self._answer_batch(items, context)
        finally:
            done()

    async def _answer_batch(self, items: list[object], context: RequestContext) -> bytes | None:
        answers: list[bytes] = []
        room = self.limits.response_bytes
        turn_ends = time.monotonic() + _TURN_S
        for item in items:
            answer = await self._answer_bytes(item, context, room)
            if answer is not None:
                answers.append(answer)
                room -= len(answer)
            if time.monotonic() > turn_ends:
                await asyncio.sleep(0)  # other clients wait too
                turn_ends = time.monotonic() + _TURN_S
        return b"[" + b",".join(answers) + b"]" if answers else None

    def _refuse_batch(self, items: list[object]) -> bytes:
        limit = self.limits.batch_items
        error = errors.limit_exceeded(f"batch too large: {len(items)} requests, limit {limit}")
        ids = [item.get("id") for item in items if isinstance(item, dict) and "id" in item]
        return encode([error_response(i if _valid_id(i) else None, error) for i in ids])

    async def _answer_bytes(
        self, item: object, context: RequestContext, room: int | None = None
    ) -> bytes | None:
        if room is not None and room <= 0:
            return self._refuse_for_size(item)
        answer = await self._answer(item, context)
        if answer is None:
            return None
        result = answer.get("result")
        if isinstance(result, Streamed):
            return await self._stream(answer["id"], result, context.sink)
        encoded = _encode_answer(answer)
        limit = self.limits.response_bytes
        if len(encoded) > (limit if room is None else room):
            error = errors.limit_exceeded(f"response too large: limit {limit} bytes")
            return encode(error_response(answer["id"], error))
        return encoded

    async def _stream(
        self, request_id: object, result: Streamed, sink: Sink | None
    ) -> bytes | None:
        """Send an answer in pieces; what fails before the first is an answer like any other.

        Raises StreamBroken where it cannot be finished.
        """
        if sink is None:
            raise ValueError("a method streams to a caller that takes no stream")
        before = b'{"jsonrpc":"2.0","id":' + encode(request_id) + b',"result":'
        if self._streams >= MAX_STREAMS:
            text = f"too many answers are being streamed: limit {MAX_STREAMS}"
            return encode(error_response(request_id, errors.limit_exceeded(text)))
        self._streams += 1
        try:
            await send(result, before, b"}", sink)
        except StreamBroken:
            raise
        except RpcError as error:
            return encode(error_response(request_id, error))
        except StemmaError as error:
            told = RpcError(errors.SERVER_ERROR, str(error))
            return encode(error_response(request_id, told))
        except Exception:
            logger.exception("a streamed answer failed")
            told = RpcError(errors.INTERNAL_ERROR, "internal error")
            return encode(error_response(request_id, told))
        finally:
            self._streams -= 1
        return None

    def _refuse_for_size(self, item: object) -> bytes | None:
        """Answer an item of a batch whose response is full, without running it."""
        if not isinstance(item, dict) or "id" not in item:
            return None
        request_id = item["id"] if _valid_id(item["id"]) else None
        limit = self.limits.response_bytes
        error = errors.limit_exceeded(f"response too large: limit {limit} bytes")
        return encode(error_response(request_id, error))

    async def _answer(self, item: object, context: RequestContext) -> dict[str, object] | None:
        if not isinstance(item, dict):
            return error_response(None, RpcError(errors.INVALID_REQUEST, "invalid request"))
        request_id = item.get("id")
        name = item.get("method")
        if item.get("jsonrpc") != "2.0" or not isinstance(name, str) or not _valid_id(request_id):
            bad_id = request_id if _valid_id(request_id) else None
            return error_response(bad_id, RpcError(errors.INVALID_REQUEST, "invalid request"))
        started = time.perf_counter()
        code = 0
        try:
            result = await self._call(name, item.get("params"), context)
            answer: dict[str, object] = {"jsonrpc": "2.0", "id": request_id, "result": result}
        except RpcError as error:
            code = error.code
            answer = error_response(request_id, error)
        if self._observe is not None:
            known = name if name in self._methods else "unknown"
            self._observe(known, code, time.perf_counter() - started)
        return answer if "id" in item else None

    async def _call(self, name: str, raw: object, context: RequestContext) -> object:
        method = self._methods.get(name)
        if method is None:
            raise self._unknown(name)
        arguments = _bind(method, raw)
        if method.wants_context:
            arguments.insert(0, context)
        try:
            return await self._run(method, arguments)
        except RpcError:
            raise
        except StemmaError as error:
            raise RpcError(errors.SERVER_ERROR, str(error)) from error
        except Exception as error:
            logger.exception("method %s failed", name)
            raise RpcError(errors.INTERNAL_ERROR, "internal error") from error

    async def _run(self, method: Method, arguments: list[object]) -> object:
        if method.heavy:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._readers, lambda: method.call(*arguments))
        result = method.call(*arguments)
        return await result if method.is_async else result
