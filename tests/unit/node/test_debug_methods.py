"""debug_: traces by every method and tracer, and witnesses from which a block executes."""

from __future__ import annotations

import pytest
from load import transfer
from rpc_chain import RpcChain

from chain.block import decode_header
from chain.heads import BlockId
from chain.types import Address
from evm.witness import ExecutionWitness, execute_block_from_witness
from genesis.dev_accounts import dev_accounts

ALICE, BOB = dev_accounts()[:2]
NAME = "0x" + ALICE.address.hex()
# SSTORE(0, SLOAD(0) + 1), LOG0, stop; before it the code that returns it
COUNTER = bytes.fromhex("5f5460010180" + "5f55" + "505f5fa000")
CREATION = bytes.fromhex("600d8060095f395ff3") + COUNTER


@pytest.fixture
def chain() -> RpcChain:
    """Three blocks: a transfer, a counter made, the counter called twice."""
    made = RpcChain()
    made.call("eth_sendRawTransaction", "0x" + transfer(made.backend.chain_id, ALICE, 0).hex())
    made.mine()
    sent = made.call("eth_sendTransaction", {"from": NAME, "input": "0x" + CREATION.hex()})
    made.mine()
    made.counter = made.call("eth_getTransactionReceipt", sent)["contractAddress"]
    made.sent = [
        made.call("eth_sendTransaction", {"from": NAME, "to": made.counter, "gas": "0x186a0"})
        for _ in range(2)
    ]
    made.mine()
    return made


def unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@pytest.mark.parametrize(
    "name", ["callTracer", "prestateTracer", "4byteTracer", "noopTracer", None]
)
def test_block_traces_are_those_of_its_transactions(chain: RpcChain, name) -> None:
    options = {"tracer": name} if name else {}
    of_block = chain.call("debug_traceBlockByNumber", "latest", options)
    assert [entry["txHash"] for entry in of_block] == chain.sent
    for entry in of_block:
        assert entry["result"] == chain.call("debug_traceTransaction", entry["txHash"], options)
    head = chain.call("eth_getBlockByNumber", "latest", False)["hash"]
    assert chain.call("debug_traceBlockByHash", head, options) == of_block
    raw = chain.call("debug_getRawBlock", "latest")
    assert chain.call("debug_traceBlock", raw, options) == of_block


def test_logs_of_a_call_trace_are_numbered_through_the_block(chain: RpcChain) -> None:
    options = {"tracer": "callTracer", "tracerConfig": {"withLog": True}}
    for number, sent in enumerate(chain.sent):
        (log,) = chain.call("debug_traceTransaction", sent, options)["logs"]
        assert (log["address"], log["index"]) == (chain.counter, hex(number))


def test_difference_of_a_transaction_over_rpc(chain: RpcChain) -> None:
    options = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    body = chain.call("debug_traceTransaction", chain.sent[1], options)
    slot = "0x" + "0" * 64
    assert int(body["pre"][chain.counter]["storage"][slot], 16) == 1
    assert int(body["post"][chain.counter]["storage"][slot], 16) == 2


def test_call_is_traced_at_the_end_of_a_block_or_inside_it(chain: RpcChain) -> None:
    request = {"from": NAME, "to": chain.counter}
    prestate = {"tracer": "prestateTracer"}

    def count(options: dict) -> int:
        body = chain.call("debug_traceCall", request, "latest", {**prestate, **options})
        return int(body[chain.counter]["storage"]["0x" + "0" * 64], 16)

    assert [count({}), count({"txIndex": "0x0"}), count({"txIndex": "0x1"})] == [2, 0, 1]
    overridden = {chain.counter: {"stateDiff": {"0x" + "0" * 64: "0x" + "0" * 63 + "7"}}}
    assert count({"stateOverrides": overridden}) == 7
    code, words = chain.error("debug_traceCall", request, "latest", {"txIndex": "0x2"})
    assert (code, words) == (-32000, "txIndex 2: block 3 has 2 transactions")


def test_block_overrides_show_in_a_traced_call(chain: RpcChain) -> None:
    code = "0x435f5260205ff3"  # returns NUMBER
    body = chain.call(
        "debug_traceCall",
        {"to": NAME},
        "latest",
        {"stateOverrides": {NAME: {"code": code}}, "blockOverrides": {"number": "0x99"}},
    )
    assert int(body["returnValue"], 16) == 0x99
    assert body["structLogs"][0]["op"] == "NUMBER"


def test_steps_are_bounded_by_limit(chain: RpcChain) -> None:
    body = chain.call("debug_traceTransaction", chain.sent[0], {"limit": 2})
    assert len(body["structLogs"]) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"tracer": "flatCallTracer"},
        {"tracer": 5},
        {"tracer": "callTracer", "tracerConfig": 5},
        {"limit": "many"},
        {"txIndex": []},
        {"stateOverrides": 1},
        [],
    ],
)
def test_options_without_a_meaning_are_refused(chain: RpcChain, options) -> None:
    code, words = chain.error("debug_traceTransaction", chain.sent[0], options)
    assert code == -32602
    assert words.startswith("invalid argument 1: options: ")


def test_genesis_cannot_be_traced_and_unknown_blocks_cannot_either(chain: RpcChain) -> None:
    assert chain.error("debug_traceBlockByNumber", "0x0") == (-32000, "genesis is not traceable")
    assert chain.error("debug_traceBlockByHash", "0x" + "01" * 32)[0] == -32000
    assert chain.error("debug_traceTransaction", "0x" + "01" * 32)[0] == -32000


@pytest.mark.parametrize("block", ["latest", "0x1", "hash"])
def test_block_executes_from_the_witness_of_rpc(chain: RpcChain, block) -> None:
    if block == "hash":
        block = chain.call("eth_getBlockByNumber", "0x2", False)["hash"]
    answer = chain.call("debug_executionWitness", block)
    witness = ExecutionWitness(
        headers=tuple(decode_header(unhex(raw)) for raw in answer["headers"]),
        nodes=tuple(unhex(raw) for raw in answer["state"]),
        codes=tuple(unhex(raw) for raw in answer["codes"]),
    )
    made = chain.engine.block_by_number(witness.parent.number + 1)
    config = chain.engine.config
    again = execute_block_from_witness(config, witness.parent, made, witness)
    assert again.header == made.header
    assert NAME in answer["keys"]


def test_witness_needs_a_block_that_was_executed(chain: RpcChain) -> None:
    code, words = chain.error("debug_executionWitness", "0x0")
    assert (code, "no execution made it" in words) == (-32000, True)
    assert chain.error("debug_executionWitness", "0x99") == (-32000, "header not found")
    assert chain.error("debug_executionWitness")[0] == -32602


def test_trace_follows_a_reorganisation(chain: RpcChain) -> None:
    second = chain.engine.header_by_number(2)
    left = chain.call("eth_getBlockByNumber", "latest", False)["hash"]
    before = chain.call("debug_traceBlockByHash", left)
    chain.engine.set_heads(unsafe=BlockId(2, second.hash))
    chain.mine(randao=b"\x01" * 32)
    assert chain.call("debug_traceBlockByHash", left) == before
    assert chain.call("debug_traceBlockByNumber", "0x3") != before
    assert Address(unhex(chain.counter))
