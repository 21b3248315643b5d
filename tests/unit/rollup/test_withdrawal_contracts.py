"""Withdrawals on L1: sent on L2, proven against a game's output root, finalized once."""

from __future__ import annotations

import pytest
from settlement import Rollup, output_of, withdrawal

from chain.abi import event_topic
from chain.types import Address

OTHER = Address(b"\x0e" * 20)
EXTERNAL = (
    "finalizeWithdrawalTransactionExternalProof"
    "((uint256,address,address,uint256,uint256,bytes),address)"
)


@pytest.fixture
def rollup():
    rollup = Rollup()
    rollup.fund_portal(10**18)
    return rollup


def test_ether_comes_back_after_proof_game_and_delays(rollup):
    item = withdrawal()
    output = output_of([item])
    index, game = rollup.propose(output.root.root)
    rollup.bench.advance(1)
    proven = rollup.prove(item, output, index)
    assert [log.topics[0] for log in proven.logs] == [
        event_topic("WithdrawalProven(bytes32,address,address)"),
        event_topic("WithdrawalProvenExtension1(bytes32,address)"),
    ]
    rollup.resolve(game)
    rollup.mature()
    (finalized,) = rollup.finalize(item).logs
    assert finalized.topics == (event_topic("WithdrawalFinalized(bytes32,bool)"), item.hash)
    assert int.from_bytes(finalized.data, "big") == 1
    assert rollup.bench.state.get_balance(item.target) == item.value
    assert rollup.bench.state.get_balance(rollup.at.portal) == 10**18 - item.value
    assert rollup.finalize(item).refused_with("OptimismPortal_AlreadyFinalized()")
