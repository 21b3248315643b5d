"""`stemma dev --inbox contract --fault`: the network's own challenger beats a lie about inputs."""

from __future__ import annotations

import pytest
from node_process import NodeProcess, RpcFailure, call, wait_for

from genesis.dev_accounts import dev_account

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_stale_origin_is_beaten_by_a_step_with_what_l1_computes(tmp_path) -> None:
    net = NodeProcess(
        tmp_path / "dev", "dev", "--no-ai", "--port", "0", "--l1-port", "0", "--inbox", "contract",
        "--block-time", "1", "--l1-block-time", "1", "--p2p-listen", "",
        "--fault", "stale-origin@8",
    )  # fmt: skip
    net.start()
    try:
        wait_for("58 moves and the step", lambda: countered(net.l2), within_s=240)
        bundle = call(net.l2, "stemma_disputeBundle", 0)
        assert bundle["subject"]["inputs_root"] is None
        assert len(bundle["proven_inputs"]) == 1
        last = bundle["claims"][-1]
        assert last["countered_by"] == "0x" + dev_account("challenger").address.hex()
        said = call(net.l2, "stemma_disputeStep", 0)["lines"]
        assert said[0].startswith("one step decides: block begin, step 0 of ")
        assert any("L1 origin among the block's inputs is" in line for line in said), said
    finally:
        net.stop()


def countered(url: str) -> bool:
    try:
        claims = call(url, "stemma_disputeBundle", 0)["claims"]
    except RpcFailure:
        return False
    return len(claims) == 59 and int(claims[-1]["countered_by"], 16) != 0
