"""viem's op-stack actions, unmodified, on anvil as L1: in, out, and out again over a reorg."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import node_js
import pytest
import vyper
from anvil import anvil
from clients import key_of
from eth_account import Account
from node_process import NodeProcess, call, dev, wait_for
from web3 import Web3
from web3.middleware import SignAndSendRawMiddlewareBuilder

from genesis.presets import l2_preset

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
SUPPLY = 10**9
REORG_DEPTH = 4

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.node_js]


@pytest.fixture
def net(tmp_path: Path) -> Iterator[NodeProcess]:
    """One for each test: after a travel in time on L1 alone, deposits wait for the L2's clock."""
    with anvil() as url:
        running = dev(tmp_path, "--l1-url", url).start()
        place_multicall(running)
        wait_for("contracts", lambda: contracts_stand(running))
        yield running
        running.stop()


def place_multicall(net: NodeProcess) -> None:
    """viem asks for many things at once through a contract that every public L1 has."""
    code = call(net.l2, "eth_getCode", MULTICALL3, "latest")
    call(net.l1, "anvil_setCode", MULTICALL3, code)


def contracts_stand(net: NodeProcess) -> bool:
    return all(
        call(net.l1, "eth_getCode", address, "latest") != "0x"
        for name, address in net.run["contracts"].items()
        if name != "BatchInbox"
    )


def deployed_token(net: NodeProcess, key: str) -> str:
    source = Path(__file__).with_name("token.vy").read_text()
    compiled = vyper.compile_code(source, output_formats=["abi", "bytecode"])
    account = Account.from_key(key)
    web3 = Web3(Web3.HTTPProvider(net.l1))
    web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
    factory = web3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
    sent = factory.constructor(SUPPLY).transact({"from": account.address})
    return web3.eth.wait_for_transaction_receipt(sent, 20, 0.1)["contractAddress"]


def there_and_back(net: NodeProcess, name: str, reorg_depth: int) -> dict[str, Any]:
    key = key_of(net, name)
    argument = {
        "l1": {"rpc": net.l1, "chainId": net.run["l1"]["chain_id"]},
        "l2": {"rpc": net.l2, "chainId": net.run["l2"]["chain_id"]},
        "contracts": {**net.run["contracts"], "Multicall3": MULTICALL3},
        "key": key,
        "token": deployed_token(net, key),
        "stranger": Account.create().address,
        "clockSeconds": l2_preset("devnet").settlement.max_clock_s + 1,
        "reorgDepth": reorg_depth,
    }
    script = Path(__file__).parent / "js" / "bridge.mjs"
    return json.loads(node_js.run_module(script, json.dumps(argument)))


def assert_all_arrived(said: dict[str, Any]) -> None:
    assert said["deposited"] == str(10**18)
    assert said["tokensOnL2"] == "1000"
    assert said["withdrawn"] == str(10**18 // 4)
    assert (said["tokensBack"], said["tokensLeft"]) == ("250", "750")


def test_ether_and_tokens_go_over_the_bridge_and_back(net: NodeProcess) -> None:
    said = there_and_back(net, "account5", 0)
    assert_all_arrived(said)
    assert said["statuses"] == [
        "waiting-to-prove", "waiting-to-finalize", "ready-to-finalize", "finalized",
    ]  # fmt: skip


def test_ether_and_tokens_come_back_over_a_reorg_of_l1(net: NodeProcess) -> None:
    said = there_and_back(net, "account6", REORG_DEPTH)
    assert_all_arrived(said)
    assert said["statuses"][-3:] == ["waiting-to-finalize", "ready-to-finalize", "finalized"]
    # The reorg took the proof, and with it perhaps the game.
    assert said["statuses"][1] in ("waiting-to-prove", "ready-to-prove")
