"""JSON-RPC on a node that drops states: the reason at a pruned block, and what still answers."""

from __future__ import annotations

import re

import pytest
from actors import World
from rpc_chain import RpcChain

from chain.storage import ChainStore, MemoryStore, Retention
from chain.types import Hash32
from evm import fees
from genesis.dev_accounts import dev_accounts
from node.metrics import Metrics
from node.rpc.backend import Backend, QueryLimits

ALICE, BOB = ("0x" + account.address.hex() for account in dev_accounts()[:2])
BLOCKS = 8
KEPT = 3


@pytest.fixture(scope="module")
def rpc() -> RpcChain:
    retention = Retention(KEPT, follows_finality=False)
    chain = RpcChain(ChainStore(MemoryStore(), retention=retention))
    for _ in range(BLOCKS):
        chain.call("eth_sendTransaction", {"from": ALICE, "to": BOB, "value": "0x1"})
        chain.mine()
    return chain


def transaction_of(rpc: RpcChain, number: str) -> str:
    return rpc.call("eth_getBlockByNumber", number, False)["transactions"][0]


CALL = {"from": ALICE, "to": BOB}
QUESTIONS = {
    "eth_getBalance": lambda rpc, block: (ALICE, block),
    "eth_getTransactionCount": lambda rpc, block: (ALICE, block),
    "eth_getCode": lambda rpc, block: (ALICE, block),
    "eth_getStorageAt": lambda rpc, block: (ALICE, "0x0", block),
    "eth_getProof": lambda rpc, block: (ALICE, ["0x0"], block),
    "eth_call": lambda rpc, block: (CALL, block),
    "eth_estimateGas": lambda rpc, block: (CALL, block),
    "eth_createAccessList": lambda rpc, block: (CALL, block),
    "eth_simulateV1": lambda rpc, block: ({"blockStateCalls": [{"calls": [CALL]}]}, block),
    "debug_traceCall": lambda rpc, block: (CALL, block),
}
REPLAYS = {
    "debug_traceBlockByNumber": lambda rpc, block: (block,),
    "debug_traceTransaction": lambda rpc, block: (transaction_of(rpc, block),),
    "debug_executionWitness": lambda rpc, block: (block,),
}


@pytest.mark.parametrize("method", QUESTIONS)
def test_state_of_a_pruned_block_is_refused_with_the_block_and_the_kept_range(rpc, method):
    header = rpc.engine.header_by_number(2)
    code, message = rpc.error(method, *QUESTIONS[method](rpc, "0x2"))
    assert code == -32000
    assert f"historical state 0x{header.state_root.hex()} is not available" in message
    assert re.search(r"block 2 \(0x.* pruned, those of blocks 5 to 8 are kept", message)


@pytest.mark.parametrize("method", REPLAYS)
def test_block_on_a_pruned_state_cannot_be_run_again(rpc, method):
    code, message = rpc.error(method, *REPLAYS[method](rpc, "0x3"))
    assert code == -32000
    assert re.search(r"state of block 2 .* pruned, those of blocks 5 to 8 are kept", message)


@pytest.mark.parametrize("method", QUESTIONS | REPLAYS)
def test_kept_blocks_answer(rpc, method):
    questions = (QUESTIONS | REPLAYS)[method]
    for number in ("0x5", "0x8") if method in QUESTIONS else ("0x6", "0x8"):
        assert rpc.call(method, *questions(rpc, number)) is not None


def test_blocks_transactions_and_receipts_of_pruned_states_stay(rpc):
    name = transaction_of(rpc, "0x1")
    assert rpc.call("eth_getTransactionByHash", name)["blockNumber"] == "0x1"
    assert rpc.call("eth_getTransactionReceipt", name)["status"] == "0x1"
    assert len(rpc.call("eth_getBlockReceipts", "0x1")) == 1


def test_capabilities_tell_which_states_are_kept(rpc):
    answer = rpc.call("eth_capabilities")
    kept = {
        "disabled": False,
        "oldestBlock": "0x5",
        "deleteStrategy": {"type": "window", "retentionBlocks": "0x3"},
    }
    assert (answer["state"], answer["stateproofs"]) == (kept, kept)
    assert answer["blocks"] == {"disabled": False, "oldestBlock": "0x0"}


def test_metrics_tell_what_is_kept_and_what_the_caches_hold(rpc):
    metrics = Metrics()
    metrics.observe_store("l1", rpc.engine.store)
    text = metrics.render().decode()
    assert 'stemma_state_first_block{chain="l1"} 5.0' in text
    assert re.search(r'stemma_pruned_records\{chain="l1"\} [1-9]', text)
    for kind in ("state", "headers", "blocks", "receipts"):
        assert re.search(f'stemma_store_cache_bytes{{chain="l1",kind="{kind}"}} [1-9]', text)


def test_l1_fees_in_receipts_are_the_same_with_and_without_the_state():
    world = World()
    world.round(blocks=3)
    chain = world.sequencer.engine
    backend = Backend(chain, world.sequencer.pool, QueryLimits())
    for number in (1, 2, 3):
        header = chain.header_by_number(number)
        from_state = fees.l1_attributes(chain.state_at(header).get_storage)
        assert backend._l1_fees_told_to(header) == from_state
    assert backend._l1_fees_told_to(_unknown(header)) is None


def _unknown(header):
    from dataclasses import replace

    return replace(header, prev_randao=Hash32(b"\x99" * 32))
