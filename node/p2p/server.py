"""Sockets and time for the overlay: listens, dials, reads, writes. The one file here that does I/O.

Every peer has a bounded queue of bytes to write: one that does not read loses its session, not our
memory. A handshake has a deadline and there are only so many at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from .address_book import is_unspecified
from .errors import HandshakeMismatch, P2PError
from .gossip import Send, Validate, Verdict
from .handshake import Hello
from .identity import Endpoint, Identity, NodeId
from .message import Goodbye, Message, Request, Response, Status, Topic
from .noise import KeyPair
from .overlay import Answered, Close, Dial, Effect, Overlay, Serve
from .session import Failed, Opened, Received, Session, State

logger = logging.getLogger("stemma.p2p")

HANDSHAKE_S = 5.0
MAX_HANDSHAKES = 32
MAX_OUTGOING_BYTES = 32 * 1024 * 1024
KEEP_BOOK_S = 60.0
_READ_BYTES = 1 << 16
_TICK_S = 1.0
_KEY_BYTES = 32


class Application(Protocol):
    """What the node does with what peers send."""

    def hello(self) -> Hello:
        """Chain, rules and head of this node, now."""
        ...

    async def validate(self, peer: NodeId, topic: Topic, payload: bytes) -> Verdict:
        """Judge and use a gossiped payload."""
        ...

    async def serve(self, request: Request) -> tuple[Status, tuple[bytes, ...]]:
        """Answer a request."""
        ...


@dataclass(slots=True)
class _Link:
    session: Session
    writer: asyncio.StreamWriter
    host: str
    is_inbound: bool
    node_id: NodeId | None = None


class P2PServer:
    """A node's sessions with others."""

    def __init__(
        self,
        overlay: Overlay,
        identity: Identity,
        application: Application,
        now: Callable[[], float],
        *,
        host: str,
        port: int,
        keep_book: Callable[[bytes], None] | None = None,
    ) -> None:
        """Listen on host and port; port 0 is any free one. `keep_book` gets the address book every
        minute and in the end.
        """
        self.overlay = overlay
        self._identity = identity
        self._application = application
        self.now = now
        """Seconds since the Unix epoch."""

        self._keep_book = keep_book
        self._host = host
        self._asked_port = port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._links: dict[NodeId, _Link] = {}
        self._handshakes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[int, asyncio.Future[Response | None]] = {}
        self.mismatches = 0

    @property
    def node_id(self) -> NodeId:
        """This node's id."""
        return self._identity.node_id

    @property
    def endpoint(self) -> Endpoint:
        """Where this node is reached."""
        return Endpoint(self._host, self.port, self.node_id)

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        self._server = await asyncio.start_server(self._accept, self._host, self._asked_port)
        self.port = self._server.sockets[0].getsockname()[1]
        if not is_unspecified(self._host):  # others could not dial 0.0.0.0
            role = self._application.hello().role
            self.overlay.announce(self._host, self.port, role, self.now())
        logger.info("listening", extra={"endpoint": str(self.endpoint)})

    async def run(self) -> None:
        """Turn the overlay once a second until cancelled."""
        kept_at = self.now()
        while True:
            self.overlay.tick(self.now())
            self._pump()
            if self.now() - kept_at >= KEEP_BOOK_S:
                kept_at = self.now()
                await asyncio.to_thread(self._save_book)
            await asyncio.sleep(_TICK_S)

    def _save_book(self) -> None:
        if self._keep_book is not None:
            try:
                self._keep_book(self.overlay.book.encode())
            except OSError as error:
                logger.warning("addresses could not be kept: %s", error)

    async def stop(self) -> None:
        """Say goodbye and close everything."""
        if self._server is not None:
            self._server.close()
        for link in list(self._links.values()):
            self._write(link, Goodbye("shutting down"))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in list(self._links.values()):
            link.writer.close()
        self._save_book()

    # -- for the node

    def publish(self, topic: Topic, payload: bytes) -> None:
        """Gossip something of our own."""
        self.overlay.gossip.publish(topic, payload, self.now())
        self._pump()

    def broadcast(self, message: Message) -> None:
        """Send a message to every peer."""
        for link in list(self._links.values()):
            self._write(link, message)

    async def ask(self, peer: NodeId, make: Callable[[int], Request]) -> Response | None:
        """Ask a peer; None if it owes enough already, does not answer in time, or has gone."""
        key = self.overlay.ask(peer, make, self.now())
        if key is None:
            return None
        future: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
        self._answers[key] = future
        self._pump()
        try:
            return await future
        finally:
            self._answers.pop(key, None)

    # -- sessions

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a peer's task failed", exc_info=task.exception())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = str(writer.get_extra_info("peername")[0])
        if self._handshakes >= MAX_HANDSHAKES or self.overlay.connections.refusal(
            host, is_inbound=True
        ):
            writer.close()
            return
        self._spawn(self._converse(reader, writer, host, None))

    async def _dial(self, endpoint: Endpoint) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        except (OSError, TimeoutError) as error:
            logger.debug("no answer from %s: %s", endpoint, error)
            self.overlay.dial_ended(endpoint, None, self.now())
            return
        await self._converse(reader, writer, endpoint.host, endpoint)

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        host: str,
        dialled: Endpoint | None,
    ) -> None:
        session = Session(
            is_initiator=dialled is not None,
            identity=self._identity,
            hello=self._application.hello(),
            ephemeral=KeyPair.of(os.urandom(_KEY_BYTES)),
            expected_id=None if dialled is None else dialled.node_id,
        )
        link = _Link(session, writer, host, is_inbound=dialled is None)
        try:
            self._handshakes += 1
            try:
                async with asyncio.timeout(HANDSHAKE_S):
                    await self._shake(reader, link)
            finally:
                self._handshakes -= 1
                if dialled is not None:
                    self.overlay.dial_ended(dialled, link.node_id, self.now())
            while link.node_id is not None and session.state is State.OPEN:
                data = await reader.read(_READ_BYTES)
                if not data or not self._read(link, data):
                    break
        except (OSError, TimeoutError) as error:
            logger.debug("session with %s: %s", host, str(error) or type(error).__name__)
        finally:
            if link.node_id is not None and self._links.get(link.node_id) is link:
                del self._links[link.node_id]
                self.overlay.closed(link.node_id)
                self._pump()
            writer.close()

    async def _shake(self, reader: asyncio.StreamReader, link: _Link) -> None:
        """Exchange hellos; `link.node_id` is set where a session has come of it."""
        while link.session.state not in (State.OPEN, State.CLOSED):
            link.writer.write(link.session.data_to_send())
            data = await reader.read(_READ_BYTES)
            if not data:
                return
            if not self._read(link, data):
                break
        link.writer.write(link.session.data_to_send())
        await link.writer.drain()

    def _read(self, link: _Link, data: bytes) -> bool:
        """Take bytes of a peer's; whether the session goes on."""
        now = self.now()
        for event in link.session.receive(data):
            if isinstance(event, Received) and link.node_id is not None:
                self.overlay.received(link.node_id, event.message, now)
            elif isinstance(event, Opened):
                refusal = self.overlay.refusal(
                    event.node_id, link.host, now, is_inbound=link.is_inbound
                )
                link.writer.write(link.session.data_to_send())
                if refusal is not None:
                    link.writer.write(link.session.send(Goodbye(refusal)))
                    return False
                link.node_id = event.node_id
                self._links[event.node_id] = link
                self.overlay.opened(
                    event.node_id, event.hello, link.host, now, is_inbound=link.is_inbound
                )
                logger.info("peer connected", extra={"peer": event.node_id.hex()[:8]})
            elif isinstance(event, Failed):
                self._failed(link, event.error, now)
                return False
        self._pump()
        return link.node_id is None or link.node_id in self._links

    def _failed(self, link: _Link, error: P2PError, now: float) -> None:
        if isinstance(error, HandshakeMismatch):
            self.mismatches += 1
            logger.warning("peer at %s is not one of ours: %s", link.host, error)
            return
        logger.info("peer at %s broke the protocol: %s", link.host, error)
        if link.node_id is not None:
            self.overlay.failed(link.node_id, now)

    def _write(self, link: _Link, message: Message) -> None:
        if link.session.state is not State.OPEN or link.writer.is_closing():
            return
        if link.writer.transport.get_write_buffer_size() > MAX_OUTGOING_BYTES:
            logger.info("peer does not read; closed", extra={"host": link.host})
            link.writer.transport.abort()
            return
        link.writer.write(link.session.send(message))

    # -- effects

    def _pump(self) -> None:
        """Do what the overlay wants done."""
        for effect in self.overlay.take_effects():
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            link = self._links.get(effect.peer) if isinstance(effect.peer, bytes) else None
            if link is not None:
                self._write(link, effect.message)
        elif isinstance(effect, Validate):
            self._spawn(self._validate(effect))
        elif isinstance(effect, Serve):
            self._spawn(self._serve(effect))
        elif isinstance(effect, Answered):
            future = self._answers.get(effect.id)
            if future is not None and not future.done():
                future.set_result(effect.response)
        elif isinstance(effect, Close):
            self._close(effect)
        elif isinstance(effect, Dial):
            self._spawn(self._dial(effect.endpoint))

    def _close(self, effect: Close) -> None:
        link = self._links.pop(effect.peer, None)
        self.overlay.closed(effect.peer)
        if link is None:
            return
        if effect.reason:
            logger.info(
                "peer let go", extra={"peer": effect.peer.hex()[:8], "reason": effect.reason}
            )
            with contextlib.suppress(OSError):
                self._write(link, Goodbye(effect.reason[:200]))
        link.writer.close()

    async def _validate(self, effect: Validate) -> None:
        assert isinstance(effect.peer, bytes)  # noqa: S101 - the overlay names peers by node id
        verdict = await self._application.validate(effect.peer, effect.topic, effect.payload)
        self.overlay.validated(effect.id, verdict, self.now())
        self._pump()

    async def _serve(self, effect: Serve) -> None:
        status, items = await self._application.serve(effect.request)
        self.overlay.respond(effect.peer, effect.request, status, items, self.now())
        self._pump()
