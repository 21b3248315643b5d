"""Cells and payloads over HTTP on loopback: real server and client, and peers that misbehave."""

from __future__ import annotations

import asyncio
import random

import aiohttp
import pytest
from aiohttp import web
from da_committee import L1_CHAIN_ID
from da_network import Network

from chain.storage.memory import MemoryStore
from node.da import quota
from node.da.alt_da import AltDa
from node.da.dispersal import Disperser, Peers, Retriever
from node.da.peer import HttpPeer, PeerFailed
from node.da.quota import SHARE, Holding
from node.da.server import DaServer
from node.da.store import CellStore
from rollup.da.cell_message import MAX_MESSAGE_BYTES, CellMessage
from rollup.da.erasure import extend_payload
from rollup.da.errors import CellOfAnotherBlob

PAYLOAD = random.Random(4).randbytes(30_000)
BLOB = b"\xc0" + bytes(47)


class Served:
    """Two operators behind HTTP; the first also speaks the alt-DA interface."""

    async def __aenter__(self):
        self.network = Network((1, 1))
        self.session = aiohttp.ClientSession()
        self.servers = [self._server(keeper) for keeper in self.network.keepers]
        for server in self.servers:
            await server.start()
        self.carriers = [HttpPeer(server.url, self.session, 20.0) for server in self.servers]
        peers = Peers(self.network.committee, self.carriers)
        pool = self.network.pool
        disperser = Disperser(peers, L1_CHAIN_ID, pool, self.network.reference_block)
        interface = AltDa(
            self.network.committee,
            L1_CHAIN_ID,
            disperser,
            Retriever(peers, pool),
            CellStore(MemoryStore(), 10**9),
        )
        self.front = DaServer("127.0.0.1", 0, alt_da=interface, describe=dict)
        await self.front.start()
        return self

    def _server(self, keeper):
        identity = f"0x{keeper.identity.hex()}"
        return DaServer("127.0.0.1", 0, keeper=keeper, describe=lambda: {"identity": identity})

    async def __aexit__(self, *exc):
        await self.session.close()
        for server in (*self.servers, self.front):
            await server.stop()

    async def answer(self, method, path, data=None, *, server=None):
        url = (server or self.servers[0]).url + path
        async with self.session.request(method, url, data=data) as response:
            return response.status, await response.read()


async def test_the_alt_da_interface_as_a_batcher_uses_it():
    async with Served() as served:
        status, commitment = await served.answer("POST", "/put", PAYLOAD, server=served.front)
        assert status == 200
        path = f"/get/0x{commitment.hex()}"
        assert await served.answer("GET", path, server=served.front) == (200, PAYLOAD)


async def test_errors_have_a_status_and_a_line_of_text():
    async with Served() as served:
        cases = [
            ("POST", "/put", bytes(130_045), served.front, 400, b"EncodeError"),
            ("POST", "/put/0x00" + "11" * 32, b"x", served.front, 422, b"WrongCommitment"),
            ("GET", "/get/0x00" + "11" * 32, None, served.front, 404, b"UnknownCommitment"),
            ("GET", "/get/0x0173abcd", None, served.front, 422, b"InvalidCertificate"),
            ("GET", "/get/zz", None, served.front, 400, b"MalformedInput"),
            ("GET", "/da/v1/held/0x11", None, None, 400, b"MalformedInput"),
            ("GET", f"/da/v1/cells/0x{BLOB.hex()}?set=0x1{'0' * 32}", None, None, 400, b"128 bits"),
            ("GET", f"/da/v1/cells/0x{BLOB.hex()}?set=-1", None, None, 400, b"128 bits"),
            ("POST", "/da/v1/cells", b"short", None, 400, b"MalformedInput"),
            ("POST", "/da/v1/cells", bytes(57), None, 422, b"CustodyIncomplete"),
            ("POST", "/da/v1/cells", bytes(MAX_MESSAGE_BYTES + 1), None, 413, b""),
        ]
        for method, path, data, server, status, text in cases:
            got, body = await served.answer(method, path, data, server=server)
            assert (got, text in body) == (status, True), (path[:40], got, body[:200])


async def test_a_wrong_proof_is_refused_with_its_cells():
    async with Served() as served:
        extended = extend_payload(PAYLOAD)
        data = bytearray(CellMessage(extended.commitment, extended.cells).encode())
        keeper = served.network.keepers[0]
        index = (keeper.custody & -keeper.custody).bit_length() - 1
        data[57 + index * 2097 + 5] ^= 1
        status, body = await served.answer("POST", "/da/v1/cells", bytes(data))
        assert status == 422
        assert f"the proof of cell {index} does not hold".encode() in body


async def test_random_bytes_never_end_the_server():
    async with Served() as served:
        source = random.Random(8)
        for _ in range(200):
            body = source.randbytes(source.choice((0, 1, 56, 57, 58, 2154, 4251)))
            status, _ = await served.answer("POST", "/da/v1/cells", body)
            assert status in (400, 422)
        assert (await served.carriers[0].status())["identity"].startswith("0x")


def unwanted(number):
    """Valid cells of a blob that no batcher has."""
    extended = extend_payload(b"unwanted %d" % number)
    return CellMessage(extended.commitment, extended.cells).encode()


async def test_who_stores_valid_cells_that_nobody_wants_leaves_room_for_others(monkeypatch):
    blobs = 4
    async with Served() as served:
        keeper = served.network.keepers[0]
        holding = Holding(2 * blobs * MAX_MESSAGE_BYTES, 1_000)
        served.servers.append(
            DaServer("127.0.0.1", 0, keeper=keeper, describe=dict, holding=holding)
        )
        full = served.servers[-1]
        await full.start()
        monkeypatch.setattr(keeper, "_retention_s", holding.retention_s)
        answers = [
            await served.answer("POST", "/da/v1/cells", unwanted(n), server=full)
            for n in range(2 * blobs + 2)
        ]
        refused = [body for status, body in answers if status == 503]
        assert len(refused) >= 2
        assert all(body.startswith(b"QuotaExceeded: 127.0.0.1: 268") for body in refused)
        assert keeper.store.used_bytes <= holding.capacity_bytes * SHARE
        # what is there is still served, and counted once however often it comes
        commitment = extend_payload(b"unwanted 0").commitment
        status, body = await served.answer("GET", f"/da/v1/held/0x{commitment.hex()}", server=full)
        assert (status, int.from_bytes(body, "big")) == (200, keeper.custody)
        # another sender has its own share
        monkeypatch.setattr(quota, "sender_of", lambda address: f"not {address}")
        status, _ = await served.answer("POST", "/da/v1/cells", unwanted(100), server=full)
        assert status == 200


async def test_the_same_cells_again_take_nothing_of_a_share_until_they_are_kept_longer():
    async with Served() as served:
        network, keeper = served.network, served.network.keepers[0]
        message = CellMessage.decode(unwanted(0))
        first = await keeper.accept(message)
        assert first.new_bytes == keeper.store.used_bytes > 0
        assert (await keeper.accept(message)).new_bytes == 0
        network.now += keeper._retention_s // 2
        again = await keeper.accept(message)
        assert abs(again.new_bytes - first.new_bytes / 2) < 10_000


async def test_payloads_are_counted_as_the_cells_that_they_become(monkeypatch):
    monkeypatch.setattr(quota, "BURST_BYTES", 2 * MAX_MESSAGE_BYTES)
    monkeypatch.setattr(quota, "REFILL_BYTES_S", 0)
    async with Served() as served:
        front = DaServer(
            "127.0.0.1", 0, keeper=served.network.keepers[0], alt_da=served.front._alt_da,
            describe=dict,
        )  # fmt: skip
        served.servers.append(front)
        await front.start()
        statuses = [
            (await served.answer("POST", "/put", n, server=front))[0] for n in (b"1", b"2", b"3")
        ]
        assert statuses == [200, 200, 503]


class Rogue:
    """A server that answers what a test wants."""

    def __init__(self, handler):
        self.handler = handler

    async def __aenter__(self):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.handler)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.session = aiohttp.ClientSession()
        host, port = self.runner.addresses[0][:2]
        return HttpPeer(f"http://{host}:{port}", self.session, 0.5)

    async def __aexit__(self, *exc):
        await self.session.close()
        await self.runner.cleanup()


def answering(body, status=200):
    async def handler(request):
        del request
        return web.Response(body=body, status=status)

    return handler


async def test_a_peer_that_never_answers_is_given_up():
    async def silent(request):
        del request
        await asyncio.sleep(60)

    async with Rogue(silent) as peer:
        with pytest.raises(PeerFailed, match=r"no answer in 0\.5 s"):
            await peer.cells(BLOB, 1)


async def test_a_peer_that_sends_without_end_is_given_up_after_what_was_agreed():
    sent = 0

    async def flood(request):
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(65_536))
            sent += 65_536

    async with Rogue(flood) as peer:
        with pytest.raises(PeerFailed, match="more than the 268473 bytes"):
            await peer.cells(BLOB, 1)
    assert sent < 50_000_000


async def test_a_peer_that_answers_nonsense_is_a_peer_that_failed():
    for body in (b"", b"nonsense", bytes(57)[:-1] + b"\x02"):
        async with Rogue(answering(body)) as peer:
            for ask in (peer.cells(BLOB, 1), peer.identity(), peer.held(BLOB)):
                with pytest.raises(PeerFailed):
                    await ask


async def test_a_peer_with_a_cell_of_another_blob():
    body = CellMessage(b"\xc1" + bytes(47), ()).encode()
    async with Rogue(answering(body)) as peer:
        with pytest.raises(CellOfAnotherBlob):
            await peer.cells(BLOB, 1)


async def test_cells_that_were_not_asked_for_are_thrown_away():
    cells = extend_payload(b"x").cells
    body = CellMessage(BLOB, cells[:4]).encode()
    async with Rogue(answering(body)) as peer:
        assert await peer.cells(BLOB, 1 << 2) == (cells[2],)


async def test_what_a_peer_says_of_an_error_is_shown_cut():
    async with Rogue(answering(b"x" * 10_000, status=503)) as peer:
        with pytest.raises(PeerFailed, match="503: x{300}$"):
            await peer.held(BLOB)


async def test_nobody_listens():
    async with aiohttp.ClientSession() as session:
        with pytest.raises(PeerFailed, match="127"):
            await HttpPeer("http://127.0.0.1:9", session, 1.0).identity()
