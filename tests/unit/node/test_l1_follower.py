"""Following an L1 over real JSON-RPC: head, gaps, reorgs, requests; and an L1 that lies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from load import transfer
from rpc_chain import RpcChain

from chain.heads import BlockId
from genesis.dev_accounts import dev_accounts
from node.l1.client import L1Follower, L1Source
from node.l1.decoding import L1DataInvalid
from node.l1.json_rpc import JsonRpcClient, L1CallFailed, L1Unreachable
from node.l1.transactions import L1Request, L1Sender, L1TransactionFailed
from node.provisioning import DevKeysRefused, refuse_public_chain
from node.rpc.jsonrpc import Dispatcher, RequestContext
from node.rpc.server import RpcServer, ServerOptions
from rollup.l1.provider import L1DataMissing, MemoryL1Provider

ALICE, BOB = dev_accounts()[:2]
Tamper = Callable[[str, Any], Any]


class Tampering(Dispatcher):
    """Answers as the chain does, except for what a test changes on the way."""

    def __init__(self, honest: Dispatcher) -> None:
        self.honest = honest
        self.limits = honest.limits
        self.tamper: Tamper = lambda method, result: result

    async def handle(self, body: bytes | str, context: RequestContext) -> bytes | None:
        asked = json.loads(body)
        answered = json.loads(await self.honest.handle(body, context) or b"null")
        pairs = (
            zip(asked, answered, strict=True) if isinstance(asked, list) else [(asked, answered)]
        )
        for request, answer in pairs:
            if "result" in answer:
                answer["result"] = self.tamper(request["method"], answer["result"])
        return json.dumps(answered).encode()


class L1:
    """A chain behind a server, and a follower of it."""

    def __init__(self, chain: RpcChain, proxy: Tampering, client: JsonRpcClient) -> None:
        self.chain = chain
        self.proxy = proxy
        self.client = client
        self.provider = MemoryL1Provider()
        self.follower = L1Follower(L1Source(client), self.provider, self._apply)

    async def _apply(self, change: Callable[[], None]) -> None:
        change()

    def mine(self, count: int = 1, randao: bytes = bytes(32)) -> None:
        for _ in range(count):
            self.chain.mine(randao=randao)

    def send(self, nonce: int) -> None:
        self.chain.backend.submit_raw(transfer(self.chain.backend.chain_id, ALICE, nonce))


@pytest.fixture
async def l1() -> AsyncIterator[L1]:
    chain = RpcChain()
    proxy = Tampering(chain.dispatcher)
    server = RpcServer(proxy, ServerOptions())
    await server.start()
    async with JsonRpcClient(server.url) as client:
        yield L1(chain, proxy, client)
    await server.stop()


async def test_head_and_all_its_ancestors_arrive(l1: L1) -> None:
    l1.send(0)
    l1.mine(5)
    assert await l1.follower.poll()
    assert not await l1.follower.poll()
    assert l1.provider.head().number == 5
    assert [l1.provider.block_by_number(n).number for n in range(6)] == list(range(6))
    assert len(l1.provider.block_by_number(1).transactions) == 1


async def test_gap_between_two_polls_is_filled(l1: L1) -> None:
    await l1.follower.poll()
    l1.mine(40)
    await l1.follower.poll()
    parents = [l1.provider.block_by_number(n).parent_hash for n in range(1, 41)]
    assert parents == [l1.provider.block_by_number(n).hash for n in range(40)]


async def test_reorg_is_followed(l1: L1) -> None:
    l1.mine(10)
    await l1.follower.poll()
    old = [l1.provider.block_by_number(n).hash for n in range(11)]
    ancestor = l1.chain.engine.header_by_number(4)
    l1.chain.engine.set_heads(unsafe=BlockId(4, ancestor.hash))
    l1.mine(3, randao=b"\1" * 32)
    await l1.follower.poll()
    assert l1.provider.head().number == 7
    new = [l1.provider.block_by_number(n).hash for n in range(8)]
    assert [n for n in range(8) if new[n] != old[n]] == [5, 6, 7]
    with pytest.raises(L1DataMissing):
        l1.provider.block_by_number(8)


async def test_old_block_comes_on_request_with_those_after_it(l1: L1) -> None:
    l1.mine(120)
    await l1.follower.poll()
    with pytest.raises(L1DataMissing) as missing:
        l1.provider.block_by_number(3)
    await l1.follower.fetch_missing(missing.value)
    assert [l1.provider.block_by_number(n).number for n in range(3, 30)] == list(range(3, 30))


def drop_transactions(method: str, result: Any) -> Any:
    if method.startswith("eth_getBlockBy") and result and result["transactions"]:
        result["transactions"] = []
    return result


def alter_value(method: str, result: Any) -> Any:
    if method.startswith("eth_getBlockBy") and result:
        for transaction in result["transactions"]:
            if isinstance(transaction, dict):
                transaction["value"] = "0x7"
    return result


def forge_status(method: str, result: Any) -> Any:
    if method == "eth_getBlockReceipts":
        for receipt in result:
            receipt["status"] = "0x0"
    return result


def move_time(method: str, result: Any) -> Any:
    if method.startswith("eth_getBlockBy") and result:
        result["timestamp"] = hex(int(result["timestamp"], 16) + 1)
    return result


def nonsense(method: str, result: Any) -> Any:
    return {"hash": 5} if method.startswith("eth_getBlockBy") else result


@pytest.mark.parametrize(
    "tamper", [drop_transactions, alter_value, forge_status, move_time, nonsense]
)
async def test_lying_l1_is_found_out_and_changes_nothing(l1: L1, tamper: Tamper) -> None:
    l1.mine()
    await l1.follower.poll()
    before = l1.provider.head()
    l1.send(0)
    l1.mine()
    l1.proxy.tamper = tamper
    with pytest.raises(L1DataInvalid):
        await l1.follower.poll()
    assert l1.provider.head() == before
    l1.proxy.tamper = lambda method, result: result
    await l1.follower.poll()
    assert l1.provider.head().number == 2


async def test_sender_counts_nonces_and_waits_for_its_block(l1: L1) -> None:
    sender = L1Sender(l1.client, BOB.private_key, l1.chain.backend.chain_id)
    request = L1Request(ALICE.address, value_wei=5)
    sent = [await sender.send(request) for _ in range(3)]
    assert [pending.nonce for pending in sent] == [0, 1, 2]
    l1.mine()
    confirmed = [await sender.wait(pending) for pending in sent]
    assert {each.block.number for each in confirmed} == {1}


async def test_reverted_transaction_is_a_failure(l1: L1) -> None:
    sender = L1Sender(l1.client, BOB.private_key, l1.chain.backend.chain_id)
    # PUSH0 PUSH0 REVERT as creation code
    pending = await sender.send(L1Request(None, bytes.fromhex("5f5ffd"), gas_limit=100_000))
    l1.mine()
    with pytest.raises(L1TransactionFailed, match="reverted in block 1"):
        await sender.wait(pending)


async def test_refused_transaction_is_named_and_the_nonce_asked_for_again(l1: L1) -> None:
    sender = L1Sender(l1.client, BOB.private_key, l1.chain.backend.chain_id)
    with pytest.raises(L1CallFailed, match="insufficient funds"):
        await sender.send(L1Request(ALICE.address, value_wei=10**30, gas_limit=21_000))
    assert (await sender.send(L1Request(ALICE.address))).nonce == 0


async def test_development_keys_are_refused_on_a_public_chain(l1: L1) -> None:
    assert await refuse_public_chain(l1.client) == l1.chain.backend.chain_id
    l1.proxy.tamper = lambda method, result: "0x1" if method == "eth_chainId" else result
    with pytest.raises(DevKeysRefused, match="chain 1, a public one"):
        await refuse_public_chain(l1.client)


async def test_server_that_is_not_there_is_unreachable() -> None:
    async with JsonRpcClient("http://127.0.0.1:9") as client:
        with pytest.raises(L1Unreachable, match=r"127\.0\.0\.1:9"):
            await client.call("eth_chainId")
