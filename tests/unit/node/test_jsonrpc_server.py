"""JSON-RPC 2.0 over the real server: ids, batches, notifications, limits, hosts, WebSockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest

from node.rpc import errors, parameters
from node.rpc.errors import RpcError
from node.rpc.jsonrpc import Dispatcher, Limits, Parameter, RequestContext, rpc
from node.rpc.server import AddressInUse, Health, RpcServer, ServerOptions


class Arithmetic:
    """A namespace with one of everything."""

    @rpc(
        "test_add",
        Parameter("left", parameters.quantity),
        Parameter("right", parameters.quantity, 1),
    )
    def add(self, left: int, right: int) -> str:
        return hex(left + right)

    @rpc("test_heavy", Parameter("text", parameters.text), heavy=True)
    def heavy(self, text: str) -> str:
        return text * 2

    @rpc("test_refuse")
    def refuse(self) -> None:
        raise RpcError(errors.SERVER_ERROR, "nonce too low")

    @rpc("test_break")
    def broken(self) -> None:
        raise ZeroDivisionError("secret detail")

    @rpc("test_flood", context=True)
    def flood(self, context: RequestContext) -> bool:
        connection = context.connection
        assert connection is not None
        for index in range(10_000):
            connection.notify({"jsonrpc": "2.0", "method": "n", "params": [index, "x" * 1000]})
        return True


LIMITS = Limits(body_bytes=10_000, batch_items=5, response_bytes=4_000)
Call = Callable[[object], Awaitable[object]]


@pytest.fixture
async def server() -> AsyncIterator[RpcServer]:
    readers = ThreadPoolExecutor(1)
    dispatcher = Dispatcher([Arithmetic()], readers, LIMITS)
    options = ServerOptions(
        cors_origins=("http://wallet.example",),
        health=lambda: Health((("head", False, "head is 99 s old"),)),
        metrics=lambda: b"stemma_up 1\n",
    )
    running = RpcServer(dispatcher, options)
    await running.start()
    yield running
    await running.stop()
    readers.shutdown()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def call(server: RpcServer, client: aiohttp.ClientSession) -> Call:
    async def send(message: object) -> object:
        body = message if isinstance(message, str) else json.dumps(message)
        headers = {"Content-Type": "application/json"}
        async with client.post(server.url, data=body, headers=headers) as response:
            text = await response.text()
            return json.loads(text) if text else None

    return send


def request(method: str, *params: object, id: object = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)}


@pytest.mark.parametrize("id", [1, 0, "abc", "", 1.5, None, 2**60])
async def test_id_is_echoed_with_its_type(call: Call, id: object) -> None:
    answer = await call(request("test_add", "0x1", "0x2", id=id))
    assert answer == {"jsonrpc": "2.0", "id": id, "result": "0x3"}


async def test_optional_parameter_takes_its_default_when_absent_or_null(call: Call) -> None:
    assert (await call(request("test_add", "0x1")))["result"] == "0x2"
    assert (await call(request("test_add", "0x1", None)))["result"] == "0x2"


async def test_extra_parameters_are_ignored(call: Call) -> None:
    assert (await call(request("test_add", "0x1", "0x2", {"more": 1})))["result"] == "0x3"


async def test_parameters_may_be_given_by_name(call: Call) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "test_add", "params": {"left": "0x5"}}
    assert (await call(message))["result"] == "0x6"


async def test_heavy_method_answers_from_a_thread(call: Call) -> None:
    assert (await call(request("test_heavy", "ab")))["result"] == "abab"


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ("{", -32700, "parse error"),
        ("[" * 5000, -32700, "parse error"),
        ([], -32600, "empty batch"),
        ({"id": 1, "method": "test_add"}, -32600, "invalid request"),
        ({"jsonrpc": "2.0", "id": 1, "method": 7}, -32600, "invalid request"),
        ({"jsonrpc": "2.0", "id": {}, "method": "test_add"}, -32600, "invalid request"),
        ("3", -32600, "invalid request"),
        ('{"jsonrpc":"2.0","id":NaN,"method":"test_add"}', -32700, "parse error"),
        ('{"jsonrpc":"2.0","id":1e999,"method":"test_add"}', -32600, "invalid request"),
        (
            request("test_nothing"),
            -32601,
            "the method test_nothing does not exist/is not available",
        ),
        (request("test_add"), -32602, "missing value for required argument 0 (left)"),
        (request("test_add", "zz"), -32602, "invalid argument 0: left: expected a hex quantity"),
        (request("test_add", 5), -32602, "invalid argument 0: left: expected a hex quantity"),
        (request("test_refuse"), -32000, "nonce too low"),
        (request("test_break"), -32603, "internal error"),
    ],
)
async def test_error_has_the_codes_and_words_that_clients_expect(
    call: Call, message: object, code: int, words: str
) -> None:
    answer = await call(message)
    assert answer["error"]["code"] == code
    assert words in answer["error"]["message"]
    assert "secret" not in json.dumps(answer)


@pytest.mark.parametrize("body", ["[" * 1_000_000 + "]" * 1_000_000, '{"a":' * 500_000, "[" * 101])
async def test_deep_json_never_reaches_the_parser(body: str) -> None:
    # py-evm lets Python recurse deeper than the stack is: the parser would end the process
    dispatcher = Dispatcher([Arithmetic()], ThreadPoolExecutor(1), Limits())
    for message in (body, body.encode()):
        answer = await dispatcher.handle(message, RequestContext())
        assert answer is not None
        assert json.loads(answer)["error"]["code"] == -32700


async def test_a_wide_batch_is_not_taken_for_deep() -> None:
    dispatcher = Dispatcher([Arithmetic()], ThreadPoolExecutor(1), Limits())
    wide = [request("test_add", "0x1", "0x2", {"more": [[], {}, [{}]]}, id=n) for n in range(90)]
    answer = await dispatcher.handle(json.dumps(wide), RequestContext())
    assert answer is not None
    assert [each["result"] for each in json.loads(answer)] == ["0x3"] * 90


async def test_batch_answers_each_request_and_skips_notifications(call: Call) -> None:
    notification = {"jsonrpc": "2.0", "method": "test_add", "params": ["0x1"]}
    answers = await call([request("test_add", "0x1", id="a"), notification, 1, request("no", id=2)])
    assert [answer["id"] for answer in answers] == ["a", None, 2]
    assert answers[0]["result"] == "0x2"
    assert answers[1]["error"]["code"] == -32600
    assert answers[2]["error"]["code"] == -32601


async def test_batch_of_notifications_gets_no_body(call: Call) -> None:
    assert await call([{"jsonrpc": "2.0", "method": "test_add", "params": ["0x1"]}]) is None


async def test_too_large_batch_is_refused_item_by_item_with_the_limit(call: Call) -> None:
    answers = await call([request("test_add", "0x1", id=i) for i in range(6)])
    assert [answer["id"] for answer in answers] == list(range(6))
    assert all(answer["error"]["code"] == -32005 for answer in answers)
    assert "limit 5" in answers[0]["error"]["message"]


async def test_response_limit_spares_the_items_that_fit(call: Call) -> None:
    answers = await call([request("test_heavy", "x" * 1000, id=i) for i in range(4)])
    assert ["result" in answer for answer in answers] == [True, False, False, False] or [
        "result" in answer for answer in answers
    ] == [True, True, False, False]
    assert "limit 4000 bytes" in answers[-1]["error"]["message"]


async def test_too_large_body_is_413_with_the_limit(
    server: RpcServer, client: aiohttp.ClientSession
) -> None:
    async with client.post(server.url, data=b"x" * 10_001, headers=JSON) as response:
        assert response.status == 413
        assert "limit 10000 bytes" in (await response.json())["error"]["message"]


JSON = {"Content-Type": "application/json"}


async def test_other_content_types_are_refused(
    server: RpcServer, client: aiohttp.ClientSession
) -> None:
    async with client.post(server.url, data="x=1") as response:
        assert response.status == 415


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:9", 200), ("evil.example", 403)],
)
async def test_foreign_host_names_are_refused(
    server: RpcServer, client: aiohttp.ClientSession, host: str, status: int
) -> None:
    async with client.get(server.url + "/livez", headers={"Host": host}) as response:
        assert response.status == status


async def test_cors_answers_only_the_allowed_origin(
    server: RpcServer, client: aiohttp.ClientSession
) -> None:
    for origin, allowed in (("http://wallet.example", True), ("http://evil.example", False)):
        async with client.options(server.url, headers={"Origin": origin}) as response:
            assert ("Access-Control-Allow-Origin" in response.headers) is allowed


async def test_health_metrics_and_page(server: RpcServer, client: aiohttp.ClientSession) -> None:
    async with client.get(server.url + "/readyz") as response:
        assert response.status == 503
        assert (await response.json())["checks"]["head"]["detail"] == "head is 99 s old"
    async with client.get(server.url + "/metrics") as response:
        assert await response.text() == "stemma_up 1\n"
    async with client.get(server.url) as response:
        assert response.content_type == "text/html"


async def test_websocket_answers_single_and_batch(
    server: RpcServer, client: aiohttp.ClientSession
) -> None:
    async with client.ws_connect(server.websocket_url) as socket:
        await socket.send_json(request("test_add", "0x1", id="w"))
        assert await socket.receive_json() == {"jsonrpc": "2.0", "id": "w", "result": "0x2"}
        await socket.send_json([request("test_add", "0x2", id=1), request("test_refuse", id=2)])
        assert [answer["id"] for answer in await socket.receive_json()] == [1, 2]
        await socket.send_str("{")
        assert (await socket.receive_json())["error"]["code"] == -32700


async def test_websocket_client_that_does_not_read_is_closed_with_a_reason(
    server: RpcServer, client: aiohttp.ClientSession
) -> None:
    async with client.ws_connect(server.websocket_url, max_msg_size=0) as socket:
        await socket.send_json(request("test_flood"))
        async with asyncio.timeout(20):
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert socket.close_code == 1008


async def test_second_server_on_a_port_says_that_it_is_taken(server: RpcServer) -> None:
    second = RpcServer(server._dispatcher, ServerOptions(port=server.port))
    with pytest.raises(AddressInUse, match=f"127.0.0.1:{server.port}"):
        await second.start()
