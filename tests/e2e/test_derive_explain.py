"""`stemma derive --explain` against a running network, its own L1 and L2 asked over RPC."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from node_process import ROOT, NodeProcess, call, wait_for

pytestmark = pytest.mark.e2e


def explain(l1, l2, number, *options):
    command = [sys.executable, "-m", "node.cli", "derive", "--explain", str(number),
               "--l1-url", l1, "--l2-url", l2, *options]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_explains_the_l1_block_that_carries_a_batch(tmp_path):
    node = NodeProcess(
        tmp_path, "dev", "--no-ai", "--port", "0", "--l1-port", "0", "--l1-block-time", "1",
        "--block-time", "1",
    ).start()  # fmt: skip
    try:
        l1, l2 = node.run["l1"]["rpc"], node.run["l2"]["rpc"]

        def safe():
            status = call(l2, "optimism_syncStatus")
            return status["safe_l2"]["number"] >= 3 and status["current_l1"]["number"]

        newest = wait_for("three safe blocks", safe)
        rules = set()
        for number in range(max(1, newest - 3), newest):
            done = explain(l1, l2, number, "--json")
            assert done.returncode == 0, done.stderr
            rules |= {json.loads(line)["rule"] for line in done.stdout.splitlines()}
        assert {"FRAME_OPENS", "CHANNEL_COMPLETE", "BATCH_ACCEPTED", "PAYLOAD"} <= rules
        nothing = explain(l1, l2, 10**9)
        assert nothing.returncode == 1
        assert "is not in" in nothing.stderr
    finally:
        node.stop()
