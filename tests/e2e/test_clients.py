"""Libraries that nobody here wrote, unmodified, against `stemma dev`: viem and web3.py.

Each sends value, deploys a Vyper contract, calls the native precompiles by their ABI and reads
their events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import node_js
import pytest
import vyper
from clients import (
    FEE_WEI,
    INFERENCE,
    LOOP_EVENTS,
    OWED_WEI,
    STAKERS_WEI,
    TRAINING,
    abi_of,
    domain_of,
    key_of,
    word,
)
from eth_account import Account
from eth_account.signers.local import LocalAccount
from node_process import NodeProcess, dev
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.contract import Contract
from web3.exceptions import ContractLogicError
from web3.middleware import SignAndSendRawMiddlewareBuilder

RECEIPT_S = 20

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    running = dev(tmp_path_factory.mktemp("clients")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def counter() -> dict[str, Any]:
    source = Path(__file__).with_name("counter.vy").read_text()
    return vyper.compile_code(source, output_formats=["abi", "bytecode"])


# ------------------------------------------------------------------------------------------- viem


@pytest.mark.node_js
def test_viem_walks_the_payable_ai_loop(net: NodeProcess, counter: dict[str, Any]) -> None:
    argument = {
        "rpc": net.l2,
        "chainId": net.run["l2"]["chain_id"],
        "key": key_of(net, "account1"),
        "stranger": "0x" + "31" * 20,
        "salt": "01",
        "counter": counter,
        "precompiles": {
            name: {"address": address, "abi": abi_of(name)}
            for name, address in net.run["precompiles"].items()
        },
    }
    script = Path(__file__).parent / "js" / "payable_loop.mjs"
    said = json.loads(node_js.run_module(script, json.dumps(argument)))
    events = said.pop("events")
    assert said == {
        "received": "12345",
        "count": "42",
        "feeWei": str(FEE_WEI),
        "owed": str(OWED_WEI),
        "claimed": str(OWED_WEI),
    }
    assert events == LOOP_EVENTS


# ---------------------------------------------------------------------------------------- web3.py


class Client:
    """web3.py with a key of its own: the node signs nothing."""

    def __init__(self, net: NodeProcess, account: LocalAccount) -> None:
        self.net = net
        self.account = account
        self.web3 = Web3(Web3.HTTPProvider(net.l2))
        self.web3.eth.default_account = account.address
        self.web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
        self.contracts = {
            name: self.web3.eth.contract(Web3.to_checksum_address(address), abi=abi_of(name))
            for name, address in net.run["precompiles"].items()
        }
        self.seen: list[str] = []

    def mined(self, sent: bytes) -> Any:
        receipt = self.web3.eth.wait_for_transaction_receipt(sent, RECEIPT_S, 0.1)
        assert receipt["status"] == 1
        return receipt

    def send(self, name: str, function: str, *arguments: Any, value: int = 0) -> dict[str, Any]:
        """Call a precompile in a transaction; its events by name."""
        bound = self.contracts[name].functions[function](*arguments)
        receipt = self.mined(bound.transact({"value": value}))
        events = {}
        for log in receipt["logs"]:
            event = self._decoded(log)
            self.seen.append(event["event"])
            events[event["event"]] = event["args"]
        return events

    def _decoded(self, log: Any) -> Any:
        contract = next(each for each in self.contracts.values() if each.address == log["address"])
        for event in contract.events:
            if event().topic[2:] == log["topics"][0].hex():
                return event().process_log(log)
        raise AssertionError(f"no event for {log}")

    def view(self, name: str, function: str, *arguments: Any) -> Any:
        return self.contracts[name].functions[function](*arguments).call()

    def sign(self, name: str, kind: str, types: list[tuple[str, str]], message: Any) -> bytes:
        """Sign an EIP-712 statement as a wallet does, from its types alone."""
        described = {kind: [{"type": solidity, "name": field} for solidity, field in types]}
        return bytes(
            self.account.sign_typed_data(domain_of(self.net, name), described, message).signature
        )


def send_value_and_count(client: Client, counter: dict[str, Any]) -> None:
    stranger = Web3.to_checksum_address("0x" + "32" * 20)
    before = client.web3.eth.get_balance(stranger)
    client.mined(client.web3.eth.send_transaction({"to": stranger, "value": 12345}))
    assert client.web3.eth.get_balance(stranger) - before == 12345
    factory = client.web3.eth.contract(abi=counter["abi"], bytecode=counter["bytecode"])
    deployed = client.mined(factory.constructor(41).transact())
    contract = client.web3.eth.contract(deployed["contractAddress"], abi=counter["abi"])
    receipt = client.mined(contract.functions.increment().transact())
    assert contract.functions.count().call() == 42
    (event,) = contract.events.Incremented().process_receipt(receipt)
    assert event["args"] == {"by": client.account.address, "count": 42}


def train_adapter(client: Client, base_model: bytes, deadline: int) -> bytes:
    """A datanet of one contribution, a worker, a job; the adapter that it registers."""
    created = client.send("datanet_registry", "createDatanet", "poems", word(1), word(2), True)
    datanet_id = created["DatanetCreated"]["datanetId"]
    contributed = client.send("datanet_registry", "contribute", datanet_id, word(3), 4, word(2))
    ids = [contributed["ContributionSubmitted"]["contributionId"]]
    published = client.send("datanet_registry", "publishVersion", datanet_id, ids)
    root = published["VersionPublished"]["snapshotRoot"]
    assert client.view("datanet_registry", "isVersion", datanet_id, root)

    client.send("worker_registry", "register", word(5), word(6), value=10**18)
    client.send("model_registry", "registerBaseModel", base_model, 100, "tiny")
    requested = client.send(
        "model_registry", "requestTraining",
        datanet_id, root, base_model, word(7), deadline, 1000, 2000, 500,
        value=10**15,
    )  # fmt: skip
    job_id = requested["TrainingRequested"]["jobId"]
    client.send("model_registry", "claimTraining", job_id)
    adapter_id = Web3.keccak(base_model)
    training = {
        "jobId": job_id,
        "datanetId": datanet_id,
        "snapshotRoot": root,
        "baseModel": base_model,
        "recipeHash": word(7),
        "checkpointsRoot": word(8),
        "adapterId": adapter_id,
        "steps": 30,
        "metricsHash": word(9),
    }
    signature = client.sign("model_registry", "TrainingStatement", TRAINING, training)
    client.send("model_registry", "submitTraining", training, signature)
    owner, base, *_ = client.view("model_registry", "getAdapter", adapter_id)
    assert (owner, base) == (client.account.address, base_model)
    return adapter_id


def answer_for_pay(client: Client, adapter_id: bytes, deadline: int) -> dict[str, Any]:
    """Open a request and settle it; what was said and the statement's arguments."""
    account = client.account.address
    opened = client.send(
        "inference_escrow", "open", adapter_id, account, word(10), 10, 20, deadline, value=50_000
    )["RequestOpened"]
    leaf = client.web3.codec.encode(["uint256", "address", "uint256"], [0, account, 1_000_000])
    inference = {
        "requestId": opened["requestId"],
        "adapterId": adapter_id,
        "promptHash": word(10),
        "outputHash": word(11),
        "inputTokens": 8,
        "outputTokens": 15,
        "sharesRoot": Web3.keccak(b"\0" + leaf),
        "evidenceHash": word(12),
    }
    signature = client.sign("proof_of_attribution", "InferenceStatement", INFERENCE, inference)
    arguments = (inference, signature, [account], [1_000_000])
    settled = client.send("proof_of_attribution", "settle", *arguments)
    assert settled["Settled"]["feeWei"] == FEE_WEI
    with pytest.raises(ContractLogicError, match="is settled, not open"):
        client.view("proof_of_attribution", "settle", *arguments)
    return settled


def test_web3_walks_the_payable_ai_loop(net: NodeProcess, counter: dict[str, Any]) -> None:
    client = Client(net, Account.from_key(key_of(net, "account2")))
    send_value_and_count(client, counter)
    deadline = client.web3.eth.get_block("latest")["timestamp"] + 3600
    bond_before = client.view("worker_registry", "totalBond")
    adapter_id = train_adapter(client, word(0x02), deadline)
    rewards_before = client.view("worker_registry", "pendingRewards", client.account.address)
    answer_for_pay(client, adapter_id, deadline)

    owed = client.view("proof_of_attribution", "balanceOf", client.account.address)
    assert owed == OWED_WEI
    assert client.send("proof_of_attribution", "claim")["Claimed"]["amountWei"] == OWED_WEI
    assert client.view("proof_of_attribution", "balanceOf", client.account.address) == 0
    assert client.seen == LOOP_EVENTS
    # Stakers share by bond: this worker has its part of what the settlement brought them.
    bond = client.view("worker_registry", "totalBond")
    rewards = client.view("worker_registry", "pendingRewards", client.account.address)
    assert bond == bond_before + 10**18
    assert 0 <= (rewards - rewards_before) - STAKERS_WEI * 10**18 // bond <= 1


def test_web3_sends_a_batch_and_has_each_answer(net: NodeProcess) -> None:
    web3 = Web3(Web3.HTTPProvider(net.l2))
    registry: Contract = web3.eth.contract(
        Web3.to_checksum_address(net.run["precompiles"]["datanet_registry"]),
        abi=abi_of("datanet_registry"),
    )
    with web3.batch_requests() as batch:
        batch.add(web3.eth.get_block(0))
        batch.add(web3.eth.get_balance(Web3.to_checksum_address("0x" + "77" * 20)))
        batch.add(registry.functions.datanetCount())
        genesis, balance, count = batch.execute()
    assert genesis["hash"].to_0x_hex() == net.run["l2"]["genesis"]
    assert balance == 0
    assert count == registry.functions.datanetCount().call()


async def test_web3_hears_of_heads_and_logs_over_a_websocket(net: NodeProcess) -> None:
    client = Client(net, Account.from_key(key_of(net, "account3")))
    address = client.contracts["datanet_registry"].address
    async with AsyncWeb3(WebSocketProvider(net.run["l2"]["ws"])) as listener:
        heads = await listener.eth.subscribe("newHeads")
        logs = await listener.eth.subscribe("logs", {"address": address})
        created = await asyncio.to_thread(
            client.send, "datanet_registry", "createDatanet", "heard", word(1), word(2), False
        )
        heard: dict[str, list[Any]] = {heads: [], logs: []}
        async with asyncio.timeout(30):
            async for message in listener.socket.process_subscriptions():
                heard[message["subscription"]].append(message["result"])
                if len(heard[heads]) > 1 and heard[logs]:
                    break
        assert await listener.eth.unsubscribe(logs)
    numbers = [head["number"] for head in heard[heads]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    (log,) = heard[logs]
    event = client.contracts["datanet_registry"].events.DatanetCreated().process_log(log)
    assert event["args"] == created["DatanetCreated"]
