"""A split node over data that a committee keeps, and what `derive --explain` says of them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest
from l1_thread import L1Thread
from node_process import ROOT, NodeProcess, block_hash, call, head_number, wait_for

from genesis.dev_accounts import dev_account

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CERTIFICATE = "0x010173"
"""How a batcher transaction with a certificate begins."""


def stemma(*arguments):
    """Exit code, output and errors of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "node.cli", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Net:
    """An embedded L1, a committee of one operator, and a sequencer that posts certificates."""

    def __init__(self, root, l1_url):
        self.root, self.l1_url = root, l1_url
        self.rollup = root / "l1" / "rollup.json"
        self.started = []
        self._found_committee()
        port = free_port()
        self.operator = self.node(
            "operator",
            "--role", "da", *self.l1(), "--da-port", port,
            "--da-identity", root / "keys" / "identity.key",
            "--da-signer", root / "keys" / "signer.key",
        )  # fmt: skip
        self.peer = ("--da-peer", self.operator.run["da"])
        self.sequencer = self.node(
            "sequencer",
            "--role", "sequencer", "--role", "batcher", *self.l1(), *self.genesis(), "--port", 0,
            "--batcher-key", self.key("batcher"), "--batcher-data-type", "da",
            "--da-url", self.operator.run["da"], *self.peer,
        )  # fmt: skip

    def _found_committee(self):
        code, entry, errors = stemma("da", "keygen", self.root / "keys", "--custody-groups", 128)
        assert code == 0, errors
        value = json.loads(self.rollup.read_text())
        value["stemma_da"] = {"operators": [json.loads(entry)]}
        self.rollup.write_text(json.dumps(value))
        code, part, errors = stemma(
            "da", "deploy-verifier", "--l1-url", self.l1_url, "--key-file", self.key("account1"),
            "--rollup-config", self.rollup,
        )  # fmt: skip
        assert code == 0, errors
        self.rollup.write_text(json.dumps({**value, **json.loads(part)}))

    def key(self, name):
        path = self.root / f"{name}.key"
        path.write_text("0x" + dev_account(name).private_key.hex())
        path.chmod(0o600)
        return path

    def l1(self):
        return ("--l1-url", self.l1_url, "--rollup-config", self.rollup)

    def genesis(self):
        return ("--genesis", self.root / "l1" / "genesis.json")

    def node(self, name, *arguments):
        node = NodeProcess(self.root / name, "node", *map(str, arguments))
        self.started.append(node)
        return node.start()

    def split(self, name, *arguments):
        """An execution client, and a consensus client over it."""
        execution = self.node(
            f"{name}-el", "--role", "execution", "--port", 0, "--engine-port", 0, *self.genesis()
        )
        consensus = self.node(
            f"{name}-cl",
            "--role", "verifier", "--port", 0, *self.l1(),
            "--engine-url", execution.run["l2"]["engine"],
            "--jwt-secret", self.root / f"{name}-el" / "jwt.hex", *arguments,
        )  # fmt: skip
        return execution, consensus

    def certified(self):
        """The first L1 block with a certificate."""
        inbox = json.loads(self.rollup.read_text())["batch_inbox_address"].lower()
        for number in range(int(call(self.l1_url, "eth_blockNumber"), 16) + 1):
            block = call(self.l1_url, "eth_getBlockByNumber", hex(number), True)
            for tx in block["transactions"]:
                if (tx["to"] or "").lower() == inbox and tx["input"].startswith(CERTIFICATE):
                    return number
        return 0

    def explain(self, number, *arguments):
        """`derive --explain`: the sequencer's node knows which block was safe when."""
        return stemma(
            "derive", "--explain", number, "--l1-url", self.l1_url,
            "--l2-url", self.sequencer.l2, *arguments,
        )  # fmt: skip


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    root = tmp_path_factory.mktemp("split")
    with L1Thread(root / "l1", 1.0, 1) as l1:
        made = Net.__new__(Net)
        made.started = []
        try:
            made.__init__(root, l1.url)
            wait_for("safe by certificate", lambda: head_number(made.sequencer.l2, "safe") >= 3)
            yield made
        finally:
            for node in reversed(made.started):
                node.stop()


def test_a_split_node_derives_from_certified_blobs_as_the_whole_node_does(net) -> None:
    execution, consensus = net.split("with", *net.peer)
    goal = head_number(net.sequencer.l2, "safe")
    wait_for("the safe head", lambda: head_number(execution.l2, "safe") >= goal)
    assert block_hash(execution.l2, goal) == block_hash(net.sequencer.l2, goal)
    assert call(consensus.l2, "optimism_syncStatus")["safe_l2"]["number"] >= goal


def test_without_peers_it_stalls_says_at_which_blob_and_moves_nothing(net) -> None:
    execution, consensus = net.split("without")
    wait_for("why it stalls", lambda: "0 of 64 cells could be got" in consensus.log_tail(400))
    assert head_number(execution.l2, "safe") == 0


def test_derive_explain_tells_what_became_of_certified_data(net) -> None:
    number = wait_for("a certificate", net.certified)
    code, said, errors = net.explain(number, *net.peer)
    assert code == 0, errors
    taken, *rest = said.splitlines()
    assert "transaction 0 bytes" in taken
    assert "CERTIFICATE_TAKEN" in taken
    assert any("BATCH_ACCEPTED" in line for line in rest), said


def test_derive_explain_without_anybody_who_has_the_data_says_which_are_lacking(net) -> None:
    code, said, errors = net.explain(wait_for("a certificate", net.certified))
    assert code not in (0, 3)
    assert said == ""
    assert "0 of 64 cells could be got" in errors
    assert "--da-peer" in errors
