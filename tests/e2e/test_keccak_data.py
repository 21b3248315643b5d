"""A chain of which L1 has hashes, by its processes: served, withheld, challenged, shown on L1."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from l1_thread import L1Thread
from load import transfer
from node_process import ROOT, NodeProcess, block_hash, call, head_number, wait_for

from genesis.dev_accounts import dev_account

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

L1_BLOCK_S, L2_BLOCK_S = 1.0, 1
CHALLENGE_WINDOW, RESOLVE_WINDOW = 200, 200


def stemma(*arguments: object) -> str:
    """Run a command; what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "node.cli", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


class Net:
    """An embedded L1 with the contracts, and processes one after the other."""

    def __init__(self, root):
        self.root = root
        self.started: list[NodeProcess] = []

    def key(self, name: str):
        path = self.root / f"{name}.key"
        path.write_text("0x" + dev_account(name).private_key.hex())
        path.chmod(0o600)
        return path

    def start(self, name: str, *arguments: object) -> NodeProcess:
        node = NodeProcess(self.root / name, *map(str, arguments))
        self.started.append(node)
        return node.start()

    def chain(self, name: str, *arguments: object) -> NodeProcess:
        founded = self.root / "l1"
        return self.start(
            name,
            "node", "--l1-url", self.l1_url, "--port", "0",
            "--rollup-config", founded / "rollup.json", "--genesis", founded / "genesis.json",
            *arguments,
        )  # fmt: skip

    @property
    def rollup(self):
        return self.root / "l1" / "rollup.json"


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    made = Net(tmp_path_factory.mktemp("keccak"))
    with L1Thread(made.root / "l1", L1_BLOCK_S, L2_BLOCK_S) as l1:
        made.l1_url = l1.url
        printed = stemma(
            "da", "deploy-challenge", "--l1-url", l1.url, "--key-file", made.key("account1"),
            "--challenge-window", CHALLENGE_WINDOW, "--resolve-window", RESOLVE_WINDOW,
            "--bond-wei", 1000,
        )  # fmt: skip
        rollup = json.loads(made.rollup.read_text())
        made.rollup.write_text(json.dumps({**rollup, **json.loads(printed)}))
        try:
            yield made
        finally:
            for node in reversed(made.started):
                node.stop()


def test_a_chain_lives_on_hashes_until_its_data_are_withheld_and_shown_on_l1(net) -> None:
    server = net.start("server", "da", "serve", "--port", "0")
    sequencer = net.chain(
        "sequencer",
        "--role", "sequencer", "--role", "batcher", "--batcher-key", net.key("batcher"),
        "--batcher-data-type", "da", "--da-url", server.run["da"],
    )  # fmt: skip
    raw = transfer(int(call(sequencer.l2, "eth_chainId"), 16), dev_account("account2"), 0)
    call(sequencer.l2, "eth_sendRawTransaction", "0x" + raw.hex())
    wait_for("a safe head", lambda: head_number(sequencer.l2, "safe") >= 3)

    # A verifier that no server serves stalls, and says at which hash.
    verifier = net.chain("verifier")
    said = wait_for(
        "why it stalls",
        lambda: re.search(r"data of 0x([0-9a-f]{64}): da.url and da.peers are empty",
                          verifier.log_tail(400)),
    )  # fmt: skip
    assert head_number(verifier.l2, "safe") == 0
    l1_block = first_commitment(net, said[1])
    challenged = stemma("da", "challenge", said[1], *on_l1(net, l1_block))
    assert "have to be on L1 by block" in challenged
    shown = stemma("da", "resolve", said[1], *on_l1(net, l1_block), "--da-url", server.run["da"])
    assert "bytes are on L1" in shown
    first = wait_for("what L1 shows", lambda: head_number(verifier.l2, "safe"))
    assert block_hash(verifier.l2, first) == block_hash(sequencer.l2, first)
    verifier.stop()

    # With the server it comes to the sequencer's head, and derivation can be explained.
    follower = net.chain("verifier", "--da-peer", server.run["da"])
    goal = head_number(sequencer.l2, "safe")
    wait_for("the safe head", lambda: head_number(follower.l2, "safe") >= goal)
    assert block_hash(follower.l2, goal) == block_hash(sequencer.l2, goal)
    lines = stemma(
        "derive", "--explain", l1_block, "--l1-url", net.l1_url, "--l2-url", follower.l2,
        "--da-peer", server.run["da"],
    )  # fmt: skip
    assert "COMMITMENT_RESOLVED" in lines


def first_commitment(net, wanted: str) -> int:
    """The L1 block in which the batcher posted a hash."""
    inbox = json.loads(net.rollup.read_text())["batch_inbox_address"].lower()

    def found() -> int:
        for number in range(int(call(net.l1_url, "eth_blockNumber"), 16) + 1):
            block = call(net.l1_url, "eth_getBlockByNumber", hex(number), True)
            for tx in block["transactions"]:
                if (tx["to"] or "").lower() == inbox and tx["input"] == "0x0100" + wanted:
                    return number
        return 0

    return wait_for("the commitment on L1", found)


def on_l1(net, l1_block: int) -> tuple[object, ...]:
    return (
        "--l1-block", l1_block, "--l1-url", net.l1_url, "--rollup-config", net.rollup,
        "--key-file", net.key("account1"),
    )  # fmt: skip
