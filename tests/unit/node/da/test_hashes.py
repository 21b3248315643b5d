"""A server of data by their hashes, over HTTP, and a node's way to several of them."""

from __future__ import annotations

import aiohttp
import pytest

from chain.crypto.keccak import keccak256
from chain.storage.memory import MemoryStore
from node.config import ConfigurationError, DaSection
from node.da.alt_da import UnknownCommitment, WrongCommitment
from node.da.hashes import HashAccess, HashStore
from node.da.peer import HttpPeer, PeerFailed
from node.da.server import DaServer
from node.da.store import StoreFull
from rollup.wire.alt_da import MAX_KECCAK_DATA_BYTES, Keccak256Commitment

DATA = b"frames"
COMMITMENT = b"\x00" + keccak256(DATA)


class Lying(HashStore):
    """Answers with other data than were asked for."""

    async def get(self, commitment):
        return b"something else"


class Serving:
    """Servers, each with its store, while the block runs."""

    def __init__(self, *stores):
        self.servers = [DaServer("127.0.0.1", 0, alt_da=store, describe=dict) for store in stores]

    async def __aenter__(self):
        for server in self.servers:
            await server.start()
        return [server.url for server in self.servers]

    async def __aexit__(self, *exc):
        for server in self.servers:
            await server.stop()


def store(capacity_bytes=1_000_000, kv=None):
    return HashStore(kv or MemoryStore(), capacity_bytes)


async def test_data_come_back_under_their_hash_also_after_a_restart():
    kv = MemoryStore()
    kept = store(kv=kv)
    assert await kept.put(DATA) == (COMMITMENT, None)
    assert await kept.put(DATA, COMMITMENT) == (COMMITMENT, None)
    again = store(kv=kv)
    assert (again.count, again.used_bytes) == (1, len(DATA))
    assert await again.get(COMMITMENT) == DATA


@pytest.mark.parametrize("commitment", [b"\x00" + bytes(32), b"\x01" + bytes(32), b"\x00"])
async def test_data_under_another_commitment_are_refused_and_not_kept(commitment):
    kept = store()
    with pytest.raises(WrongCommitment):
        await kept.put(DATA, commitment)
    assert kept.count == 0


async def test_more_than_l1_takes_or_the_store_holds_is_refused():
    kept = store(capacity_bytes=10)
    with pytest.raises(WrongCommitment, match="more than the 130672"):
        await kept.put(bytes(MAX_KECCAK_DATA_BYTES + 1))
    await kept.put(bytes(6))
    with pytest.raises(StoreFull, match="6 of 10 bytes"):
        await kept.put(bytes(5))
    assert (kept.count, kept.used_bytes) == (1, 6)


@pytest.mark.parametrize("commitment", [b"\x00", b"\x01\x73" + bytes(8), b"\x02" + bytes(32)])
async def test_what_is_no_hash_is_not_looked_for(commitment):
    with pytest.raises(WrongCommitment):
        await store().get(commitment)


async def test_what_was_never_put_is_unknown():
    with pytest.raises(UnknownCommitment):
        await store().get(COMMITMENT)


async def test_a_batcher_puts_and_a_verifier_gets_from_the_first_server_that_has_them():
    full, empty = store(), store()
    async with Serving(empty, Lying(MemoryStore(), 1), full) as urls:
        writer = HashAccess(DaSection(url=urls[2]))
        reader = HashAccess(DaSection(peers=tuple(urls)))
        for access in (writer, reader):
            access.open()
        try:
            assert await writer.disperse(DATA) == Keccak256Commitment(keccak256(DATA)).encode()
            assert await reader.blob(keccak256(DATA)) == DATA
            with pytest.raises(PeerFailed, match="404.*data of another hash.*404"):
                await reader.blob(bytes(32))
            with pytest.raises(ConfigurationError, match="da.url is not set"):
                await reader.disperse(DATA)
        finally:
            for access in (writer, reader):
                await access.close()


async def test_over_http_a_wrong_hash_is_refused_by_name():
    async with Serving(store()) as (url,), aiohttp.ClientSession() as session:
        peer = HttpPeer(url, session, 5.0)
        with pytest.raises(PeerFailed, match="422: WrongCommitment"):
            await peer.put(DATA, b"\x00" + bytes(32))
        assert await peer.put(DATA, COMMITMENT) == COMMITMENT
        assert await peer.get(COMMITMENT) == DATA
