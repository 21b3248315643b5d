"""eth_simulateV1 on a chain of our own: what it shares with real blocks and with eth_call."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rpc_chain import RpcChain

from genesis.dev_accounts import dev_accounts

ALICE, BOB = (f"0x{account.address.hex()}" for account in dev_accounts()[:2])
CONTRACT = "0xc100000000000000000000000000000000000000"
TOKEN = "0x" + "ee" * 20
IDENTITY = "0x" + "00" * 19 + "04"
# PUSH1 0; SLOAD; PUSH1 0; MSTORE; PUSH1 1; PUSH1 0; SSTORE; PUSH1 32; PUSH1 0; RETURN
READS_THEN_SETS = "0x600054600052600160005560206000f3"
REVERTS = "0x60006000fd"


@pytest.fixture
def rpc() -> RpcChain:
    return RpcChain()


def simulate(rpc: RpcChain, *blocks: dict, **options: bool) -> list[dict]:
    return rpc.call("eth_simulateV1", {"blockStateCalls": list(blocks), **options}, "latest")


def test_state_of_a_block_is_there_in_the_next_and_nothing_is_kept(rpc: RpcChain) -> None:
    override = {CONTRACT: {"code": READS_THEN_SETS}}
    call = {"from": ALICE, "to": CONTRACT}
    first, second = simulate(rpc, {"stateOverrides": override, "calls": [call]}, {"calls": [call]})
    assert int(first["calls"][0]["returnData"], 16) == 0
    assert int(second["calls"][0]["returnData"], 16) == 1
    assert second["parentHash"] == first["hash"]
    assert rpc.call("eth_getCode", CONTRACT, "latest") == "0x"
    assert rpc.call("eth_blockNumber") == "0x0"


def test_call_returns_what_eth_call_returns(rpc: RpcChain) -> None:
    stored = {"0x" + "00" * 32: f"0x{42:064x}"}
    override = {CONTRACT: {"code": READS_THEN_SETS, "state": stored}}
    request = {"from": ALICE, "to": CONTRACT}
    [block] = simulate(rpc, {"stateOverrides": override, "calls": [request]})
    assert block["calls"][0]["returnData"] == rpc.call("eth_call", request, "latest", override)


def test_transfers_are_logged_only_where_asked_and_never_in_the_bloom(rpc: RpcChain) -> None:
    call = {"from": ALICE, "to": BOB, "value": "0x5"}
    [silent] = simulate(rpc, {"calls": [call]})
    [told] = simulate(rpc, {"calls": [call]}, traceTransfers=True)
    assert silent["calls"][0]["logs"] == []
    [log] = told["calls"][0]["logs"]
    assert log["address"] == TOKEN
    assert int(log["data"], 16) == 5
    assert [topic[-40:] for topic in log["topics"][1:]] == [ALICE[2:], BOB[2:]]
    assert int(told["logsBloom"], 16) == 0
    assert told["hash"] == silent["hash"]


def test_reverted_call_has_the_error_and_no_transfer(rpc: RpcChain) -> None:
    override = {CONTRACT: {"code": REVERTS}}
    call = {"from": ALICE, "to": CONTRACT, "value": "0x5"}
    [block] = simulate(rpc, {"stateOverrides": override, "calls": [call]}, traceTransfers=True)
    [done] = block["calls"]
    assert (done["status"], done["logs"]) == ("0x0", [])
    assert done["error"] == {"code": 3, "message": "execution reverted", "data": "0x"}


def test_numbers_that_are_left_out_become_empty_blocks(rpc: RpcChain) -> None:
    blocks = simulate(rpc, {"blockOverrides": {"number": "0x3"}}, {})
    assert [block["number"] for block in blocks] == ["0x1", "0x2", "0x3", "0x4"]
    times = [int(block["timestamp"], 16) for block in blocks]
    assert [later - earlier for earlier, later in pairwise(times)] == [12] * 3


def test_moved_precompile_answers_at_its_new_address_only(rpc: RpcChain) -> None:
    override = {IDENTITY: {"movePrecompileToAddress": CONTRACT}}
    calls = [{"to": CONTRACT, "input": "0x1234"}, {"to": IDENTITY, "input": "0x1234"}]
    [block] = simulate(rpc, {"stateOverrides": override, "calls": calls})
    assert [call["returnData"] for call in block["calls"]] == ["0x1234", "0x"]


def test_validation_charges_as_a_block_would(rpc: RpcChain) -> None:
    price = {"maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x1"}
    call = {"from": ALICE, "to": BOB, "value": "0x5", "gas": "0x5208", **price}
    [pretended] = simulate(rpc, {"calls": [call]}, validation=True)
    rpc.call("eth_sendTransaction", call)
    mined = rpc.mine()
    assert int(pretended["baseFeePerGas"], 16) == mined.header.base_fee_per_gas
    assert int(pretended["gasUsed"], 16) == mined.header.gas_used


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"from": CONTRACT, "to": BOB, "value": "0x1"}, -38014),
        ({"from": ALICE, "to": BOB, "gas": "0x5207"}, -38013),
        ({"from": ALICE, "to": BOB, "gas": "0xffffffffff"}, -38015),
        ({"from": ALICE, "to": BOB, "chainId": "0x7"}, -32000),
        ({"from": ALICE, "input": "0x" + "00" * 49_153}, -38025),
    ],
)
def test_call_that_cannot_start_has_its_own_code(rpc: RpcChain, call: dict, code: int) -> None:
    payload = {"blockStateCalls": [{"calls": [call]}]}
    assert rpc.error("eth_simulateV1", payload, "latest")[0] == code


@pytest.mark.parametrize(
    ("call", "code"), [({"nonce": "0x5"}, -38011), ({"maxFeePerGas": "0x1"}, -38012)]
)
def test_validation_refuses(rpc: RpcChain, call: dict, code: int) -> None:
    free = {"baseFeePerGas": "0x0"} if "nonce" in call else {}
    block = {"blockOverrides": free, "calls": [{"from": ALICE, "to": BOB, **call}]}
    payload = {"blockStateCalls": [block], "validation": True}
    assert rpc.error("eth_simulateV1", payload, "latest")[0] == code


def test_request_without_blocks_is_refused(rpc: RpcChain) -> None:
    assert rpc.error("eth_simulateV1", {"blockStateCalls": []}, "latest")[0] == -32602


def test_eth_call_does_not_pretend_to_move_a_precompile(rpc: RpcChain) -> None:
    override = {IDENTITY: {"movePrecompileToAddress": CONTRACT}}
    code, message = rpc.error("eth_call", {"to": CONTRACT}, "latest", override)
    assert code == -32602
    assert "eth_simulateV1" in message
