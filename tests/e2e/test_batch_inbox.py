"""`stemma dev --inbox contract`: batches through a contract; L1 proves what a block is made of."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from load import transfer
from node_process import ROOT, NodeProcess, block_hash, call, head_number, wait_for

from genesis.dev_accounts import dev_account

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_network_lives_on_an_inbox_and_l1_proves_a_block_of_it(tmp_path) -> None:
    net = NodeProcess(
        tmp_path / "dev", "dev", "--no-ai", "--port", "0", "--l1-port", "0", "--inbox", "contract",
        "--block-time", "1", "--l1-block-time", "1", "--p2p-listen", "",
    )  # fmt: skip
    verifier = None
    net.start()
    try:
        raw = transfer(int(call(net.l2, "eth_chainId"), 16), dev_account("account2"), 0)
        sent = call(net.l2, "eth_sendRawTransaction", "0x" + raw.hex())
        receipt = wait_for("a receipt", lambda: call(net.l2, "eth_getTransactionReceipt", sent))
        number = int(receipt["blockNumber"], 16)
        wait_for("it is safe", lambda: head_number(net.l2, "safe") >= number, within_s=90)
        key = tmp_path / "key"
        key.write_text("0x" + dev_account("account3").private_key.hex())
        key.chmod(0o600)
        done = subprocess.run(
            [
                sys.executable, "-m", "node.cli", "dispute", "prove-inputs", str(number),
                "--l1-url", net.l1, "--l2-url", net.l2, "--key-file", str(key),
                "--block-inputs", net.run["contracts"]["BlockInputs"],
            ],
            cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        roots = [line.split()[-1] for line in done.stdout.splitlines() if "inputs root" in line]
        assert len(set(roots)) == 1
        assert len(roots) == 2

        # Somebody else comes to the same chain from L1 alone.
        rollup = json.loads((net.datadir / "rollup.json").read_text())
        assert rollup["stemma_inbox"] is True
        verifier = NodeProcess(
            tmp_path / "verifier", "node", "--port", "0", "--l1-url", net.l1,
            "--rollup-config", str(net.datadir / "rollup.json"),
            "--genesis", str(net.datadir / "genesis.json"),
        ).start()  # fmt: skip
        wait_for("the verifier follows", lambda: head_number(verifier.l2, "safe") >= number)
        assert block_hash(verifier.l2, number) == block_hash(net.l2, number)
    finally:
        if verifier is not None:
            verifier.stop()
        net.stop()
