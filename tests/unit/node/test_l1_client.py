"""The L1 client against servers that are absent, wrong or hostile: errors that say so, no crash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from l1_blocks import BATCHER, INBOX, blob_tx, l1_block

from chain.block import Block
from chain.errors import Recovery
from node.l1.client import L1Follower, L1Source
from node.l1.decoding import L1DataInvalid
from node.l1.json_rpc import JsonRpcClient, L1Unreachable
from node.rpc.serialise import block_json
from rollup.l1.provider import L1DataMissing, MemoryL1Provider

CARRIER = blob_tx([b"\x01" + bytes(31)])
L1_BLOCK = l1_block(7, transactions=[CARRIER])
HEADER = L1_BLOCK.header
BLOCK = Block(HEADER, (CARRIER,), ())
ROUTES = ("/eth/v1/beacon/genesis", "/eth/v1/config/spec", "/eth/v1/beacon/blobs/{id}")
Fetch = Callable[..., Awaitable[MemoryL1Provider]]


def _document(body: str | None) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        if body is None:
            raise web.HTTPNotFound
        return web.Response(text=body)

    return answer


@pytest.fixture
async def fetch() -> AsyncIterator[Fetch]:
    """Fetch one block with a blob from a server that answers with the given documents."""
    runners: list[web.AppRunner] = []
    clients: list[JsonRpcClient] = []

    async def run(
        *documents: str | None, block: dict[str, Any] | None = None, has_beacon: bool = True
    ) -> MemoryL1Provider:
        shown = block or block_json(BLOCK, full=True, senders=[BATCHER], receipts=())

        async def rpc(request: web.Request) -> web.Response:
            call = await request.json()
            result = {"eth_getBlockByHash": shown}
            answers = [
                {"jsonrpc": "2.0", "id": item["id"], "result": result.get(item["method"], [])}
                for item in (call if isinstance(call, list) else [call])
            ]
            return web.json_response(answers if isinstance(call, list) else answers[0])

        app = web.Application()
        app.router.add_post("/", rpc)
        for route, body in zip(ROUTES, documents, strict=False):
            app.router.add_get(route, _document(body))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        client = JsonRpcClient(url)
        client.open()
        clients.append(client)
        provider = MemoryL1Provider()

        async def apply(change: Callable[[], None]) -> None:
            change()

        source = L1Source(client, INBOX, url if has_beacon else None, trusts_rpc=True)
        await L1Follower(source, provider, apply).fetch_missing(
            L1DataMissing(block_hash=HEADER.hash)
        )
        return provider

    yield run
    for client in clients:
        await client.close()
    for runner in runners:
        await runner.cleanup()


GENESIS = '{"data": {"genesis_time": "1"}}'
SPEC = '{"data": {"SECONDS_PER_SLOT": "12"}}'


@pytest.mark.parametrize(
    "genesis", [None, "null", "[]", '{"data": null}', '{"data": {"genesis_time": "soon"}}']
)
async def test_a_beacon_url_without_a_genesis_time_is_named(fetch, genesis) -> None:
    with pytest.raises(L1DataInvalid, match=r"beacon/genesis: no genesis_time.*l1\.beacon_url"):
        await fetch(genesis, SPEC, '{"data": []}')


async def test_a_slot_of_zero_seconds_is_refused(fetch) -> None:
    with pytest.raises(L1DataInvalid, match="no SECONDS_PER_SLOT"):
        await fetch(GENESIS, '{"data": {"SECONDS_PER_SLOT": "0"}}', '{"data": []}')


@pytest.mark.parametrize("blobs", ['{"data": [7]}', '{"data": ["0xzz"]}', '{"data": 7}'])
async def test_blobs_that_are_not_hex_are_refused(fetch, blobs) -> None:
    with pytest.raises(L1DataInvalid, match="not a list of blobs in hex"):
        await fetch(GENESIS, SPEC, blobs)


async def test_blobs_that_are_not_json_are_asked_for_again(fetch) -> None:
    with pytest.raises(L1Unreachable, match="beacon/blobs") as refusal:
        await fetch(GENESIS, SPEC, "<html>")
    assert refusal.value.recovery is Recovery.RETRY


@pytest.mark.parametrize("depth", [101, 500_000])
async def test_an_answer_that_nests_without_end_is_refused_unread(fetch, depth) -> None:
    with pytest.raises(L1Unreachable, match="nested more than 100 deep"):
        await fetch(GENESIS, SPEC, "[" * depth + "]" * depth)


async def test_missing_blobs_leave_the_block_without_them(fetch) -> None:
    provider = await fetch(GENESIS, SPEC, None)
    assert not provider.block_by_hash(HEADER.hash).blobs


@pytest.mark.parametrize("listed", [None, 7, {}])
async def test_a_block_without_a_list_of_transactions_is_refused(fetch, listed) -> None:
    shown = block_json(BLOCK, full=True, senders=[BATCHER], receipts=())
    with pytest.raises(L1DataInvalid, match="in place of a list"):
        await fetch(block={**shown, "transactions": listed}, has_beacon=False)


async def test_a_beacon_node_that_is_not_there_is_asked_again() -> None:
    client = JsonRpcClient("http://127.0.0.1:1")
    client.open()
    with pytest.raises(L1Unreachable, match=r"GET http://127\.0\.0\.1:1/eth"):
        await client.get_json("http://127.0.0.1:1/eth/v1/beacon/genesis")
    await client.close()
