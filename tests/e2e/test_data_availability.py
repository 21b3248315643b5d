"""A rollup whose batches lie with DA nodes: certified, sampled, hidden, refused, healed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from anvil import anvil
from node_process import ROOT, NodeProcess, block_hash, call, dev, head_number, verifier, wait_for

from chain import abi
from genesis.dev_accounts import dev_account
from rollup.settlement.deploy import artifact

pytestmark = [pytest.mark.e2e, pytest.mark.node_js, pytest.mark.slow, pytest.mark.timeout(900)]

OPERATORS = 3
LIGHT_MEMORY_MB = 150


def stemma(*arguments, stdin=None):
    """A command's exit code and output."""
    done = subprocess.run(
        [sys.executable, "-m", "node.cli", *map(str, arguments)],
        cwd=ROOT, capture_output=True, input=stdin, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def deployed(l1, entries):
    """Deploy DACertVerifier from an account that anvil holds the key of."""
    arguments = abi.encode(
        ["address[]", "uint96[]", "uint256"],
        [[bytes.fromhex(e["signer"][2:]) for e in entries], [e["stake"] for e in entries], 55],
    )
    code = artifact("DACertVerifier")["bytecode"] + arguments.hex()
    sender = call(l1, "eth_accounts")[9]
    sent = call(l1, "eth_sendTransaction", {"from": sender, "data": code, "gas": hex(4_000_000)})
    receipt = wait_for("deployment", lambda: call(l1, "eth_getTransactionReceipt", sent))
    assert receipt["status"] == "0x1"
    return receipt["contractAddress"]


class Operators:
    """DA nodes as processes."""

    def __init__(self, folder, l1, rollup, ports):
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.nodes = [
            NodeProcess(
                folder / f"da{index}", "node", "--role", "da", "--l1-url", l1,
                "--rollup-config", str(rollup), "--da-port", str(port), *self.peers(but=index),
                "--da-identity", str(folder / f"keys{index}" / "identity.key"),
                "--da-signer", str(folder / f"keys{index}" / "signer.key"),
            )
            for index, port in enumerate(ports)
        ]  # fmt: skip

    def peers(self, but=-1):
        return [
            part
            for index, url in enumerate(self.urls)
            if index != but
            for part in ("--da-peer", url)
        ]

    def start(self):
        for node in self.nodes:
            node.start()

    def stop(self):
        return [node.stop() for node in self.nodes]


def light(folder, l1, rollup, operators):
    return NodeProcess(
        folder, "node", "--role", "light", "--l1-url", l1, "--l1-trust-rpc",
        "--rollup-config", str(rollup), "--da-port", "0", *operators.peers(),
    )  # fmt: skip


def status(node):
    code, output = stemma("da", "status", "--url", node.run["da"])
    assert code == 0
    return json.loads(output)


def memory_mb(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1000


def test_batches_by_certificate_from_sequencer_to_light_node(tmp_path: Path) -> None:
    key = tmp_path / "batcher.key"
    key.write_text("0x" + dev_account("batcher").private_key.hex())
    key.chmod(0o600)
    running: list[NodeProcess] = []

    def start(node: NodeProcess) -> NodeProcess:
        running.append(node)
        return node.start()

    with anvil() as l1:
        founder = dev(tmp_path / "dev", "--l1-url", l1).start()
        wait_for("safe blocks", lambda: head_number(founder.l2, "safe") >= 2)
        on_l1 = head_number(founder.l2) + 5  # what the founder may have posted as calldata
        assert founder.stop() == 0
        entries = []
        for index in range(OPERATORS):
            code, output = stemma("da", "keygen", tmp_path / f"keys{index}")
            assert code == 0
            entries.append(json.loads(output))
        rollup = founder.datadir / "rollup.json"
        value = json.loads(rollup.read_text())
        value["stemma_da"] = {"verifier": deployed(l1, entries), "operators": entries}
        rollup.write_text(json.dumps(value))
        operators = Operators(tmp_path, l1, rollup, free_ports(OPERATORS))
        running += operators.nodes
        try:
            operators.start()
            roles = ("--role", "sequencer", "--role", "batcher", "--batcher-key", str(key))
            da = ("--batcher-data-type", "da", "--da-url", operators.urls[0], *operators.peers())
            trust = "--l1-trust-rpc"
            sequencer = start(verifier(tmp_path / "seq", l1, founder.datadir, *roles, *da, trust))
            wait_for("safe by certificate", lambda: head_number(sequencer.l2, "safe") > on_l1, 120)

            # a verifier derives the same chain from cells
            other = start(
                verifier(tmp_path / "verifier", l1, founder.datadir, *operators.peers(), trust)
            )
            number = head_number(sequencer.l2, "safe")
            wait_for("verifier", lambda: head_number(other.l2, "safe") >= number, 120)
            assert block_hash(other.l2, number) == block_hash(sequencer.l2, number)
            assert other.stop() == 0

            # a light node finds every batch available
            watching = start(light(tmp_path / "light", l1, rollup, operators))
            seen = wait_for("batches", lambda: status(watching)["batches"] and status(watching))
            assert seen["newest"][0]["verdict"] == "available"
            assert float(seen["newest"][0]["miss_probability"]) < 0.003
            assert memory_mb(watching.pid) < LIGHT_MEMORY_MB

            # one payload by hand: put, verify here and on L1, sample, get
            code, output = stemma("da", "put", "-", "--url", operators.urls[1], stdin=b"by hand")
            assert code == 0
            put = output.decode().strip()
            code, output = stemma("da", "verify", put, "--rollup-config", rollup, "--l1-url", l1)
            assert (code, output) == (0, b"ours: SUCCESS\nL1:   SUCCESS\n")
            peers = [part.replace("--da-peer", "--peer") for part in operators.peers()]
            code, output = stemma("da", "sample", put, "--rollup-config", rollup, *peers)
            assert code == 0
            assert output.startswith(b"available: 8 of 8 cells")
            code, output = stemma("da", "get", put, "--url", operators.urls[2])
            assert (code, output) == (0, b"by hand")
            broken = put[:-2] + f"{int(put[-2:], 16) ^ 7:02x}"
            code, output = stemma("da", "verify", broken, "--rollup-config", rollup)
            assert code == 3
            assert b"WRONG_SIGNATURE" in output

            # the data is hidden: a light node refuses, a verifier stalls and says why
            assert sequencer.stop() == 0
            assert operators.stop() == [0] * OPERATORS
            code, output = stemma("da", "sample", put, "--rollup-config", rollup, *peers)
            assert code == 3
            assert output.startswith(b"withheld: 0 of 8 cells")
            late = start(light(tmp_path / "late", l1, rollup, operators))
            refusal = wait_for("refusal", lambda: status(late)["refuses"] and status(late))
            assert refusal["l1_accepted"] < refusal["l1_read"]
            assert refusal["refused"]["verdict"] == "withheld"
            assert len(refusal["refused"]["failed_cells"]) >= 1
            stalled = start(
                verifier(tmp_path / "stalled", l1, founder.datadir, *operators.peers(), trust)
            )
            wait_for("a stall", lambda: "0 of 64 cells could be got" in stalled.log_tail(400))
            assert head_number(stalled.l2, "safe") < number

            # publication heals both; what was known before survives a restart
            operators.start()
            wait_for("healed", lambda: not status(late)["refuses"], 120)
            assert any(batch["round"] > 1 for batch in status(late)["newest"])
            wait_for("safe", lambda: head_number(stalled.l2, "safe") >= number, 120)
            assert block_hash(stalled.l2, number) == block_hash_of(other, number)
            assert watching.stop() == 0
            again = start(light(tmp_path / "light", l1, rollup, operators))
            restored = status(again)
            assert restored["batches"] >= seen["batches"]
            assert restored["l1_read"] >= seen["l1_read"]
        finally:
            for node in running:
                node.stop()


def block_hash_of(node: NodeProcess, number: int) -> str | None:
    """A block of a node that has stopped: start it once more to ask."""
    node.start()
    try:
        return block_hash(node.l2, number)
    finally:
        node.stop()
