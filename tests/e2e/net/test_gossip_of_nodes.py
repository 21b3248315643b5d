"""Real nodes on loopback: unsafe blocks and transactions travel over two hops, ahead of L1."""

from __future__ import annotations

import pytest
from node_process import NodeProcess, block_hash, call, dev, head_number, verifier, wait_for

from chain.transaction import DynamicFeeTransaction, sign_transaction
from genesis.dev_accounts import dev_accounts

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LOOPBACK = "127.0.0.1:0"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A sequencer, a verifier beside it, and one that knows the first verifier alone."""
    root = tmp_path_factory.mktemp("net")
    started: list[NodeProcess] = []
    try:
        sequencer = dev(
            root / "sequencer", "--p2p-listen", LOOPBACK, "--l1-block-time", "20"
        ).start()
        started.append(sequencer)
        near = verifier(
            root / "near",
            sequencer.l1,
            root / "sequencer",
            "--p2p-listen", LOOPBACK,
            "--p2p-peers", sequencer.run["l2"]["p2p"],
        ).start()  # fmt: skip
        started.append(near)
        far = verifier(
            root / "far",
            sequencer.l1,
            root / "sequencer",
            "--p2p-listen", LOOPBACK,
            "--p2p-peers", near.run["l2"]["p2p"],
        ).start()  # fmt: skip
        started.append(far)
        yield sequencer, near, far
    finally:
        for node in reversed(started):
            node.stop()


def raw_transfer(url: str, sender, nonce: int) -> str:
    tx = sign_transaction(
        DynamicFeeTransaction(
            chain_id=int(call(url, "eth_chainId"), 16),
            nonce=nonce,
            max_priority_fee_per_gas=10**9,
            max_fee_per_gas=10**11,
            gas_limit=21_000,
            to=dev_accounts()[1].address,
            value=1,
            data=b"",
        ),
        sender.private_key,
    )
    return "0x" + tx.encode().hex()


def test_verifiers_follow_the_unsafe_head_ahead_of_l1(nodes) -> None:
    sequencer, _, far = nodes
    wait_for("peers", lambda: int(call(far.l2, "net_peerCount"), 16) >= 1)
    target = head_number(sequencer.l2) + 3
    wait_for("the far node follows", lambda: head_number(far.l2) >= target)
    assert head_number(far.l2) > head_number(far.l2, "safe")
    assert block_hash(far.l2, target) == block_hash(sequencer.l2, target)


def test_a_transaction_sent_to_the_farthest_node_is_in_a_block_of_the_sequencer(nodes) -> None:
    sequencer, near, far = nodes
    sender = dev_accounts()[0]
    hashes = [
        call(far.l2, "eth_sendRawTransaction", raw_transfer(far.l2, sender, nonce))
        for nonce in range(5)
    ]
    for url in (sequencer.l2, near.l2, far.l2):
        for tx_hash in hashes:
            receipt = wait_for(
                "the receipt", lambda u=url, h=tx_hash: call(u, "eth_getTransactionReceipt", h)
            )
            assert receipt["status"] == "0x1"


def test_peers_find_each_other_by_signed_records(nodes) -> None:
    sequencer, _, far = nodes
    seen = wait_for(
        "the far node meets the sequencer",
        lambda: call(sequencer.l2, "opp2p_self")["nodeID"] in call(far.l2, "opp2p_peers")["peers"],
        within_s=60,
    )
    assert seen
