"""SIGKILL at twenty random moments under load: no sealed block is lost, nobody diverges."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from load import send_transfers
from node_process import RpcFailure, block_hash, call, dev, head_number, verifier, wait_for

from genesis.dev_accounts import dev_accounts

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KILLS = 20
SEED = 20_261_121


@pytest.mark.timeout(600)
def test_twenty_kills_lose_no_sealed_block(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    net = dev(tmp_path / "dev")
    sealed: dict[int, str] = {}
    try:
        for _ in range(KILLS):
            net.start()
            for number in list(sealed)[-50:]:
                assert block_hash(net.l2, number) == sealed[number], f"block {number} was lost"
            until = time.monotonic() + chance.uniform(0.3, 2.5)
            while time.monotonic() < until:
                send_transfers(net.l2, net.run["l2"]["chain_id"], dev_accounts()[1:4], 10)
                number = head_number(net.l2)
                sealed[number] = block_hash(net.l2, number) or ""
            net.kill()
        net.start()
        assert len(sealed) >= KILLS
        assert {number: block_hash(net.l2, number) for number in sealed} == sealed
        other = verifier(tmp_path / "verifier", net.l1, net.datadir).start()
        try:
            last = max(sealed)
            wait_for("safe on the verifier", lambda: head_number(other.l2, "safe") >= last, 120)
            derived = {number: block_hash(other.l2, number) for number in sealed}
            assert derived == sealed
        finally:
            other.stop()
    finally:
        net.stop()


def test_killed_verifier_goes_on_deriving(tmp_path: Path) -> None:
    net = dev(tmp_path / "dev").start()
    other = verifier(tmp_path / "verifier", net.l1, net.datadir)
    try:
        for _ in range(3):
            other.start()
            before = head_number(other.l2, "safe")
            wait_for("progress", lambda before=before: head_number(other.l2, "safe") > before)
            other.kill()
        other.start()
        target = head_number(net.l2)
        wait_for("safe head", lambda: head_number(other.l2, "safe") >= target, 60)
        assert block_hash(other.l2, target) == block_hash(net.l2, target)
    finally:
        other.stop()
        net.stop()
    with pytest.raises((OSError, RpcFailure)):
        call(net.l2, "eth_blockNumber")
