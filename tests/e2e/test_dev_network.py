"""`stemma dev --no-ai` as a user meets it: web3.py, WebSocket, a verifier, stop and start again."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import vyper
from load import RECIPIENT, send_transfers, transfer
from node_process import (
    NodeProcess,
    RpcFailure,
    block_hash,
    call,
    dev,
    head_number,
    verifier,
    wait_for,
)
from web3 import Web3
from web3.exceptions import ContractLogicError

from genesis.dev_accounts import dev_account, dev_accounts
from genesis.interfaces import DATANET_REGISTRY

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    running = dev(tmp_path_factory.mktemp("dev")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def web3(net: NodeProcess) -> Web3:
    return Web3(Web3.HTTPProvider(net.l2))


def test_run_file_says_where_everything_is(net: NodeProcess) -> None:
    run = net.run
    assert int(call(run["l2"]["rpc"], "eth_chainId"), 16) == run["l2"]["chain_id"]
    assert int(call(run["l1"]["rpc"], "eth_chainId"), 16) == run["l1"]["chain_id"]
    assert block_hash(net.l2, 0) == run["l2"]["genesis"]
    for address in run["precompiles"].values():
        assert call(net.l2, "eth_getCode", address, "latest") != "0x"
    wait_for(
        "settlement contracts on L1",
        lambda: all(
            call(net.l1, "eth_getCode", run["contracts"][name], "latest") != "0x"
            for name in ("OptimismPortal", "SystemConfig")
        ),
    )
    assert Path(run["rollup_config"]).exists()
    assert Path(run["genesis"]).exists()


def test_web3_sends_value(web3: Web3) -> None:
    account = dev_account("account1")
    before = web3.eth.get_balance("0x" + "11" * 20)
    sent = web3.eth.send_transaction(
        {
            "from": Web3.to_checksum_address(account.address),
            "to": "0x" + "11" * 20,
            "value": 123,
        }
    )
    receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=20)
    assert receipt["status"] == 1
    assert receipt["gasUsed"] == 21_000
    assert int(receipt["l1Fee"], 16) > 0
    assert web3.eth.get_balance("0x" + "11" * 20) == before + 123


def test_web3_deploys_calls_and_reads_events(web3: Web3) -> None:
    source = Path(__file__).with_name("counter.vy").read_text()
    built = vyper.compile_code(source, output_formats=["abi", "bytecode"])
    sender = Web3.to_checksum_address(dev_account("account2").address)
    factory = web3.eth.contract(abi=built["abi"], bytecode=built["bytecode"])
    deployed = web3.eth.wait_for_transaction_receipt(
        factory.constructor(7).transact({"from": sender}), timeout=20
    )
    counter = web3.eth.contract(address=deployed["contractAddress"], abi=built["abi"])
    receipt = web3.eth.wait_for_transaction_receipt(
        counter.functions.increment().transact({"from": sender}), timeout=20
    )
    assert counter.functions.count().call() == 8
    (event,) = counter.events.Incremented().process_receipt(receipt)
    assert event["args"] == {"by": sender, "count": 8}
    with pytest.raises(ContractLogicError, match="not today"):
        counter.functions.fail().call()
    logs = web3.eth.get_logs({"address": counter.address, "fromBlock": 0})
    assert [log["transactionHash"] for log in logs] == [receipt["transactionHash"]]


def test_precompile_is_called_through_its_abi(web3: Web3) -> None:
    registry = web3.eth.contract(
        address=Web3.to_checksum_address(DATANET_REGISTRY.address), abi=DATANET_REGISTRY.abi_json()
    )
    sender = Web3.to_checksum_address(dev_account("account3").address)
    sent = registry.functions.createDatanet("docs", b"\1" * 32, b"\2" * 32, True).transact(
        {"from": sender}
    )
    receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=20)
    (event,) = registry.events.DatanetCreated().process_receipt(receipt)
    number = event["args"]["datanetId"]
    assert registry.functions.getDatanet(number).call()[0] == sender
    listed = call(web3.provider.endpoint_uri, "stemma_listDatanets")
    assert listed["datanets"][number - 1]["owner"] == sender.lower()
    proof = web3.eth.get_proof(registry.address, [b"\0" * 32], "latest")
    assert proof["storageHash"] != proof["codeHash"]


async def test_websocket_announces_heads_and_logs(net: NodeProcess) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(net.run["l2"]["ws"]) as ws:
        await ws.send_json(
            {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
        )
        name = (await ws.receive_json())["result"]
        async with asyncio.timeout(20):
            heads = [await ws.receive_json() for _ in range(2)]
        assert {item["params"]["subscription"] for item in heads} == {name}
        numbers = [int(item["params"]["result"]["number"], 16) for item in heads]
        assert numbers[1] == numbers[0] + 1


def test_development_methods_are_not_on_the_l2(net: NodeProcess) -> None:
    with pytest.raises(RpcFailure, match="does not exist/is not available"):
        call(net.l2, "anvil_setBalance", "0x" + "11" * 20, "0x1")


def test_l1_development_methods_change_the_l1(net: NodeProcess) -> None:
    account = "0x" + "22" * 20
    call(net.l1, "anvil_setBalance", account, hex(10**18))
    assert int(call(net.l1, "eth_getBalance", account, "latest"), 16) == 10**18
    number = head_number(net.l1)
    call(net.l1, "anvil_mine", "0x3")
    assert head_number(net.l1) >= number + 3


def test_time_moves_on_both_layers(net: NodeProcess) -> None:
    def times() -> list[int]:
        latest = [call(url, "eth_getBlockByNumber", "latest", False) for url in (net.l1, net.l2)]
        return [int(block["timestamp"], 16) for block in latest]

    before = times()
    call(net.l2, "evm_increaseTime", 120)
    call(net.l2, "evm_mine")
    wait_for("two minutes", lambda: min(times()) >= max(before) + 115)
    wait_for("safe head", lambda: head_number(net.l2, "safe") >= 120)


def test_what_was_sent_is_sealed_when_mining_on_request_answers(net: NodeProcess) -> None:
    chain_id, sender = net.run["l2"]["chain_id"], dev_accounts()[8]
    for nonce in range(3):
        raw = transfer(chain_id, sender, nonce)
        sent = call(net.l2, "eth_sendRawTransaction", "0x" + raw.hex())
        call(net.l2, "evm_mine")
        assert call(net.l2, "eth_getTransactionReceipt", sent)["status"] == "0x1"


def test_mining_up_to_a_time_seals_every_block_until_then(net: NodeProcess) -> None:
    head = call(net.l2, "eth_getBlockByNumber", "latest", False)
    time = int(head["timestamp"], 16) + 12
    call(net.l2, "evm_mine", {"timestamp": time})
    later = call(net.l2, "eth_getBlockByNumber", "latest", False)
    assert int(later["timestamp"], 16) >= time
    assert int(later["number"], 16) >= int(head["number"], 16) + 12
    with pytest.raises(RpcFailure, match="blocks away"):
        call(net.l2, "evm_mine", time + 100_000)


def test_node_is_ready_and_measures_itself(net: NodeProcess) -> None:
    with urllib.request.urlopen(net.l2 + "/readyz", timeout=10) as response:
        assert json.loads(response.read())["ready"]
    with urllib.request.urlopen(net.l2 + "/metrics", timeout=10) as response:
        assert b'stemma_head_number{chain="l2",kind="unsafe"}' in response.read()


def test_memory_stays_under_300_megabytes(net: NodeProcess) -> None:
    status = Path(f"/proc/{net.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(line.split()[1]) < 300 * 1024


def test_verifier_in_another_process_reaches_the_same_hash(
    net: NodeProcess, tmp_path: Path
) -> None:
    sent = send_transfers(net.l2, net.run["l2"]["chain_id"], dev_accounts()[4:8], 25)
    assert len(sent) == 100
    receipt = wait_for(
        "last transfer", lambda: call(net.l2, "eth_getTransactionReceipt", sent[-1]), 20
    )
    number = int(receipt["blockNumber"], 16)
    other = verifier(tmp_path / "verifier", net.l1, net.datadir).start()
    try:
        wait_for("safe head", lambda: head_number(other.l2, "safe") >= number, 60)
        assert block_hash(other.l2, number) == block_hash(net.l2, number)
        safe = head_number(other.l2, "safe")
        root = call(other.l2, "optimism_outputAtBlock", hex(safe))["outputRoot"]
        assert root == call(net.l2, "optimism_outputAtBlock", hex(safe))["outputRoot"]
        paid = int(call(other.l2, "eth_getBalance", "0x" + RECIPIENT.hex(), "latest"), 16)
        assert paid >= 100
        raw = transfer(net.run["l2"]["chain_id"], dev_accounts()[4], 10_000)
        with pytest.raises(RpcFailure, match="does not sequence"):
            call(other.l2, "eth_sendRawTransaction", "0x" + raw.hex())
    finally:
        assert other.stop() == 0


def test_node_stops_in_time_and_goes_on_where_it_was(tmp_path: Path) -> None:
    net = dev(tmp_path / "net").start()
    wait_for("some blocks", lambda: head_number(net.l2) >= 3)
    seen = {number: block_hash(net.l2, number) for number in range(head_number(net.l2) + 1)}
    started = time.monotonic()
    assert net.stop() == 0, net.log_tail()
    assert time.monotonic() - started < 10
    assert not (net.datadir / "run.json").exists()
    net.start()
    try:
        assert {number: block_hash(net.l2, number) for number in seen} == seen
        last = max(seen)
        wait_for("new blocks", lambda: head_number(net.l2) > last)
    finally:
        net.stop()


def test_second_node_on_a_data_directory_is_refused(net: NodeProcess) -> None:
    second = dev(net.datadir)
    run_file = (net.datadir / "run.json").read_text()
    with pytest.raises(AssertionError, match=f"(?s)ended with 1.*in use by process {net.pid}"):
        second.start()
    (net.datadir / "run.json").write_text(run_file)


def test_revert_brings_both_layers_back_as_often_as_a_test_suite_asks(net: NodeProcess) -> None:
    chain_id, sender = net.run["l2"]["chain_id"], dev_accounts()[7]
    name = "0x" + sender.address.hex()
    deposited = "0x" + "44" * 20

    def nonce() -> int:
        return int(call(net.l2, "eth_getTransactionCount", name, "latest"), 16)

    start = nonce()
    wait_for("safe head", lambda: head_number(net.l2, "safe") > 0)
    numbers = []
    for _ in range(3):
        l1, l2 = head_number(net.l1), call(net.l2, "eth_getBlockByNumber", "latest", False)
        numbers.append(int(call(net.l2, "evm_snapshot"), 16))
        raw = transfer(chain_id, sender, start)
        sent = call(net.l2, "eth_sendRawTransaction", "0x" + raw.hex())
        call(net.l2, "evm_increaseTime", 1_000)
        call(net.l2, "evm_mine")
        assert nonce() == start + 1
        call(net.l1, "anvil_setBalance", deposited, "0x1")
        assert call(net.l2, "evm_revert", hex(numbers[-1])) is True
        assert nonce() == start
        assert call(net.l2, "eth_getTransactionReceipt", sent) is None
        assert int(call(net.l1, "eth_getBalance", deposited, "latest"), 16) == 0
        back = call(net.l2, "eth_getBlockByNumber", "latest", False)
        assert int(back["timestamp"], 16) < int(l2["timestamp"], 16) + 500
        assert block_hash(net.l2, int(l2["number"], 16)) == l2["hash"]
        assert block_hash(net.l1, l1) is not None
        assert call(net.l2, "evm_revert", hex(numbers[-1])) is False
    assert numbers == sorted(set(numbers))
    raw = transfer(chain_id, sender, start)
    sent = call(net.l2, "eth_sendRawTransaction", "0x" + raw.hex())
    call(net.l2, "evm_mine")
    assert nonce() == start + 1
    sealed = int(call(net.l2, "eth_getTransactionReceipt", sent)["blockNumber"], 16)
    wait_for("the batch of what came after", lambda: head_number(net.l2, "safe") >= sealed)
    assert call(net.l2, "eth_getTransactionReceipt", sent)["blockNumber"] == hex(sealed)
