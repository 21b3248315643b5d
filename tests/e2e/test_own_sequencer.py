"""`stemma node` as a sequencer with a key file, in a data directory that begins empty."""

from __future__ import annotations

from pathlib import Path

import pytest
from anvil import anvil
from load import send_transfers
from node_process import NodeProcess, block_hash, call, dev, head_number, verifier, wait_for

from genesis.dev_accounts import dev_account, dev_accounts

pytestmark = [pytest.mark.e2e, pytest.mark.node_js]


def test_sequencer_in_an_empty_directory_goes_on_where_l1_ends(tmp_path: Path) -> None:
    key = tmp_path / "batcher.key"
    key.write_text("0x" + dev_account("batcher").private_key.hex())
    key.chmod(0o600)
    with anvil() as url:
        founder = dev(tmp_path / "dev", "--l1-url", url).start()
        chain_id = founder.run["l2"]["chain_id"]
        try:
            wait_for("safe blocks", lambda: head_number(founder.l2, "safe") >= 5)
            safe = head_number(founder.l2, "safe")
            old = {number: block_hash(founder.l2, number) for number in range(safe + 1)}
        finally:
            assert founder.stop() == 0
        roles = ("--role", "sequencer", "--role", "batcher", "--batcher-key", str(key))
        moved = verifier(tmp_path / "moved", url, founder.datadir, *roles).start()
        other: NodeProcess | None = None
        try:
            wait_for("new blocks", lambda: head_number(moved.l2) > safe + 5)
            assert {number: block_hash(moved.l2, number) for number in old} == old
            (sent,) = send_transfers(moved.l2, chain_id, dev_accounts()[5:6], 1)
            receipt = wait_for("receipt", lambda: call(moved.l2, "eth_getTransactionReceipt", sent))
            number = int(receipt["blockNumber"], 16)
            other = verifier(tmp_path / "verifier", url, founder.datadir).start()
            verified = other.l2
            wait_for("safe head", lambda: head_number(verified, "safe") >= number, 90)
            assert block_hash(verified, number) == block_hash(moved.l2, number)
        finally:
            for node in (other, moved):
                if node is not None:
                    node.stop()
