"""Consensus and execution as two processes, with the Engine API between them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest
from anvil import anvil
from load import send_transfers
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

from genesis.dev_accounts import dev_account, dev_accounts
from node.engine_api.jwt import make_token, read_secret

pytestmark = pytest.mark.e2e


def engine_call(url, secret, method, *params):
    request = urllib.request.Request(
        url,
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {make_token(secret, time.time())}",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())["result"]


@pytest.mark.timeout(240)
def test_two_processes_derive_the_chain_of_one_and_catch_up_while_it_grows(tmp_path):
    """The split node starts from nothing when the chain has run for a while already."""
    network = dev(tmp_path / "dev", "--l1-block-time", "1").start()
    halves = []
    try:
        send_ether(network.l2)
        wait_for("some safe blocks", lambda: head_number(network.l2, "safe") >= 4, 90)
        founded = tmp_path / "dev"
        execution = NodeProcess(
            tmp_path / "el", "node", "--role", "execution", "--port", "0", "--engine-port", "0",
            "--genesis", str(founded / "genesis.json"),
        ).start()  # fmt: skip
        halves.append(execution)
        secret_file = tmp_path / "el" / "jwt.hex"
        consensus = NodeProcess(
            tmp_path / "cl", "node", "--role", "verifier", "--port", "0",
            "--l1-url", network.l1, "--rollup-config", str(founded / "rollup.json"),
            "--engine-url", execution.run["l2"]["engine"], "--jwt-secret", str(secret_file),
        ).start()  # fmt: skip
        halves.append(consensus)
        target = head_number(network.l2, "safe") + 3
        wait_for("catching up", lambda: head_number(execution.l2, "safe") >= target, 90)
        number = head_number(execution.l2, "safe")
        assert block_hash(execution.l2, number) == block_hash(network.l2, number)
        status = call(consensus.l2, "optimism_syncStatus")
        assert status["safe_l2"]["number"] >= target
        assert call(consensus.l2, "optimism_outputAtBlock", hex(target)) is not None
        refuses_strangers(execution.run["l2"]["engine"])
        names = engine_call(
            execution.run["l2"]["engine"], read_secret(secret_file),
            "engine_exchangeCapabilities", [],
        )  # fmt: skip
        assert "engine_newPayloadV4" in names
        restarted_halves_go_on(halves)
        network_ahead = head_number(network.l2, "safe")
        wait_for("going on", lambda: head_number(halves[0].l2, "safe") >= network_ahead, 90)
    finally:
        for half in reversed(halves):
            assert half.stop() == 0
        network.stop()


def send_ether(url):
    sender = "0x" + dev_account("account1").address.hex()
    call(url, "eth_sendTransaction", {"from": sender, "to": "0x" + "99" * 20, "value": "0x5"})


def refuses_strangers(url):
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(url, "engine_exchangeCapabilities", [])
    assert refused.value.code == 401


def restarted_halves_go_on(halves):
    """The execution client is killed under the driver, and comes back on the same port."""
    execution, consensus = halves
    port = execution.run["l2"]["engine"].rsplit(":", 1)[1]
    before = head_number(execution.l2)
    execution.kill()
    again = NodeProcess(
        execution.datadir, *[port if part == "0" and index == engine_port_at(execution) else part
                             for index, part in enumerate(execution.arguments)],
    ).start()  # fmt: skip
    halves[0] = again
    assert head_number(again.l2) >= before
    with pytest.raises(RpcFailure):
        call(consensus.l2, "eth_blockNumber")  # it has no chain of its own


def engine_port_at(process):
    return process.arguments.index("--engine-port") + 1


@pytest.mark.node_js
@pytest.mark.timeout(300)
def test_sequencer_and_batcher_over_another_execution_client(tmp_path):
    """Blocks are built elsewhere from the pool there, and a verifier derives them from L1."""
    key = tmp_path / "batcher.key"
    key.write_text("0x" + dev_account("batcher").private_key.hex())
    key.chmod(0o600)
    running = []
    with anvil() as l1:
        founder = dev(tmp_path / "dev", "--l1-url", l1).start()
        chain_id = founder.run["l2"]["chain_id"]
        assert founder.stop() == 0
        try:
            execution = NodeProcess(
                tmp_path / "el", "node", "--role", "execution", "--port", "0", "--engine-port", "0",
                "--genesis", str(tmp_path / "dev" / "genesis.json"),
            ).start()  # fmt: skip
            running.append(execution)
            consensus = NodeProcess(
                tmp_path / "cl", "node", "--role", "sequencer", "--role", "batcher",
                "--batcher-key", str(key), "--port", "0", "--l1-url", l1, "--l1-trust-rpc",
                "--rollup-config", str(tmp_path / "dev" / "rollup.json"),
                "--engine-url", execution.run["l2"]["engine"],
                "--jwt-secret", str(tmp_path / "el" / "jwt.hex"),
            ).start()  # fmt: skip
            running.append(consensus)
            wait_for("blocks", lambda: head_number(execution.l2) >= 3, 90)
            sent = send_transfers(execution.l2, chain_id, dev_accounts()[5:6], 3)
            receipt = wait_for(
                "receipt", lambda: call(execution.l2, "eth_getTransactionReceipt", sent[-1]), 90
            )
            number = int(receipt["blockNumber"], 16)
            other = verifier(tmp_path / "v", l1, tmp_path / "dev", "--l1-trust-rpc").start()
            running.append(other)
            wait_for("safe head", lambda: head_number(other.l2, "safe") >= number, 120)
            assert block_hash(other.l2, number) == block_hash(execution.l2, number)
        finally:
            for process in reversed(running):
                process.stop()
