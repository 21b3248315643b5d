"""The eth namespace on a chain in memory: answers, geth's errors, filters and subscriptions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from load import transfer
from rpc_chain import Recorder, RpcChain

from chain.crypto.keccak import keccak256
from chain.heads import BlockId
from chain.trie import verify_proof
from chain.types import Address
from genesis.dev_accounts import dev_accounts
from node.rpc.jsonrpc import RequestContext

ALICE, BOB = dev_accounts()[:2]
NAME = "0x" + ALICE.address.hex()
# PUSH1 2, PUSH1 1, PUSH0, PUSH0, LOG2, STOP; before it the code that returns it
LOGGER = bytes.fromhex("600260015f5fa200")
LOGGER_CREATION = bytes.fromhex("60088060095f395ff3") + LOGGER


@pytest.fixture
def chain() -> RpcChain:
    return RpcChain()


def send(chain: RpcChain, nonce: int, **fields: object) -> str:
    raw = transfer(chain.backend.chain_id, ALICE, nonce, **fields)
    return chain.call("eth_sendRawTransaction", "0x" + raw.hex())


def deploy_logger(chain: RpcChain) -> str:
    sent = chain.call("eth_sendTransaction", {"from": NAME, "input": "0x" + LOGGER_CREATION.hex()})
    chain.mine()
    receipt = chain.call("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    return receipt["contractAddress"]


def log_once(chain: RpcChain, address: str) -> str:
    return chain.call("eth_sendTransaction", {"from": NAME, "to": address, "gas": "0x186a0"})


def test_transfer_goes_through_pool_block_and_receipt(chain: RpcChain) -> None:
    sent = send(chain, 0, value=5)
    pending = chain.call("eth_getTransactionByHash", sent)
    assert pending["blockHash"] is None
    assert chain.call("eth_getTransactionCount", NAME, "pending") == "0x1"
    assert chain.call("eth_getTransactionCount", NAME, "latest") == "0x0"
    assert chain.call("txpool_status") == {"pending": "0x1", "queued": "0x0"}
    chain.mine()
    mined = chain.call("eth_getTransactionByHash", sent)
    receipt = chain.call("eth_getTransactionReceipt", sent)
    assert mined["blockHash"] == receipt["blockHash"]
    assert receipt["gasUsed"] == "0x5208"
    assert chain.call("eth_getBlockReceipts", "latest") == [receipt]
    by_index = chain.call("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x0")
    assert by_index == mined
    assert chain.call("eth_getBlockByNumber", "0x1", True)["transactions"] == [mined]
    raw = chain.call("eth_getRawTransactionByHash", sent)
    assert "0x" + keccak256(bytes.fromhex(raw[2:])).hex() == sent


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"nonce": 0, "again": True}, "already known"),
        ({"nonce": 0, "value": 2}, "replacement transaction underpriced"),
        ({"nonce": 1, "value": 10**30}, "insufficient funds for gas * price + value"),
        ({"nonce": 1, "gas_limit": 20_999}, "intrinsic gas too low"),
        ({"nonce": 1, "gas_limit": 31_000_000}, "exceeds block gas limit"),
    ],
)
def test_refused_transaction_has_geths_words(
    chain: RpcChain, fields: dict[str, object], words: str
) -> None:
    send(chain, 0)
    nonce = fields.pop("nonce")
    fields.pop("again", None)
    raw = transfer(chain.backend.chain_id, ALICE, nonce, **fields)
    code, message = chain.error("eth_sendRawTransaction", "0x" + raw.hex())
    assert code == -32000
    assert message.startswith(words)


def test_mined_nonce_is_too_low(chain: RpcChain) -> None:
    send(chain, 0)
    chain.mine()
    raw = transfer(chain.backend.chain_id, ALICE, 0, value=9)
    assert chain.error("eth_sendRawTransaction", "0x" + raw.hex()) == (
        -32000,
        "nonce too low: next nonce 1, tx nonce 0",
    )


def test_transaction_of_another_chain_is_refused(chain: RpcChain) -> None:
    raw = transfer(1, ALICE, 0)
    assert chain.error("eth_sendRawTransaction", "0x" + raw.hex())[1].startswith("invalid chain id")


@pytest.mark.parametrize("raw", ["0x", "0x00", "0x02", "0x02c0", "0x7e" + "c0", "0xc0", "0xff"])
def test_malformed_raw_transaction_is_a_named_error(chain: RpcChain, raw: str) -> None:
    code, message = chain.error("eth_sendRawTransaction", raw)
    assert code == -32000
    assert message


def test_revert_is_code_3_with_reason_and_data(chain: RpcChain) -> None:
    reason = "08c379a0" + f"{32:064x}" + f"{9:064x}" + b"not today".ljust(32, b"\0").hex()
    size = len(reason) // 2
    # CODECOPY what follows these ten bytes, REVERT with it
    code = f"60{size:02x}80600a5f395ffd00" + reason
    override = {"0x" + "99" * 20: {"code": "0x" + code}}
    answer = chain.raw("eth_call", {"to": "0x" + "99" * 20}, "latest", override)
    assert answer["error"] == {
        "code": 3,
        "message": "execution reverted: not today",
        "data": "0x" + reason,
    }


def test_call_sees_overrides_of_state_and_block(chain: RpcChain) -> None:
    # SLOAD slot 1, TIMESTAMP, SELFBALANCE into three words.
    code = "0x6001545f5242602052476040526060" + "5ff3"
    at = "0x" + "98" * 20
    state = {at: {"code": code, "stateDiff": {"0x1": "0x7"}, "balance": "0x9"}}
    output = chain.call("eth_call", {"to": at}, "latest", state, {"time": "0x8"})
    assert output == "0x" + f"{7:064x}" + f"{8:064x}" + f"{9:064x}"
    assert chain.call("eth_getCode", at, "latest") == "0x"


def test_state_of_an_unknown_block_is_header_not_found(chain: RpcChain) -> None:
    assert chain.error("eth_getBalance", NAME, "0x5") == (-32000, "header not found")
    assert chain.error("eth_call", {}, {"blockHash": "0x" + "11" * 32})[1] == "header not found"
    assert chain.call("eth_getBlockByNumber", "0x5", False) is None


def test_old_state_is_still_there(chain: RpcChain) -> None:
    send(chain, 0, value=5)
    chain.mine()
    to = chain.call("eth_getBlockByNumber", "0x1", True)["transactions"][0]["to"]
    assert chain.call("eth_getBalance", to, "0x0") == "0x0"
    assert chain.call("eth_getBalance", to, "0x1") == "0x5"
    assert chain.call("eth_getBalance", to, {"blockNumber": "0x1"}) == "0x5"


def test_proof_opens_the_state_root(chain: RpcChain) -> None:
    proof = chain.call("eth_getProof", NAME, ["0x1"], "latest")
    root = bytes.fromhex(chain.call("eth_getBlockByNumber", "latest", False)["stateRoot"][2:])
    nodes = [bytes.fromhex(node[2:]) for node in proof["accountProof"]]
    assert verify_proof(root, keccak256(ALICE.address), nodes) is not None
    assert proof["storageProof"] == [{"key": "0x1", "value": "0x0", "proof": []}]


def test_logs_by_range_by_hash_and_by_topic(chain: RpcChain) -> None:
    address = deploy_logger(chain)
    sent = log_once(chain, address)
    chain.mine()
    topics = ["0x" + f"{1:064x}", "0x" + f"{2:064x}"]
    (log,) = chain.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    assert (log["address"], log["topics"], log["transactionHash"]) == (address, topics, sent)
    by_hash = chain.call("eth_getLogs", {"blockHash": log["blockHash"], "topics": [topics[0]]})
    assert by_hash == [log]
    anything_first = {"fromBlock": "0x0", "topics": [None, topics]}
    assert chain.call("eth_getLogs", anything_first) == [log]
    assert chain.call("eth_getLogs", {"fromBlock": "0x0", "topics": [topics[1]]}) == []
    assert chain.call("eth_getLogs", {"fromBlock": "0x0", "address": NAME}) == []


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ({"fromBlock": "0x1", "toBlock": "0x0"}, -32602, "invalid block range params"),
        ({"fromBlock": "0x0", "toBlock": "0x9"}, -32602, "beyond current head block"),
        ({"blockHash": "0x" + "11" * 32}, -32000, "unknown block"),
        ({"blockHash": "0x" + "11" * 32, "fromBlock": "0x0"}, -32602, "cannot specify both"),
        ({"topics": [None] * 5}, -32602, "at most 4"),
    ],
)
def test_bad_log_query_is_a_named_error(
    chain: RpcChain, wanted: dict[str, object], code: int, words: str
) -> None:
    found, message = chain.error("eth_getLogs", wanted)
    assert found == code
    assert words in message


def test_log_limits_are_in_the_message(chain: RpcChain) -> None:
    for _ in range(100):
        chain.mine()
    assert chain.error("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"}) == (
        -32005,
        "query spans 101 blocks: limit 100 blocks",
    )


def test_filters_give_what_came_since_the_last_poll(chain: RpcChain) -> None:
    blocks = chain.call("eth_newBlockFilter")
    pending = chain.call("eth_newPendingTransactionFilter")
    address = deploy_logger(chain)
    logs = chain.call("eth_newFilter", {"address": address})
    sent = log_once(chain, address)
    chain.mine()
    assert len(chain.call("eth_getFilterChanges", blocks)) == 2
    assert chain.call("eth_getFilterChanges", pending)[-1] == sent
    (log,) = chain.call("eth_getFilterChanges", logs)
    assert log["transactionHash"] == sent
    for name in (blocks, pending, logs):
        assert chain.call("eth_getFilterChanges", name) == []
        assert chain.call("eth_uninstallFilter", name) is True
        assert chain.call("eth_uninstallFilter", name) is False
        assert chain.error("eth_getFilterChanges", name) == (-32000, "filter not found")


def test_reorg_takes_logs_back_and_brings_new_ones(chain: RpcChain) -> None:
    address = deploy_logger(chain)
    client = Recorder()
    chain.call("eth_subscribe", "logs", {"address": address}, connection=client)
    heads = Recorder()
    chain.call("eth_subscribe", "newHeads", connection=heads)
    log_once(chain, address)
    parent = chain.engine.heads.unsafe
    first = chain.mine()
    dropped = chain.engine.set_heads(unsafe=BlockId(parent.number, parent.hash))
    second = chain.mine([tx for block in dropped for tx in block.transactions], randao=b"\1" * 32)
    assert [log["removed"] for log in client.results()] == [False, True, False]
    assert client.results()[0]["blockHash"] == client.results()[1]["blockHash"]
    assert [head["hash"] for head in heads.results()] == [
        "0x" + first.block.hash.hex(),
        "0x" + second.block.hash.hex(),
    ]


def test_subscription_may_begin_with_old_logs(chain: RpcChain) -> None:
    address = deploy_logger(chain)
    log_once(chain, address)
    chain.mine()
    client = Recorder()
    name = chain.call(
        "eth_subscribe", "logs", {"address": address, "fromBlock": "0x0"}, connection=client
    )
    assert len(client.received) == 1
    assert chain.call("eth_unsubscribe", name, connection=client) is True
    log_once(chain, address)
    chain.mine()
    assert len(client.received) == 1


def test_subscription_over_http_is_refused(chain: RpcChain) -> None:
    assert chain.error("eth_subscribe", "newHeads") == (-32601, "notifications not supported")


def test_development_account_signs_and_others_do_not(chain: RpcChain) -> None:
    signature = chain.call("personal_sign", "0x1234", NAME)
    assert chain.call("eth_sign", NAME, "0x1234") == signature
    assert len(signature) == 132
    stranger = "0x" + "77" * 20
    assert chain.error("eth_sendTransaction", {"from": stranger}) == (-32000, "unknown account")
    assert NAME in chain.call("eth_accounts")


def test_estimate_is_enough_and_a_failing_one_says_why(chain: RpcChain) -> None:
    assert chain.call("eth_estimateGas", {"from": NAME, "to": "0x" + "11" * 20}) == "0x5208"
    code, message = chain.error("eth_estimateGas", {"from": NAME, "value": hex(10**30)})
    assert code == -32000
    assert "insufficient funds" in message


def test_fee_history_and_prices(chain: RpcChain) -> None:
    send(chain, 0)
    chain.mine()
    history = chain.call("eth_feeHistory", "0x5", "latest", [0, 50, 100])
    assert history["oldestBlock"] == "0x0"
    assert len(history["baseFeePerGas"]) == 3
    assert history["reward"][1] == [hex(10**6)] * 3
    base, price = (int(chain.call(name), 16) for name in ("eth_baseFee", "eth_gasPrice"))
    head = int(chain.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
    assert base < head, "fees fall after a block that is nearly empty"
    assert price == head + int(chain.call("eth_maxPriorityFeePerGas"), 16)


@pytest.mark.parametrize("method", ["eth_newFilter", "eth_getLogs"])
def test_a_range_that_ends_before_it_begins_is_refused(chain: RpcChain, method) -> None:
    words = (-32602, "invalid block range params")
    assert chain.error(method, {"fromBlock": "0x2", "toBlock": "0x1"}) == words


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
def test_a_price_below_the_base_fee_is_refused_in_either_form(chain: RpcChain, method) -> None:
    words = (-32000, "max fee per gas less than block base fee")
    request = {"from": NAME, "to": NAME}
    assert chain.error(method, {**request, "gasPrice": "0x1"}) == words
    assert chain.error(method, {**request, "maxFeePerGas": "0x1"}) == words
    code, message = chain.error(
        method, {**request, "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}
    )
    assert (code, message) == (-32000, "max priority fee per gas higher than max fee per gas")
    chain.call(method, {**request, "gasPrice": chain.call("eth_gasPrice")})
    chain.call(method, {**request, "gasPrice": "0x0"})


def test_traces_tell_what_happened(chain: RpcChain) -> None:
    address = deploy_logger(chain)
    sent = log_once(chain, address)
    chain.mine()
    steps = chain.call("debug_traceTransaction", sent)["structLogs"]
    assert [step["op"] for step in steps][-2:] == ["LOG2", "STOP"]
    tree = chain.call("debug_traceTransaction", sent, {"tracer": "callTracer"})
    assert (tree["type"], tree["to"]) == ("CALL", address)
    (whole,) = chain.call("debug_traceBlockByNumber", "latest", {"tracer": "callTracer"})
    assert whole == {"txHash": sent, "result": tree}
    assert chain.error("debug_traceTransaction", sent, {"tracer": "prestate"})[0] == -32602


def test_access_list_names_the_slots_that_a_call_touches(chain: RpcChain) -> None:
    # SLOAD 7, BALANCE of 0x..77
    at, code = "0x" + "98" * 20, "0x600754507377777777777777777777777777777777777777773100"
    result = chain.call("eth_createAccessList", {"from": NAME, "to": at, "input": code}, "latest")
    assert result["accessList"] == []
    made = chain.call("eth_createAccessList", {"from": NAME, "input": code}, "latest")
    created, other = made["accessList"]
    assert created["storageKeys"] == ["0x" + f"{7:064x}"]
    assert other == {"address": "0x" + "77" * 20, "storageKeys": []}


def test_created_address_follows_from_sender_and_nonce(chain: RpcChain) -> None:
    address = deploy_logger(chain)
    code = chain.call("eth_getCode", address, "latest")
    assert code == "0x" + LOGGER.hex()
    assert Address(bytes.fromhex(address[2:])) != BOB.address


def test_worked_example_of_the_protocol_page(chain: RpcChain) -> None:
    page = Path(__file__).parents[3] / "docs" / "protocol" / "json-rpc.md"
    lines = page.read_text().splitlines()
    (asked,) = (line[3:] for line in lines if line.startswith(">> "))
    (expected,) = (line[3:] for line in lines if line.startswith("<< "))
    answer = asyncio.run(chain.dispatcher.handle(asked, RequestContext()))
    assert answer == expected.encode()
