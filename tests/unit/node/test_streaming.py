"""Answers in pieces: a few chunks in memory, and no half an answer taken for a whole."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import aiohttp
import pytest
from load import transfer
from rpc_chain import RpcChain

from evm.tracing import Allowance
from genesis.dev_accounts import dev_accounts
from node.rpc import errors, streaming
from node.rpc.errors import RpcError
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext, rpc
from node.rpc.server import RpcServer, ServerOptions
from node.rpc.streaming import (
    CHUNK_BYTES,
    CHUNKS_AHEAD,
    MAX_STREAMS,
    StreamBroken,
    Streamed,
    send,
)

ALICE = dev_accounts()[0]
PIECE = "1," * 500


class Collected:
    """A sink that keeps everything and lets others have the loop after each chunk."""

    def __init__(self) -> None:
        self.data = b""

    async def write(self, data: bytes) -> None:
        self.data += data
        await asyncio.sleep(0)


class Lists:
    """A namespace whose lists may be long."""

    @rpc("test_list", context=True)
    def list(self, context: RequestContext) -> object:
        if context.sink is None:
            return [1]
        return Streamed(lambda write: _write_list(write, 3_000))

    @rpc("test_early", context=True)
    def early(self, context: RequestContext) -> object:
        return Streamed(lambda write: _fail(write, RpcError(errors.SERVER_ERROR, "too early")))

    @rpc("test_bug", context=True)
    def bug(self, context: RequestContext) -> object:
        return Streamed(lambda write: _fail(write, ZeroDivisionError("secret detail")))

    @rpc("test_late", context=True)
    def late(self, context: RequestContext) -> object:
        def produce(write):
            _write_list(write, 300)
            raise RpcError(errors.SERVER_ERROR, "too late")

        return Streamed(produce)


def _write_list(write, pieces: int) -> None:
    write("[")
    for _ in range(pieces):
        write(PIECE)
    write("1]")


def _fail(write, error) -> None:
    write("[1,")
    raise error


@pytest.fixture
async def server():
    readers = ThreadPoolExecutor(1)
    options = ServerOptions(cors_origins=("http://wallet.example",))
    running = RpcServer(Dispatcher([Lists()], readers, Limits(response_bytes=4_000)), options)
    await running.start()
    yield running
    await running.stop()
    readers.shutdown()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


def request(method: str) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": []}


async def test_long_answer_comes_in_chunks_and_above_the_limit_of_others(server, client):
    origin = {"Origin": "http://wallet.example"}
    async with client.post(server.url, json=request("test_list"), headers=origin) as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert answer.headers["Access-Control-Allow-Origin"] == "http://wallet.example"
        assert answer.content_type == "application/json"
        body = await answer.json()
    assert body["id"] == 7
    assert len(body["result"]) == 3_000 * 500 + 1


async def test_batch_is_answered_whole(server, client):
    async with client.post(server.url, json=[request("test_list")] * 2) as answer:
        assert [item["result"] for item in await answer.json()] == [[1], [1]]


async def test_failure_before_the_first_chunk_is_an_error_like_any_other(server, client):
    async with client.post(server.url, json=request("test_early")) as answer:
        assert (await answer.json())["error"] == {"code": -32000, "message": "too early"}
    async with client.post(server.url, json=request("test_bug")) as answer:
        assert (await answer.json())["error"] == {"code": -32603, "message": "internal error"}


async def test_answer_that_breaks_off_has_no_end(server, client):
    async with client.post(server.url, json=request("test_late")) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    async with client.post(server.url, json=request("test_list")) as answer:
        assert answer.status == 200
        await answer.read()


async def test_streams_at_once_are_limited():
    dispatcher = Dispatcher([Lists()], ThreadPoolExecutor(1), Limits())
    gate = asyncio.Event()

    class Held(Collected):
        async def write(self, data: bytes) -> None:
            await gate.wait()
            await super().write(data)

    body = json.dumps(request("test_list"))
    held = [
        asyncio.create_task(dispatcher.handle(body, RequestContext(sink=Held())))
        for _ in range(MAX_STREAMS)
    ]
    while dispatcher._streams < MAX_STREAMS:
        await asyncio.sleep(0)
    refused = json.loads(await dispatcher.handle(body, RequestContext(sink=Held())))
    assert refused["error"]["code"] == errors.LIMIT_EXCEEDED
    assert f"limit {MAX_STREAMS}" in refused["error"]["message"]
    gate.set()
    assert await asyncio.gather(*held) == [None] * MAX_STREAMS
    assert dispatcher._streams == 0


# -- without a server


async def test_producer_is_never_more_than_a_few_chunks_ahead():
    sink = Collected()
    ahead = []

    def produce(write):
        produced = 0
        for _ in range(5_000):
            write(PIECE)
            produced += len(PIECE)
            ahead.append(produced - len(sink.data))

    await send(Streamed(produce), b"<", b">", sink)
    assert sink.data == b"<" + PIECE.encode() * 5_000 + b">"
    assert max(ahead) <= (CHUNKS_AHEAD + 3) * (CHUNK_BYTES + len(PIECE))


async def test_producer_stops_soon_after_its_client_has_gone():
    stopped = Event()
    written = []

    def produce(write):
        try:
            while True:
                write(PIECE)
                written.append(len(PIECE))
        except StreamBroken:
            stopped.set()
            raise

    class Gone(Collected):
        async def write(self, data: bytes) -> None:
            if self.data:
                raise ConnectionResetError("client went away")
            await super().write(data)

    with pytest.raises(StreamBroken, match="client went away"):
        await send(Streamed(produce), b"", b"", Gone())
    assert await asyncio.to_thread(stopped.wait, 30)
    assert sum(written) <= (2 * CHUNKS_AHEAD + 6) * (CHUNK_BYTES + len(PIECE))


async def test_client_that_takes_nothing_is_left(monkeypatch):
    monkeypatch.setattr(streaming, "IDLE_S", 0.01)

    class Stuck:
        async def write(self, data: bytes) -> None:
            await asyncio.Event().wait()

    with pytest.raises(StreamBroken, match="took nothing for 0.01 s"):
        await send(Streamed(lambda write: _write_list(write, 3_000)), b"", b"", Stuck())


# -- traces


@pytest.fixture(scope="module")
def chain() -> RpcChain:
    """A block with a transfer, a contract that calls itself, and a call of it."""
    made = RpcChain()
    name = "0x" + ALICE.address.hex()
    made.call("eth_sendRawTransaction", "0x" + transfer(made.backend.chain_id, ALICE, 0).hex())
    # Counts storage slot 0 up; calls itself while there is gas for it; a failing call at the end.
    code = bytes.fromhex("5f546001015f55" + "5f5f5f5f5f30612710" + "5a03f15000")
    creation = bytes.fromhex("60") + bytes((len(code),)) + bytes.fromhex("8060095f395ff3") + code
    sent = made.call("eth_sendTransaction", {"from": name, "input": "0x" + creation.hex()})
    made.mine()
    made.target = made.call("eth_getTransactionReceipt", sent)["contractAddress"]
    made.sent = made.call(
        "eth_sendTransaction", {"from": name, "to": made.target, "gas": hex(400_000)}
    )
    made.mine()
    return made


def streamed(chain: RpcChain, method: str, *params) -> object:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
    sink = Collected()
    assert asyncio.run(chain.dispatcher.handle(body, RequestContext(sink=sink))) is None
    return json.loads(sink.data)["result"]


OPTIONS = (
    {},
    {"limit": 5},
    {"enableMemory": True, "enableReturnData": True, "disableStorage": True},
    {"disableStack": True},
)


@pytest.mark.parametrize("options", OPTIONS)
def test_streamed_traces_say_what_whole_ones_say(chain, options):
    call = {"from": "0x" + ALICE.address.hex(), "to": chain.target, "gas": hex(300_000)}
    raw = chain.call("debug_getRawBlock", "0x1")
    for method, params in (
        ("debug_traceTransaction", (chain.sent, options)),
        ("debug_traceBlockByNumber", ("0x1", options)),
        ("debug_traceBlockByNumber", ("0x2", options)),
        ("debug_traceBlock", (raw, options)),
        ("debug_traceCall", (call, "latest", options)),
    ):
        whole = chain.call(method, *params)
        assert streamed(chain, method, *params) == whole
    trace = chain.call("debug_traceTransaction", chain.sent, {})
    assert max(step["depth"] for step in trace["structLogs"]) > 5


def test_streamed_trace_has_no_bound_on_its_words(chain, monkeypatch):
    monkeypatch.setattr("node.rpc.debug.Allowance", lambda: Allowance(100))
    code, message = chain.error("debug_traceTransaction", chain.sent, {})
    assert (code, message[:15]) == (-32000, "trace too large")
    assert len(streamed(chain, "debug_traceTransaction", chain.sent, {})["structLogs"]) > 50


def test_unknown_transaction_is_an_error_before_anything_is_sent(chain):
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "debug_traceTransaction", "params": ["0x" + "9" * 64]}
    )
    sink = Collected()
    answer = asyncio.run(chain.dispatcher.handle(body, RequestContext(sink=sink)))
    assert json.loads(answer)["error"]["message"] == "transaction not found"
    assert sink.data == b""
