"""Withdrawals on L1: sent on L2, proven against a game's output root, finalized once."""

from __future__ import annotations

import pytest
from contract_bench import SENDER, call_data
from settlement import GUARDIAN, OWNER, Rollup, output_of, withdrawal

from chain.abi import event_topic
from chain.types import ZERO_ADDRESS, Address
from rollup.settlement.deploy import GAME_TYPE

OTHER = Address(b"\x0e" * 20)
FUNDS = 10**18
EXTERNAL = (
    "finalizeWithdrawalTransactionExternalProof"
    "((uint256,address,address,uint256,uint256,bytes),address)"
)
L2_SENDER = "l2Sender()"


@pytest.fixture
def rollup():
    rollup = Rollup()
    rollup.fund_portal(FUNDS)
    return rollup


def proven(rollup, item):
    """A withdrawal that SENDER has proven; the output and the game."""
    output = output_of([item])
    index, game = rollup.propose(output.root.root)
    rollup.bench.advance(1)
    assert rollup.prove(item, output, index).succeeded
    return output, index, game


def ready(rollup, item):
    """A withdrawal that may be finalized."""
    _, _, game = proven(rollup, item)
    rollup.resolve(game)
    rollup.mature()
    return game


def test_ether_comes_back_after_proof_game_and_delays(rollup):
    item = withdrawal()
    output = output_of([item])
    index, game = rollup.propose(output.root.root)
    rollup.bench.advance(1)
    outcome = rollup.prove(item, output, index)
    assert [log.topics[0] for log in outcome.logs] == [
        event_topic("WithdrawalProven(bytes32,address,address)"),
        event_topic("WithdrawalProvenExtension1(bytes32,address)"),
    ]
    rollup.resolve(game)
    rollup.mature()
    (finalized,) = rollup.finalize(item).logs
    assert finalized.topics == (event_topic("WithdrawalFinalized(bytes32,bool)"), item.hash)
    assert int.from_bytes(finalized.data, "big") == 1
    assert rollup.bench.state.get_balance(item.target) == item.value
    assert rollup.bench.state.get_balance(rollup.at.portal) == FUNDS - item.value


def test_a_withdrawal_is_paid_once(rollup):
    item = withdrawal()
    ready(rollup, item)
    assert rollup.finalize(item).succeeded
    assert rollup.finalize(item).refused_with("OptimismPortal_AlreadyFinalized()")
    assert rollup.bench.state.get_balance(item.target) == item.value


def test_somebody_else_may_finalize_with_the_provers_proof(rollup):
    item = withdrawal()
    ready(rollup, item)
    assert rollup.finalize(item, sender=OTHER).refused_with("OptimismPortal_Unproven()")
    call = call_data(EXTERNAL, item.as_tuple(), SENDER)
    assert rollup.bench.send(rollup.at.portal, call, sender=OTHER).succeeded
    assert rollup.bench.state.get_balance(item.target) == item.value


def test_what_the_portal_remembers_of_a_proof(rollup):
    item = withdrawal()
    _, _, game = proven(rollup, item)
    portal, view = rollup.at.portal, rollup.bench.view
    assert view(portal, "numProofSubmitters(bytes32)", ["uint256"], item.hash) == 1
    assert view(portal, "proofSubmitters(bytes32,uint256)", ["address"], item.hash, 0) == SENDER
    found = view(
        portal, "provenWithdrawals(bytes32,address)", ["address", "uint64"], item.hash, SENDER
    )
    assert found == (game, rollup.bench.now)
    assert not view(portal, "finalizedWithdrawals(bytes32)", ["bool"], item.hash)


def test_proving_again_starts_the_delay_anew_without_a_second_entry(rollup):
    item = withdrawal()
    output, index, game = proven(rollup, item)
    rollup.resolve(game)
    assert rollup.prove(item, output, index).succeeded
    assert rollup.finalize(item).refused_with("OptimismPortal_ProofNotOldEnough()")
    count = rollup.bench.view(
        rollup.at.portal, "numProofSubmitters(bytes32)", ["uint256"], item.hash
    )
    assert count == 1


def test_the_delays_are_kept_to_the_second(rollup):
    settlement = rollup.parameters.settlement
    item = withdrawal()
    output = output_of([item])
    index, game = rollup.propose(output.root.root)
    rollup.resolve(game)
    assert rollup.prove(item, output, index).succeeded
    rollup.bench.advance(settlement.proof_maturity_delay_s)
    assert rollup.finalize(item).refused_with("OptimismPortal_ProofNotOldEnough()")
    rollup.bench.advance(1)
    assert rollup.finalize(item).succeeded


def test_a_game_counts_only_after_its_own_delay(rollup):
    settlement = rollup.parameters.settlement
    item = withdrawal()
    _, _, game = proven(rollup, item)
    rollup.resolve(game)
    rollup.bench.advance(settlement.game_finality_delay_s)
    assert rollup.finalize(item).refused_with("OptimismPortal_InvalidRootClaim()")
    rollup.bench.advance(1)
    assert rollup.finalize(item).succeeded


def test_an_unresolved_game_pays_nobody(rollup):
    item = withdrawal()
    proven(rollup, item)
    rollup.bench.advance(10**6)
    assert rollup.finalize(item).refused_with("OptimismPortal_InvalidRootClaim()")


def test_a_proof_has_to_be_younger_than_its_game(rollup):
    item = withdrawal()
    output = output_of([item])
    index, _ = rollup.propose(output.root.root)
    refused = rollup.prove(item, output, index)
    assert refused.refused_with("OptimismPortal_InvalidProofTimestamp()")


def test_a_failing_target_loses_nothing_but_its_turn(rollup):
    failing = Address(b"\xfa" * 20)
    rollup.bench.place(failing, bytes.fromhex("5f5ffd"))
    item = withdrawal(target=failing)
    ready(rollup, item)
    (log,) = rollup.finalize(item).logs
    assert int.from_bytes(log.data, "big") == 0
    assert rollup.bench.state.get_balance(rollup.at.portal) == FUNDS
    assert rollup.finalize(item).refused_with("OptimismPortal_AlreadyFinalized()")


def test_who_estimates_gas_hears_that_the_call_fails(rollup):
    failing = Address(b"\xfa" * 20)
    rollup.bench.place(failing, bytes.fromhex("5f5ffd"))
    item = withdrawal(target=failing)
    ready(rollup, item)
    estimator = Address(bytes(19) + b"\x01")
    call = call_data(EXTERNAL, item.as_tuple(), SENDER)
    outcome = rollup.bench.send(rollup.at.portal, call, sender=OTHER, origin=estimator)
    assert outcome.refused_with("OptimismPortal_GasEstimation()")


def test_the_target_gets_the_gas_that_was_asked_for(rollup):
    # A contract that stores how much gas it has.
    meter = Address(b"\x3e" * 20)
    rollup.bench.place(meter, bytes.fromhex("5a5f5500"))
    item = withdrawal(target=meter, gas_limit=200_000)
    ready(rollup, item)
    refused = rollup.finalize(item, gas=260_000)
    assert refused.reason == "SafeCall: Not enough gas"
    assert rollup.finalize(item, gas=400_000).succeeded
    assert rollup.bench.state.get_storage(meter, 0) >= 200_000 - 10


def test_the_target_can_ask_who_sent_the_withdrawal(rollup):
    # Asks l2Sender() of its caller, the portal, and stores the answer.
    asker = Address(b"\xa5" * 20)
    selector = call_data(L2_SENDER).hex()
    code = f"63{selector}5f5260205f6004601c335afa505f515f5500"
    rollup.bench.place(asker, bytes.fromhex(code))
    item = withdrawal(target=asker)
    ready(rollup, item)
    assert rollup.finalize(item).succeeded
    assert rollup.bench.state.get_storage(asker, 0) == int.from_bytes(item.sender, "big")
    nobody = rollup.bench.view(rollup.at.portal, L2_SENDER, ["address"])
    assert nobody == Address(bytes.fromhex("000000000000000000000000000000000000dead"))


def test_a_target_cannot_finalize_another_withdrawal_from_inside(rollup):
    # Calls back with the calldata that the withdrawal carries, and stores whether that worked.
    reenterer = Address(b"\x4e" * 20)
    rollup.bench.place(reenterer, bytes.fromhex("365f5f375f5f365f5f335af15f5500"))
    inner = withdrawal(1)
    call = call_data(EXTERNAL, inner.as_tuple(), SENDER)
    outer = withdrawal(2, target=reenterer, data=call, gas_limit=1_000_000)
    output = output_of([inner, outer])
    index, game = rollup.propose(output.root.root)
    rollup.bench.advance(1)
    for item in (inner, outer):
        assert rollup.prove(item, output, index).succeeded
    rollup.resolve(game)
    rollup.mature()
    rollup.bench.state.set_storage(reenterer, 0, 7)
    assert rollup.finalize(outer).succeeded
    assert rollup.bench.state.get_storage(reenterer, 0) == 0
    assert rollup.bench.state.get_balance(inner.target) == 0
    assert rollup.finalize(inner).succeeded


def test_the_portal_is_no_target(rollup):
    item = withdrawal(target=rollup.at.portal)
    output = output_of([item])
    index, _ = rollup.propose(output.root.root)
    rollup.bench.advance(1)
    assert rollup.prove(item, output, index).refused_with("OptimismPortal_BadTarget()")


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": (1 << 240) | 9},
        {"sender": OTHER},
        {"target": OTHER},
        {"value": 6},
        {"gas_limit": 100_001},
        {"data": b"\x00"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_withdrawal_that_was_not_sent_cannot_be_proven(rollup, change):
    output = output_of([withdrawal()])
    index, _ = rollup.propose(output.root.root)
    rollup.bench.advance(1)
    proof = output.proof(withdrawal())
    refused = rollup.prove(withdrawal(**change), output, index, proof=proof)
    assert not refused.succeeded
    assert "MerkleTrie: " in refused.reason


def test_another_output_root_than_the_games_is_refused(rollup):
    item = withdrawal()
    honest, other = output_of([item]), output_of([item], other_slots=3)
    index, _ = rollup.propose(honest.root.root)
    rollup.bench.advance(1)
    refused = rollup.prove(item, other, index)
    assert refused.refused_with("OptimismPortal_InvalidOutputRootProof()")


def test_a_proof_says_what_is_wrong_with_it(rollup):
    item = withdrawal()
    output = output_of([item])
    index, _ = rollup.propose(output.root.root)
    rollup.bench.advance(1)
    root, *middle, leaf = output.proof(item)
    for proof, reason in (
        ([root, *middle], "the proof ends before the leaf"),
        ([root, *middle, leaf, leaf], "nodes after the leaf"),
        ([leaf], "a node does not have the hash that its parent names"),
        ([root, *middle, leaf[:-1] + b"\x02"], "a node does not have the hash"),
    ):
        assert reason in rollup.prove(item, output, index, proof=proof).reason


def test_a_game_of_another_type_is_not_respected(rollup):
    item = withdrawal()
    output = output_of([item])
    registry = rollup.at.anchor_state_registry
    change = call_data("setRespectedGameType(uint32)", GAME_TYPE + 1)
    assert rollup.bench.send(registry, change, sender=GUARDIAN).succeeded
    index, _ = rollup.propose(output.root.root)
    rollup.bench.advance(1)
    refused = rollup.prove(item, output, index)
    assert refused.refused_with("OptimismPortal_InvalidDisputeGame()")


def test_a_game_that_is_struck_out_pays_nobody(rollup):
    item = withdrawal()
    game = ready(rollup, item)
    registry = rollup.at.anchor_state_registry
    strike = call_data("blacklistDisputeGame(address)", game)
    refused = rollup.bench.send(registry, strike)
    assert refused.refused_with("AnchorStateRegistry_Unauthorized()")
    assert rollup.bench.send(registry, strike, sender=GUARDIAN).succeeded
    assert rollup.finalize(item).refused_with("OptimismPortal_InvalidRootClaim()")


def test_retired_games_pay_nobody(rollup):
    item = withdrawal()
    ready(rollup, item)
    retire = call_data("updateRetirementTimestamp()")
    registry = rollup.at.anchor_state_registry
    assert rollup.bench.send(registry, retire, sender=GUARDIAN).succeeded
    assert rollup.finalize(item).refused_with("OptimismPortal_InvalidRootClaim()")


@pytest.mark.parametrize("everything", [True, False], ids=["everything", "the-portal"])
def test_the_guardian_pauses_withdrawals_and_not_deposits(rollup, everything):
    item = withdrawal()
    ready(rollup, item)
    paused = ZERO_ADDRESS if everything else rollup.at.portal
    pause = call_data("pause(address)", paused)
    config = rollup.at.superchain_config
    assert rollup.bench.send(config, pause).refused_with("SuperchainConfig_OnlyGuardian()")
    assert rollup.bench.send(config, pause, sender=GUARDIAN).succeeded
    assert rollup.bench.view(rollup.at.portal, "paused()", ["bool"])
    assert rollup.bench.view(rollup.at.system_config, "paused()", ["bool"])
    assert rollup.finalize(item).refused_with("OptimismPortal_CallPaused()")
    output = output_of([item])
    assert rollup.prove(item, output, 0).refused_with("OptimismPortal_CallPaused()")
    assert rollup.bench.send(rollup.at.portal, value=1).succeeded
    unpause = call_data("unpause(address)", paused)
    assert rollup.bench.send(config, unpause, sender=GUARDIAN).succeeded
    assert rollup.finalize(item).succeeded


def test_a_pause_ends_by_itself(rollup):
    pause = call_data("pause(address)", ZERO_ADDRESS)
    config = rollup.at.superchain_config
    assert rollup.bench.send(config, pause, sender=GUARDIAN).succeeded
    again = rollup.bench.send(config, pause, sender=GUARDIAN)
    assert again.refused_with("SuperchainConfig_AlreadyPaused(address)")
    rollup.bench.advance(rollup.bench.view(config, "pauseExpiry()", ["uint256"]))
    assert not rollup.bench.view(rollup.at.portal, "paused()", ["bool"])


def test_only_the_owner_sets_games_and_bonds(rollup):
    factory = rollup.at.dispute_game_factory
    call = call_data("setInitBond(uint32,uint256)", GAME_TYPE, 1)
    refused = rollup.bench.send(factory, call)
    assert refused.reason == "Ownable: caller is not the owner"
    assert rollup.bench.send(factory, call, sender=OWNER).succeeded
    assert rollup.bench.view(factory, "initBonds(uint32)", ["uint256"], GAME_TYPE) == 1
