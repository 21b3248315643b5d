"""What users do by hand on `stemma dev`: over the bridge and back by web3.py, and by cast.

Proofs come from eth_getProof, time passes by evm_increaseTime on the embedded L1.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import node_js
import pytest
from clients import key_of
from eth_account import Account
from node_process import NodeProcess, call, dev, wait_for
from web3 import Web3
from web3.middleware import SignAndSendRawMiddlewareBuilder

from chain.receipt import Log
from chain.types import Address, Hash32
from genesis import predeploys
from genesis.presets import l2_preset
from rollup.bridge.withdrawals import Withdrawal, decode_withdrawal
from rollup.settlement.deploy import GAME_TYPE, artifact

PASSER = Web3.to_checksum_address("0x4200000000000000000000000000000000000016")
SETTLEMENT = l2_preset("devnet").settlement
WITHDRAWAL = "(uint256,address,address,uint256,uint256,bytes)"
OUTPUT = "(bytes32,bytes32,bytes32,bytes32)"

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    running = dev(tmp_path_factory.mktemp("bridge"), "--l1-block-time", "1").start()
    contracts = running.run["contracts"]
    for name in ("DisputeGameFactory", "L1StandardBridge"):
        address = contracts[name]
        wait_for(name, lambda at=address: call(running.l1, "eth_getCode", at, "latest") != "0x")
    yield running
    running.stop()


def web3_of(url: str, key: str) -> Web3:
    web3 = Web3(Web3.HTTPProvider(url))
    account = Account.from_key(key)
    web3.eth.default_account = account.address
    web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
    return web3


def mined(web3: Web3, sent: bytes) -> Any:
    receipt = web3.eth.wait_for_transaction_receipt(sent, 30, 0.1)
    assert receipt["status"] == 1
    return receipt


def contract_of(net: NodeProcess, web3: Web3, name: str) -> Any:
    address = Web3.to_checksum_address(net.run["contracts"][name])
    return web3.eth.contract(address, abi=artifact(name)["abi"])


def withdrawal_in(logs: list[Any]) -> Withdrawal:
    """The withdrawal that a receipt of L2 tells of, as any JSON-RPC client has it."""
    return decode_withdrawal(
        Log(
            Address(Web3.to_bytes(hexstr=log["address"])),
            tuple(Hash32(Web3.to_bytes(hexstr=topic)) for topic in log["topics"]),
            Web3.to_bytes(hexstr=log["data"]),
        )
        for log in json.loads(Web3.to_json(logs))
    )


def game_for(net: NodeProcess, l2_number: int) -> tuple[int, int, str]:
    """Index, block number and address of a game about that block or a later one."""
    factory = contract_of(net, Web3(Web3.HTTPProvider(net.l1)), "DisputeGameFactory")

    def find() -> tuple[int, int, str] | None:
        count = factory.functions.gameCount().call()
        games = factory.functions.findLatestGames(GAME_TYPE, max(count - 1, 0), 5).call()
        for index, metadata, _, _, extra_data in games:
            number = int.from_bytes(extra_data[:32], "big")
            if number >= l2_number:
                return index, number, Web3.to_checksum_address(metadata[12:])
        return None

    found: tuple[int, int, str] = wait_for("a dispute game", find)
    return found


def travel(net: NodeProcess, game: str) -> None:
    """Past the game's clock, and past both delays after its verdict."""
    call(net.l1, "evm_increaseTime", SETTLEMENT.max_clock_s + 1)
    resolved = Web3.keccak(text="resolvedAt()")[:4].hex()
    wait_for(
        "the verdict",
        lambda: int(call(net.l1, "eth_call", {"to": game, "data": "0x" + resolved}, "latest"), 16),
    )
    delay_s = max(SETTLEMENT.proof_maturity_delay_s, SETTLEMENT.game_finality_delay_s)
    call(net.l1, "evm_increaseTime", delay_s + 2)
    call(net.l1, "evm_mine")


def later_block(net: NodeProcess) -> None:
    """The portal wants a proof to be younger than its game."""
    call(net.l1, "evm_increaseTime", 1)
    call(net.l1, "evm_mine")


# ---------------------------------------------------------------------------------------- web3.py


def test_web3_sends_ether_over_the_bridge_and_back(net: NodeProcess) -> None:
    key = key_of(net, "account7")
    l1, l2 = web3_of(net.l1, key), web3_of(net.l2, key)
    receiver = Account.create().address

    bridge = contract_of(net, l1, "L1StandardBridge")
    sent = bridge.functions.depositETHTo(receiver, 200_000, b"").transact({"value": 10**17})
    mined(l1, sent)
    wait_for("the deposit", lambda: l2.eth.get_balance(receiver) == 10**17)

    passer = l2.eth.contract(PASSER, abi=predeploys.artifact("L2ToL1MessagePasser")["abi"])
    receipt = mined(
        l2,
        passer.functions.initiateWithdrawal(receiver, 100_000, b"").transact({"value": 10**16}),
    )
    item = withdrawal_in(receipt["logs"])
    assert passer.functions.sentMessages(item.hash).call()

    index, number, game = game_for(net, receipt["blockNumber"])
    later_block(net)
    proof = l2.eth.get_proof(PASSER, [int.from_bytes(item.storage_slot, "big")], number)
    block = l2.eth.get_block(number)
    output = (bytes(32), block["stateRoot"], proof["storageHash"], block["hash"])
    portal = contract_of(net, l1, "OptimismPortal")
    nodes = list(proof["storageProof"][0]["proof"])
    prove = portal.functions.proveWithdrawalTransaction(item.as_tuple(), index, output, nodes)
    mined(l1, prove.transact())
    proven, _ = portal.functions.provenWithdrawals(item.hash, l1.eth.default_account).call()
    assert proven == game

    travel(net, game)
    portal.functions.checkWithdrawal(item.hash, l1.eth.default_account).call()
    mined(l1, portal.functions.finalizeWithdrawalTransaction(item.as_tuple()).transact())
    assert l1.eth.get_balance(receiver) == 10**16
    assert portal.functions.finalizedWithdrawals(item.hash).call()


# ------------------------------------------------------------------------------------------- cast


def cast(url: str, *arguments: str) -> str:
    done = subprocess.run(
        [node_js.binary("cast"), *arguments, "--rpc-url", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"cast {arguments[0]}: {done.stderr}"
    return done.stdout.strip()


def cast_send(url: str, key: str, *arguments: str) -> dict[str, Any]:
    receipt: dict[str, Any] = json.loads(
        cast(url, "send", "--json", "--private-key", key, *arguments)
    )
    assert receipt["status"] == "0x1"
    return receipt


def struct(values: tuple[Any, ...]) -> str:
    parts = ["0x" + value.hex() if isinstance(value, bytes) else str(value) for value in values]
    return f"({','.join(parts)})"


@pytest.mark.node_js
def test_cast_sends_ether_over_the_bridge_and_back(net: NodeProcess) -> None:
    key = key_of(net, "account8")
    portal = net.run["contracts"]["OptimismPortal"]
    receiver = Account.create().address
    deposit = "depositTransaction(address,uint256,uint64,bool,bytes)"
    cast_send(
        net.l1, key, portal, deposit, receiver, str(10**17), "100000", "false", "0x",
        "--value", str(10**17),
    )  # fmt: skip
    wait_for("the deposit", lambda: cast(net.l2, "balance", receiver) == str(10**17))

    receipt = cast_send(
        net.l2, key, PASSER, "initiateWithdrawal(address,uint256,bytes)", receiver, "100000", "0x",
        "--value", str(10**16),
    )  # fmt: skip
    item = withdrawal_in(receipt["logs"])
    index, number, game = game_for(net, int(receipt["blockNumber"], 16))
    later_block(net)
    slot = "0x" + item.storage_slot.hex()
    proof = json.loads(cast(net.l2, "proof", PASSER, slot, "--block", str(number)))
    root = cast(net.l2, "block", str(number), "--field", "stateRoot")
    block_hash = cast(net.l2, "block", str(number), "--field", "hash")
    nodes = proof["storageProof"][0]["proof"]
    cast_send(
        net.l1, key, portal,
        f"proveWithdrawalTransaction({WITHDRAWAL},uint256,{OUTPUT},bytes[])",
        struct(item.as_tuple()), str(index),
        f"(0x{'00' * 32},{root},{proof['storageHash']},{block_hash})", f"[{','.join(nodes)}]",
    )  # fmt: skip

    travel(net, game)
    finalize = f"finalizeWithdrawalTransaction({WITHDRAWAL})"
    cast_send(net.l1, key, portal, finalize, struct(item.as_tuple()))
    assert cast(net.l1, "balance", receiver) == str(10**16)
    done = cast(
        net.l1, "call", portal, "finalizedWithdrawals(bytes32)(bool)", "0x" + item.hash.hex()
    )
    assert done == "true"


def test_the_proposer_and_the_portal_agree_on_output_roots(net: NodeProcess) -> None:
    """The root claim of a game is what optimism_outputAtBlock says of its block."""
    _, number, game = game_for(net, 1)
    selector = "0x" + Web3.keccak(text="rootClaim()")[:4].hex()
    claimed = call(net.l1, "eth_call", {"to": game, "data": selector}, "latest")
    output = call(net.l2, "optimism_outputAtBlock", hex(number))
    assert claimed == output["outputRoot"]
