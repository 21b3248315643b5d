"""A real node joins by a snapshot of a root that L1 knows, and goes on by derivation."""

from __future__ import annotations

import pytest
from node_process import (
    RpcFailure,
    block_hash,
    call,
    dev,
    head_number,
    verifier,
    wait_for,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LOOPBACK = "127.0.0.1:0"


def test_a_new_verifier_joins_by_snapshot_and_reaches_the_head(tmp_path) -> None:
    founder = dev(tmp_path / "dev", "--p2p-listen", LOOPBACK, "--l1-block-time", "1").start()
    joining = verifier(
        tmp_path / "new",
        founder.l1,
        tmp_path / "dev",
        "--p2p-listen", LOOPBACK,
        "--p2p-peers", founder.run["l2"]["p2p"],
        "--sync", "snapshot",
        "--sync-root", "proposed",
    )  # fmt: skip
    try:
        wait_for("a proposal", lambda: "proposed" in founder.log_tail(2000), 120)
        joining.start()
        note = call(joining.l2, "stemma_snapshot")
        assert note["number"] > 0
        assert note["accounts"] > 10
        root = call(founder.l2, "optimism_outputAtBlock", hex(note["number"]))["outputRoot"]
        assert note["outputRoot"] == root
        goal = head_number(founder.l2, "safe") + 2
        wait_for("derived on", lambda: head_number(joining.l2, "safe") >= goal, 120)
        assert block_hash(joining.l2, goal) == block_hash(founder.l2, goal)
        wait_for("unsafe blocks", lambda: head_number(joining.l2) > goal)
        # what was before is not there, and says so
        with pytest.raises(RpcFailure, match="joined at block"):
            call(joining.l2, "eth_getBlockReceipts", hex(note["number"]))
        with pytest.raises(RpcFailure, match="joined at block"):
            call(joining.l2, "eth_getLogs", {"fromBlock": "0x1", "toBlock": hex(goal)})
        assert call(joining.l2, "eth_getBlockByNumber", hex(note["number"]), True)["transactions"]
        # a second start with the same flags finds the chain there
        joining.kill()
        joining.start()
        assert call(joining.l2, "stemma_snapshot") == note
        assert "has nothing to do" in joining.log_tail(2000)
    finally:
        joining.stop()
        founder.stop()
