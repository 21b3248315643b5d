"""Batches as blobs: the embedded L1 and anvil carry them, a verifier derives from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from anvil import anvil
from load import send_transfers
from node_process import block_hash, call, dev, head_number, verifier, wait_for

from genesis.dev_accounts import dev_accounts

pytestmark = pytest.mark.e2e


def derive_from_blobs(tmp_path: Path, *arguments: str, trust: tuple[str, ...] = ()) -> None:
    net = dev(tmp_path / "dev", "--blobs", *arguments).start()
    try:
        sent = send_transfers(net.l2, net.run["l2"]["chain_id"], dev_accounts()[1:3], 10)
        mined = wait_for("transfer", lambda: call(net.l2, "eth_getTransactionReceipt", sent[-1]))
        number = int(mined["blockNumber"], 16)
        wait_for("safe on the sequencer", lambda: head_number(net.l2, "safe") >= number, 90)
        other = verifier(tmp_path / "verifier", net.l1, net.datadir, *trust).start()
        try:
            wait_for("safe on the verifier", lambda: head_number(other.l2, "safe") >= number, 90)
            assert block_hash(other.l2, number) == block_hash(net.l2, number)
        finally:
            other.stop()
    finally:
        net.stop()


def test_embedded_l1_carries_blobs(tmp_path: Path) -> None:
    derive_from_blobs(tmp_path, "--l1-block-time", "1")


@pytest.mark.node_js
def test_anvil_carries_blobs(tmp_path: Path) -> None:
    with anvil() as url:
        derive_from_blobs(tmp_path, "--l1-url", url, trust=("--l1-trust-rpc",))
