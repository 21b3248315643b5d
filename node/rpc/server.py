"""The socket side of JSON-RPC: HTTP POST and WebSocket on one port, health, metrics, a page for
people.

Knows aiohttp, limits, CORS and the Host allow-list. Does not know any method: a `Dispatcher`
answers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from chain.errors import Recovery, StemmaError

from . import errors
from .errors import RpcError
from .jsonrpc import Dispatcher, RequestContext, encode, error_response
from .streaming import StreamBroken

logger = logging.getLogger("stemma.rpc")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_JSON_TYPES = frozenset({"application/json", "application/json-rpc", "application/jsonrequest"})
_WEBSOCKET_PING_S = 25.0
_WEBSOCKET_QUEUE = 4096
_WEBSOCKET_CALLS_AT_ONCE = 64
_CLOSE_TIMEOUT_S = 2.0


class AddressInUse(StemmaError):
    """The port that the node was told to listen on is taken."""

    recovery = Recovery.STOP


@dataclass(frozen=True, slots=True)
class Health:
    """One look at the node: each check has a name, a verdict and what was seen."""

    checks: tuple[tuple[str, bool, str], ...]

    @property
    def ready(self) -> bool:
        """Whether every check holds."""
        return all(ok for _, ok, _ in self.checks)

    def to_json(self) -> dict[str, object]:
        """The body of /readyz."""
        return {
            "ready": self.ready,
            "checks": {name: {"ok": ok, "detail": detail} for name, ok, detail in self.checks},
        }


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen and whom to answer. Port 0 asks the system for a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    cors_origins: tuple[str, ...] = ()
    virtual_hosts: tuple[str, ...] = ("localhost",)
    title: str = "stemma"
    page: Callable[[], str] | None = None
    health: Callable[[], Health] | None = None
    metrics: Callable[[], bytes] | None = None
    refusal: Callable[[str | None], str | None] | None = None
    """Why a request with that Authorization header is refused; None lets it in."""
    extra_routes: Mapping[str, _Handler] = field(default_factory=dict)


class WebSocketConnection:
    """One WebSocket client with a bounded queue; a reader that falls behind is closed with a
    reason.
    """

    def __init__(self, socket: web.WebSocketResponse) -> None:
        """Wrap an already prepared socket."""
        self._socket = socket
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(_WEBSOCKET_QUEUE)
        self._calls = asyncio.Semaphore(_WEBSOCKET_CALLS_AT_ONCE)
        self.overflowed = asyncio.Event()
        self.on_close: list[Callable[[], None]] = []

    def notify(self, message: Mapping[str, object]) -> None:
        """Queue a notification."""
        self.send(encode(message))

    def send(self, payload: bytes) -> None:
        """Queue bytes; overflow marks the connection for closing."""
        try:
            self._queue.put_nowait(payload)
        except asyncio.QueueFull:
            self.overflowed.set()

    async def write_forever(self) -> None:
        """Send what is queued, in order, until cancelled or overflowed."""
        while True:
            payload = await self._queue.get()
            await self._socket.send_str(payload.decode())

    async def close_when_overflowed(self) -> None:
        """Close a client that does not read: code 1008 and the limit in the reason."""
        await self.overflowed.wait()
        reason = f"client too slow: more than {_WEBSOCKET_QUEUE} messages waiting"
        await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=reason.encode())

    async def read_forever(self, dispatcher: Dispatcher) -> None:
        """Answer messages until the client goes away; calls of one client run side by side."""
        async with asyncio.TaskGroup() as calls:
            async for message in self._socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                await self._calls.acquire()
                calls.create_task(self._answer(dispatcher, message.data))

    async def _answer(self, dispatcher: Dispatcher, body: bytes | str) -> None:
        try:
            context = RequestContext(self)
            answer = await dispatcher.handle(body, context)
            if answer is not None:
                self.send(answer)
            for action in context.after:
                action()
        finally:
            self._calls.release()


class HttpSink:
    """The body of one HTTP answer, sent in chunks; nothing is sent before the first."""

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        """`headers` go with an answer that is sent in chunks."""
        self._request = request
        self.response = web.StreamResponse(headers=headers)
        self.response.content_type = "application/json"

    async def write(self, data: bytes) -> None:
        """Send a chunk; waits while the client does not read."""
        if not self.response.prepared:
            self.response.enable_chunked_encoding()
            await self.response.prepare(self._request)
        await self.response.write(data)

    def break_off(self) -> None:
        """Close the connection without an end, so that nobody takes what was sent for whole."""
        if self._request.transport is not None:
            self._request.transport.abort()


class RpcServer:
    """Serves one dispatcher on one port."""

    def __init__(self, dispatcher: Dispatcher, options: ServerOptions) -> None:
        """Nothing is opened before `start`."""
        self._dispatcher = dispatcher
        self._options = options
        self._runner: web.AppRunner | None = None
        self._sockets: set[web.WebSocketResponse] = set()
        self.port = options.port

    @property
    def url(self) -> str:
        """The HTTP address of this server."""
        host = self._options.host
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - only compared
        return f"http://{shown}:{self.port}"

    @property
    def websocket_url(self) -> str:
        """The WebSocket address of this server."""
        return "ws" + self.url.removeprefix("http")

    @property
    def websocket_clients(self) -> int:
        """How many WebSocket clients are connected."""
        return len(self._sockets)

    async def start(self) -> None:
        """Listen. Raises AddressInUse."""
        # One byte more than allowed: the handler itself answers the excess, with the limit in it.
        size = self._dispatcher.limits.body_bytes
        app = web.Application(client_max_size=size + 1, middlewares=[self._guard])
        app.router.add_post("/", self._post)
        app.router.add_get("/", self._get)
        app.router.add_route("OPTIONS", "/", self._preflight)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        for path, handler in self._options.extra_routes.items():
            app.router.add_get(path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_TIMEOUT_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._options.host, self._options.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            where = f"{self._options.host}:{self._options.port}"
            raise AddressInUse(f"cannot listen on {where}: {error.strerror}") from error
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close every socket; WebSocket clients get code 1001."""
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"server shutting down")
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuse foreign Host names (DNS rebinding); add the CORS headers of an allowed origin."""
        if not self._host_allowed(request.host):
            return web.Response(status=403, text="invalid host specified\n")
        if self._options.refusal is not None:
            reason = self._options.refusal(request.headers.get("Authorization"))
            if reason is not None:
                return web.Response(status=401, text=f"{reason}\n")
        origin = request.headers.get("Origin")
        if origin is not None and not self._origin_allowed(origin):
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return web.Response(status=403, text="origin not allowed\n")
            return await handler(request)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(self._cross_origin_headers(request))
        return response

    def _cross_origin_headers(self, request: web.Request) -> dict[str, str]:
        origin = request.headers.get("Origin")
        if origin is None or not self._origin_allowed(origin):
            return {}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}

    def _host_allowed(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").lower()
        allowed = self._options.virtual_hosts
        if "*" in allowed or name in allowed:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _origin_allowed(self, origin: str) -> bool:
        allowed = self._options.cors_origins
        return "*" in allowed or origin in allowed

    async def _preflight(self, request: web.Request) -> web.Response:
        del request
        headers = {
            "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": "600",
        }
        return web.Response(status=204, headers=headers)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if request.content_type not in _JSON_TYPES:
            text = f"content type {request.content_type!r}: only application/json is supported\n"
            return web.Response(status=415, text=text)
        limit = self._dispatcher.limits.body_bytes
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._too_large(limit)
        if len(body) > limit:
            return self._too_large(limit)
        sink = HttpSink(request, self._cross_origin_headers(request))
        try:
            answer = await self._dispatcher.handle(body, RequestContext(sink=sink))
        except StreamBroken as error:
            logger.warning("%s", error)
            sink.break_off()
            return sink.response
        if sink.response.prepared:
            await sink.response.write_eof()
            return sink.response
        if answer is None:
            return web.Response(status=200, content_type="application/json")
        return web.Response(body=answer, content_type="application/json")

    def _too_large(self, limit: int) -> web.Response:
        error = RpcError(errors.INVALID_REQUEST, f"request too large: limit {limit} bytes")
        body = encode(error_response(None, error))
        return web.Response(status=413, body=body, content_type="application/json")

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        page = self._options.page
        text = page() if page is not None else self._options.title
        return web.Response(text=text, content_type="text/html")

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        limit = self._dispatcher.limits.body_bytes
        socket = web.WebSocketResponse(heartbeat=_WEBSOCKET_PING_S, max_msg_size=limit)
        await socket.prepare(request)
        connection = WebSocketConnection(socket)
        self._sockets.add(socket)
        helpers = [
            asyncio.create_task(connection.write_forever()),
            asyncio.create_task(connection.close_when_overflowed()),
        ]
        try:
            await connection.read_forever(self._dispatcher)
        finally:
            self._sockets.discard(socket)
            for action in connection.on_close:
                action()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return socket

    async def _livez(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"live": True})

    async def _readyz(self, request: web.Request) -> web.Response:
        del request
        health = self._options.health() if self._options.health is not None else Health(())
        return web.json_response(health.to_json(), status=200 if health.ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        del request
        body = self._options.metrics() if self._options.metrics is not None else b""
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4"})


def human_page(title: str, rows: Sequence[tuple[str, str]], methods: Sequence[str]) -> str:
    """A page for somebody who opened the RPC address in a browser."""
    table = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows)
    listed = " ".join(f"<code>{name}</code>" for name in methods)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:60rem;padding:0 1rem}"
        "th{text-align:left;padding-right:2rem;font-weight:600}"
        "code{background:#8882;padding:0 .3em;border-radius:.2em}</style>"
        f"<h1>{title}</h1><table>{table}</table>"
        "<p>This port speaks JSON-RPC 2.0 by HTTP POST and WebSocket. See also "
        "<a href=/readyz>/readyz</a> and <a href=/metrics>/metrics</a>.</p>"
        f"<h2>Methods</h2><p>{listed}</p></html>"
    )
