"""Foundry's cast, unmodified, against `stemma dev`: the payable-AI loop, one command a step."""

from __future__ import annotations

import json
import os
import subprocess
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
    TRAINING,
    abi_of,
    domain_of,
    key_of,
    word,
)
from eth_account import Account
from eth_utils.abi import abi_to_signature, event_abi_to_log_topic
from node_process import NodeProcess, dev
from web3 import Web3

from chain.account import decode_account
from chain.crypto.keccak import keccak256
from chain.trie.proof import verify_proof

pytestmark = [pytest.mark.e2e, pytest.mark.node_js]

DOMAIN = [
    ("string", "name"),
    ("string", "version"),
    ("uint256", "chainId"),
    ("address", "verifyingContract"),
]


class Cast:
    """One process a command; the key is cast's to sign with."""

    def __init__(self, binary: Path, net: NodeProcess) -> None:
        self._binary = binary
        self._net = net
        self._key = key_of(net, "account4")
        self.address = Account.from_key(self._key).address
        self.seen: list[str] = []
        abis = {name: abi_of(name) for name in net.run["precompiles"]}
        self._signatures = {
            (name, item["name"]): abi_to_signature(item)
            for name, abi in abis.items()
            for item in abi
            if item["type"] == "function"
        }
        self._events = {
            "0x" + event_abi_to_log_topic(item).hex(): item["name"]
            for abi in abis.values()
            for item in abi
            if item["type"] == "event"
        }

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._binary, *arguments],
            env={**os.environ, "ETH_RPC_URL": self._net.l2},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"cast {arguments[0]}: {done.stderr}"
        return done.stdout.strip()

    def send(self, *arguments: str) -> dict[str, Any]:
        """A mined transaction's receipt."""
        receipt = json.loads(self.run("send", "--json", "--private-key", self._key, *arguments))
        assert receipt["status"] == "0x1"
        return receipt

    def native(
        self, name: str, function: str, *arguments: str, value_wei: int = 0
    ) -> dict[str, list[str]]:
        """Call a precompile in a transaction; the topics of each event, by its name."""
        receipt = self.send(
            self._net.run["precompiles"][name],
            self._signatures[name, function],
            *arguments,
            "--value",
            str(value_wei),
        )
        named = [(self._events[log["topics"][0]], log["topics"]) for log in receipt["logs"]]
        self.seen.extend(event for event, _ in named)
        return dict(named)

    def view(self, name: str, signature: str, *arguments: str) -> list[Any]:
        return self.call(self._net.run["precompiles"][name], signature, *arguments)

    def call(self, to: str, signature: str, *arguments: str) -> list[Any]:
        return json.loads(self.run("call", "--json", to, signature, *arguments))

    def sign(
        self, name: str, kind: str, types: list[tuple[str, str]], message: dict[str, Any]
    ) -> str:
        typed = {
            "types": {
                "EIP712Domain": [{"type": t, "name": field} for t, field in DOMAIN],
                kind: [{"type": t, "name": field} for t, field in types],
            },
            "primaryType": kind,
            "domain": domain_of(self._net, name),
            "message": message,
        }
        return self.run("wallet", "sign", "--private-key", self._key, "--data", json.dumps(typed))


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    node_js.binary("cast")  # no network is started where there is no cast
    running = dev(tmp_path_factory.mktemp("cast")).start()
    yield running
    running.stop()


@pytest.fixture
def cast(net: NodeProcess) -> Cast:
    return Cast(node_js.binary("cast"), net)


def hex_word(number: int) -> str:
    return "0x" + word(number).hex()


def as_tuple(statement: dict[str, Any]) -> str:
    return "(" + ",".join(str(value) for value in statement.values()) + ")"


def test_cast_sends_value(cast: Cast) -> None:
    stranger = "0x" + "33" * 20
    receipt = cast.send(stranger, "--value", "12345")
    assert int(receipt["gasUsed"], 16) == 21_000
    assert cast.run("balance", stranger) == "12345"


def test_cast_deploys_a_vyper_contract(cast: Cast) -> None:
    source = Path(__file__).with_name("counter.vy").read_text()
    code = vyper.compile_code(source, output_formats=["bytecode"])["bytecode"]
    deployed = cast.send("--create", code, "constructor(uint256)", "41")
    address = deployed["contractAddress"]
    mined = cast.send(address, "increment()")
    assert cast.call(address, "count()(uint256)") == [42]
    found = json.loads(cast.run("logs", "--json", "--from-block", "0", "--address", address))
    assert [log["transactionHash"] for log in found] == [mined["transactionHash"]]
    assert found[0]["data"] == hex_word(42)


def train_adapter(cast: Cast, base_model: str, deadline: int) -> str:
    data, models = "datanet_registry", "model_registry"
    created = cast.native(data, "createDatanet", "by cast", hex_word(1), hex_word(2), "true")
    datanet = str(int(created["DatanetCreated"][1], 16))
    contributed = cast.native(data, "contribute", datanet, hex_word(3), "4", hex_word(2))
    contribution = int(contributed["ContributionSubmitted"][2], 16)
    cast.native(data, "publishVersion", datanet, f"[{contribution}]")
    root, *_ = cast.view(data, "getVersion(uint256,uint256)(bytes32)", datanet, "1")

    cast.native("worker_registry", "register", hex_word(5), hex_word(6), value_wei=10**18)
    cast.native(models, "registerBaseModel", base_model, "100", "tiny")
    requested = cast.native(
        models, "requestTraining",
        datanet, root, base_model, hex_word(7), str(deadline), "1000", "2000", "500",
        value_wei=10**15,
    )  # fmt: skip
    job = str(int(requested["TrainingRequested"][1], 16))
    cast.native(models, "claimTraining", job)
    statement = {
        "jobId": job,
        "datanetId": datanet,
        "snapshotRoot": root,
        "baseModel": base_model,
        "recipeHash": hex_word(7),
        "checkpointsRoot": hex_word(8),
        "adapterId": hex_word(0xADA),
        "steps": 30,
        "metricsHash": hex_word(9),
    }
    signature = cast.sign(models, "TrainingStatement", TRAINING, statement)
    cast.native(models, "submitTraining", as_tuple(statement), signature)
    return statement["adapterId"]


def answer_for_pay(cast: Cast, adapter: str, deadline: int) -> None:
    opened = cast.native(
        "inference_escrow", "open", adapter, cast.address, hex_word(10), "10", "20", str(deadline),
        value_wei=50_000,
    )  # fmt: skip
    leaf = word(0) + bytes.fromhex(cast.address[2:]).rjust(32, b"\0") + word(1_000_000)
    statement = {
        "requestId": opened["RequestOpened"][1],
        "adapterId": adapter,
        "promptHash": hex_word(10),
        "outputHash": hex_word(11),
        "inputTokens": 8,
        "outputTokens": 15,
        "sharesRoot": Web3.keccak(b"\0" + leaf).to_0x_hex(),
        "evidenceHash": hex_word(12),
    }
    signature = cast.sign("proof_of_attribution", "InferenceStatement", INFERENCE, statement)
    shares = (f"[{cast.address}]", "[1000000]")
    cast.native("proof_of_attribution", "settle", as_tuple(statement), signature, *shares)
    settlement = "getSettlement(bytes32)(bytes32,bytes32,bytes32,bytes32,uint64,uint64,uint256)"
    settled = cast.view("proof_of_attribution", settlement, statement["requestId"])
    assert settled[4:] == [8, 15, FEE_WEI]


def test_cast_walks_the_payable_ai_loop(net: NodeProcess, cast: Cast) -> None:
    deadline = int(cast.run("block", "latest", "--field", "timestamp")) + 3600
    adapter = train_adapter(cast, hex_word(0x04), deadline)
    answer_for_pay(cast, adapter, deadline)
    balance = "balanceOf(address)(uint256)"
    assert cast.view("proof_of_attribution", balance, cast.address) == [OWED_WEI]
    cast.native("proof_of_attribution", "claim")
    assert cast.view("proof_of_attribution", balance, cast.address) == [0]
    assert cast.seen == LOOP_EVENTS
    claimed = cast.run(
        "logs", "--json", "--from-block", "0",
        "--address", net.run["precompiles"]["proof_of_attribution"],
        "Claimed(address indexed,uint256)", cast.address,
    )  # fmt: skip
    assert [int(log["data"], 16) for log in json.loads(claimed)] == [OWED_WEI]


def test_cast_proves_a_precompile_against_the_state_root(net: NodeProcess, cast: Cast) -> None:
    address = net.run["precompiles"]["datanet_registry"]
    number = cast.run("block-number")
    root = bytes.fromhex(cast.run("block", number, "--field", "stateRoot")[2:])
    proof = json.loads(cast.run("proof", address, "0", "--block", number))
    nodes = [bytes.fromhex(node[2:]) for node in proof["accountProof"]]
    leaf = verify_proof(root, keccak256(bytes.fromhex(address[2:])), nodes)
    assert leaf is not None
    account = decode_account(leaf)
    assert account.nonce == 1
    assert account.storage_root.hex() == proof["storageHash"][2:]


def test_cast_shows_why_a_precompile_refuses(cast: Cast) -> None:
    with pytest.raises(AssertionError, match=r"execution reverted: .*no datanet 99999"):
        cast.view("datanet_registry", "getDatanet(uint256)(address)", "99999")
