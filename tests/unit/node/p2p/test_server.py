"""Sessions over real sockets on loopback: peers that meet, and peers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest
from p2p import HELLO, identity

from node.p2p import server as room
from node.p2p.address_book import Limits
from node.p2p.gossip import Verdict
from node.p2p.message import GetHeaders, Status, Topic
from node.p2p.overlay import Overlay
from node.p2p.server import P2PServer


class Notebook:
    """An application that takes everything and writes it down."""

    def __init__(self, **changes) -> None:
        self.changes = changes
        self.heard: list[bytes] = []
        self.arrived = asyncio.Event()

    def hello(self):
        return replace(HELLO, **self.changes)

    async def validate(self, peer, topic, payload):
        self.heard.append(payload)
        self.arrived.set()
        return Verdict.ACCEPT

    async def serve(self, request):
        return Status.OK, (b"header %d" % request.start,)


def made(name: str, bootnodes=(), limits=None, **changes) -> P2PServer:
    overlay = Overlay(
        identity(name),
        Random(name),
        tuple(Topic),
        limits or Limits(),
        book_secret=b"s" * 16,
        bootnodes=bootnodes,
    )
    return P2PServer(
        overlay, identity(name), Notebook(**changes), time.time, host="127.0.0.1", port=0
    )


@asynccontextmanager
async def running(*servers: P2PServer):
    turns = []
    for server in servers:
        if not server.port:
            await server.start()
        turns.append(asyncio.create_task(server.run()))
    try:
        yield
    finally:
        for server, turn in zip(servers, turns, strict=True):
            turn.cancel()
            await server.stop()


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def pair(**changes) -> tuple[P2PServer, P2PServer]:
    first = made("a")
    await first.start()
    return first, made("b", (first.endpoint,), **changes)


async def test_a_dialled_peer_hears_what_is_published_and_answers() -> None:
    first, second = await pair()
    async with running(first, second):
        await until(lambda: first.overlay.peers and second.overlay.peers)
        await until(lambda: second.overlay.gossip.mesh[Topic.BLOCKS])
        second.publish(Topic.BLOCKS, b"block")
        await first._application.arrived.wait()
        assert first._application.heard == [b"block"]
        response = await second.ask(first.node_id, lambda key: GetHeaders(key, 5, 1))
        assert response.items == (b"header 5",)


async def test_a_mismatch_is_counted_on_both_sides_and_nobody_is_connected() -> None:
    first, second = await pair(chain_id=8)
    async with running(first, second):
        await until(lambda: first.mismatches and second.mismatches)
        assert not first.overlay.peers
        assert not second.overlay.peers


async def test_a_third_meets_the_first_by_a_signed_record() -> None:
    first, second = await pair()
    async with running(first, second):
        third = made("c", (second.endpoint,))
        async with running(third):
            await until(lambda: first.node_id in third.overlay.peers)


async def test_who_says_nothing_is_let_go_after_the_deadline(monkeypatch) -> None:
    monkeypatch.setattr(room, "HANDSHAKE_S", 0.05)
    server = made("a")
    async with running(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        await until(lambda: server._handshakes == 0)


async def test_a_slow_dribble_of_a_handshake_is_let_go_too(monkeypatch) -> None:
    monkeypatch.setattr(room, "HANDSHAKE_S", 0.2)
    server = made("a")
    async with running(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        ended = asyncio.create_task(reader.read())
        for byte in b"\x03\xff" + bytes(500):
            if ended.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):  # what was written after the end
                assert await ended == b""
        writer.close()


@pytest.mark.parametrize("data", [b"\xff" * 100, b"\x00\x00", b"\x00\x20" + bytes(32)])
async def test_garbage_ends_the_connection(data) -> None:
    server = made("a")
    async with running(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        assert not server.overlay.peers


async def test_only_so_many_handshakes_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(room, "MAX_HANDSHAKES", 3)
    server = made("a")
    async with running(server):
        open_ones = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        await until(lambda: server._handshakes == 3)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        for _, other in open_ones:
            other.close()
        writer.close()


async def test_a_peer_that_does_not_read_loses_its_session(monkeypatch) -> None:
    first, second = await pair()
    async with running(first, second):
        await until(lambda: first.overlay.peers and second.overlay.peers)
        monkeypatch.setattr(room, "MAX_OUTGOING_BYTES", 1_000_000)
        link = next(iter(first._links.values()))
        link.writer.transport.pause_reading()
        other = next(iter(second._links.values()))
        other.writer.transport.pause_reading()
        for number in range(40):
            first.publish(Topic.BLOCKS, bytes([number]) * 2_000_000)
        await until(lambda: not first.overlay.peers)


async def test_a_full_node_refuses_with_a_reason() -> None:
    first = made("a", limits=Limits(max_inbound=0))
    await first.start()
    second = made("b", (first.endpoint,))
    async with running(first, second):
        await asyncio.sleep(0.3)
        assert not first.overlay.peers
        assert not second.overlay.peers
