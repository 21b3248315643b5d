"""Messengers and bridges of both layers: what goes in comes out, once, and for its owner only."""

from __future__ import annotations

import pytest
from contract_bench import SENDER, call_data
from settlement import GUARDIAN, withdrawal
from two_layers import BRIDGE_ERC20_TO, BRIDGE_ETH_TO, SUPPLY, TwoLayers, token_creation

from chain import abi
from chain.abi import event_topic
from chain.types import ZERO_ADDRESS, Address, to_address
from genesis.addresses import (
    L2_CROSS_DOMAIN_MESSENGER,
    L2_STANDARD_BRIDGE,
    L2_TO_L1_MESSAGE_PASSER,
    OPTIMISM_MINTABLE_ERC20_FACTORY,
)
from rollup.bridge.address_alias import apply_l1_to_l2_alias
from rollup.bridge.withdrawals import decode_withdrawal

ALICE = Address(b"\xa1" * 20)
BOB = Address(b"\xb0" * 20)
RELAY = "relayMessage(uint256,address,address,uint256,uint256,bytes)"
SEND = "sendMessage(address,bytes,uint32)"
LEGACY_ETHER = to_address("0xdeaddeaddeaddeaddeaddeaddeaddeaddead0000")


@pytest.fixture
def layers():
    return TwoLayers()


def moody(bench, address):
    """A contract that reverts until its slot 0 is set, then stores its call value in slot 1."""
    bench.place(address, bytes.fromhex("5f546008575f5ffd5b3460015500"))


def names(outcome):
    return [log.topics[0] for log in outcome.logs]


def test_ether_goes_over_and_back(layers):
    (relayed,) = layers.ether_in(ALICE, 10**18)
    assert relayed.succeeded
    assert layers.l2.state.get_balance(ALICE) == 10**18
    assert layers.l1.state.get_balance(layers.at.portal) == 10**18
    assert layers.ether_out(ALICE, BOB, 10**17).succeeded
    assert layers.l1.state.get_balance(BOB) == 10**17
    assert layers.l1.state.get_balance(layers.at.portal) == 10**18 - 10**17


def test_ether_has_the_events_of_both_generations(layers):
    call = call_data("depositETHTo(address,uint32,bytes)", ALICE, 100_000, b"\x01")
    sent = layers.l1.send(layers.at.l1_standard_bridge, call, value=5)
    assert names(sent) == [
        event_topic("ETHDepositInitiated(address,address,uint256,bytes)"),
        event_topic("ETHBridgeInitiated(address,address,uint256,bytes)"),
        event_topic("TransactionDeposited(address,address,uint256,bytes)"),
        event_topic("SentMessage(address,address,bytes,uint256,uint256)"),
        event_topic("SentMessageExtension1(address,uint256)"),
    ]
    (relayed,) = layers.deliver(sent)
    assert names(relayed) == [
        event_topic("DepositFinalized(address,address,address,address,uint256,bytes)"),
        event_topic("ETHBridgeFinalized(address,address,uint256,bytes)"),
        event_topic("RelayedMessage(bytes32)"),
    ]
    call = call_data(
        "withdrawTo(address,address,uint256,uint32,bytes)", LEGACY_ETHER, BOB, 5, 0, b""
    )
    back = layers.l2.send(L2_STANDARD_BRIDGE, call, value=5, sender=ALICE)
    assert names(back) == [
        event_topic("WithdrawalInitiated(address,address,address,address,uint256,bytes)"),
        event_topic("ETHBridgeInitiated(address,address,uint256,bytes)"),
        event_topic("MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)"),
        event_topic("SentMessage(address,address,bytes,uint256,uint256)"),
        event_topic("SentMessageExtension1(address,uint256)"),
    ]
    assert names(layers.settle(back)) == [
        event_topic("ETHWithdrawalFinalized(address,address,uint256,bytes)"),
        event_topic("ETHBridgeFinalized(address,address,uint256,bytes)"),
        event_topic("RelayedMessage(bytes32)"),
        event_topic("WithdrawalFinalized(bytes32,bool)"),
    ]


def test_ether_sent_to_a_bridge_arrives_at_the_senders_own_address(layers):
    layers.deliver(layers.l1.send(layers.at.l1_standard_bridge, value=9))
    assert layers.l2.state.get_balance(SENDER) == 9
    before = layers.l1.state.get_balance(SENDER)
    layers.settle(layers.l2.send(L2_STANDARD_BRIDGE, value=9))
    assert layers.l1.state.get_balance(SENDER) == before + 9


def test_tokens_go_over_and_back(layers):
    token = layers.token()
    twin = layers.twin(token)
    (relayed,) = layers.tokens_in(token, twin, ALICE, 1000)
    assert event_topic("Mint(address,uint256)") in names(relayed)
    assert layers.held(layers.l2, twin, ALICE) == 1000
    assert layers.held(layers.l1, token, layers.at.l1_standard_bridge) == 1000
    back = layers.tokens_out(token, twin, ALICE, BOB, 400)
    assert event_topic(
        "ERC20WithdrawalFinalized(address,address,address,address,uint256,bytes)"
    ) in names(back)
    assert layers.held(layers.l1, token, BOB) == 400
    assert layers.held(layers.l2, twin, ALICE) == 600
    deposits = layers.l1.view(
        layers.at.l1_standard_bridge, "deposits(address,address)", ["uint256"], token, twin
    )
    assert deposits == 600


def test_the_older_withdrawal_knows_the_token_on_l1_itself(layers):
    token = layers.token()
    twin = layers.twin(token)
    layers.tokens_in(token, twin, ALICE, 1000)
    call = call_data("withdraw(address,uint256,uint32,bytes)", twin, 300, 0, b"")
    layers.settle(layers.l2.send(L2_STANDARD_BRIDGE, call, sender=ALICE))
    assert layers.held(layers.l1, token, ALICE) == 300


def test_a_token_of_l2_has_its_twin_on_l1(layers):
    token = layers.l2.deploy(token_creation())
    made = layers.l1.send(
        layers.at.mintable_erc20_factory,
        call_data("createStandardL2Token(address,string,string)", token, "Twin", "TWN"),
    )
    twin = abi.decode(["address"], made.output)[0]
    approve = call_data("approve(address,uint256)", L2_STANDARD_BRIDGE, SUPPLY)
    layers.l2.send(token, approve)
    call = call_data(BRIDGE_ERC20_TO, token, twin, BOB, 70, 200_000, b"")
    layers.settle(layers.l2.send(L2_STANDARD_BRIDGE, call))
    assert layers.held(layers.l1, twin, BOB) == 70
    call = call_data(BRIDGE_ERC20_TO, twin, token, ALICE, 30, 200_000, b"")
    layers.deliver(layers.l1.send(layers.at.l1_standard_bridge, call, sender=BOB))
    assert layers.held(layers.l2, token, ALICE) == 30
    assert layers.held(layers.l1, twin, BOB) == 40


def test_twins_are_described_by_what_they_were_made_with(layers):
    token = layers.token()
    twin = layers.twin(token)
    view = layers.l2.view
    assert view(twin, "name()", ["string"]) == "Twin"
    assert view(twin, "symbol()", ["string"]) == "TWN"
    assert view(twin, "decimals()", ["uint8"]) == 18
    for name in ("remoteToken()", "l1Token()", "REMOTE_TOKEN()"):
        assert view(twin, name, ["address"]) == token
    for name in ("bridge()", "l2Bridge()", "BRIDGE()"):
        assert view(twin, name, ["address"]) == L2_STANDARD_BRIDGE
    for interface in ("01ffc9a7", "ec4fc8e3", "1d1d8b63"):
        assert view(twin, "supportsInterface(bytes4)", ["bool"], bytes.fromhex(interface))
    assert not view(twin, "supportsInterface(bytes4)", ["bool"], b"\xff" * 4)
    factory = OPTIMISM_MINTABLE_ERC20_FACTORY
    assert view(factory, "deployments(address)", ["address"], twin) == token
    mint = call_data("mint(address,uint256)", ALICE, 1)
    assert "only bridge" in layers.l2.send(twin, mint).reason


def test_a_wrong_pair_of_tokens_is_refused(layers):
    token = layers.token()
    twin = layers.twin(token)
    layers.tokens_in(token, twin, ALICE, 10)
    wrong = call_data(BRIDGE_ERC20_TO, twin, BOB, ALICE, 10, 0, b"")
    refused = layers.l2.send(L2_STANDARD_BRIDGE, wrong, sender=ALICE)
    assert "wrong remote token" in refused.reason


def test_tokens_sent_for_a_token_that_is_no_twin_wait_on_l2_and_can_be_tried_again(layers):
    token = layers.token()
    call = call_data(BRIDGE_ERC20_TO, token, BOB, ALICE, 10, 200_000, b"")
    (relayed,) = layers.deliver(layers.l1.send(layers.at.l1_standard_bridge, call))
    assert relayed.succeeded
    assert names(relayed) == [event_topic("FailedRelayedMessage(bytes32)")]


def test_only_the_other_bridge_pays_out(layers):
    finalize = call_data("finalizeBridgeETH(address,address,uint256,bytes)", ALICE, ALICE, 1, b"")
    tokens = call_data(
        "finalizeBridgeERC20(address,address,address,address,uint256,bytes)",
        ALICE, BOB, ALICE, ALICE, 1, b"",
    )  # fmt: skip
    for bench, bridge in (
        (layers.l1, layers.at.l1_standard_bridge),
        (layers.l2, L2_STANDARD_BRIDGE),
    ):
        bench.state.set_balance(ALICE, 10)
        for call, value in ((finalize, 1), (tokens, 0)):
            refused = bench.send(bridge, call, value=value, sender=ALICE)
            assert "only be called from the other bridge" in refused.reason


def test_anybodys_message_may_call_but_not_as_the_bridge(layers):
    # ALICE sends the bridge on L2 a message that would mint ether for her.
    finalize = call_data("finalizeBridgeETH(address,address,uint256,bytes)", ALICE, ALICE, 0, b"")
    call = call_data(SEND, L2_STANDARD_BRIDGE, finalize, 200_000)
    (relayed,) = layers.deliver(layers.l1.send(layers.at.l1_cross_domain_messenger, call))
    assert names(relayed) == [event_topic("FailedRelayedMessage(bytes32)")]


def test_contracts_use_the_functions_that_name_a_receiver(layers):
    contract = Address(b"\x99" * 20)
    layers.l1.place(contract, b"\x00")
    layers.l1.state.set_balance(contract, 10)
    call = call_data("bridgeETH(uint32,bytes)", 0, b"")
    bridge = layers.at.l1_standard_bridge
    refused = layers.l1.send(bridge, call, value=1, sender=contract, origin=SENDER)
    assert "only be called from an EOA" in refused.reason
    call = call_data(BRIDGE_ETH_TO, ALICE, 100_000, b"")
    layers.deliver(layers.l1.send(bridge, call, value=1, sender=contract, origin=SENDER))
    assert layers.l2.state.get_balance(ALICE) == 1


@pytest.mark.parametrize("layer", ["l1", "l2"])
def test_a_message_that_fails_can_be_tried_again_and_then_runs_once(layers, layer):
    bench = getattr(layers, layer)
    target = Address(b"\x3d" * 20)
    moody(bench, target)
    call = call_data(SEND, target, b"hello", 100_000)
    if layer == "l2":
        messenger = L2_CROSS_DOMAIN_MESSENGER
        sent = layers.l1.send(layers.at.l1_cross_domain_messenger, call, value=7)
        (relayed,) = layers.deliver(sent)
    else:
        messenger = layers.at.l1_cross_domain_messenger
        layers.rollup.fund_portal(7)
        layers.l2.state.set_balance(SENDER, 7)
        relayed = layers.settle(layers.l2.send(L2_CROSS_DOMAIN_MESSENGER, call, value=7))
    (failed,) = [log for log in relayed.logs if log.address == messenger]
    assert failed.topics[0] == event_topic("FailedRelayedMessage(bytes32)")
    assert bench.view(messenger, "failedMessages(bytes32)", ["bool"], failed.topics[1])
    assert bench.state.get_balance(messenger) == 7
    relay = call_data(RELAY, 1 << 240, SENDER, target, 7, 100_000, b"hello")
    bench.state.set_balance(ALICE, 1)
    paying = bench.send(messenger, relay, value=1, sender=ALICE)
    assert "value must be zero" in paying.reason
    assert names(bench.send(messenger, relay, sender=ALICE)) == [failed.topics[0]]
    bench.state.set_storage(target, 0, 1)
    assert names(bench.send(messenger, relay, sender=ALICE)) == [
        event_topic("RelayedMessage(bytes32)")
    ]
    assert bench.state.get_storage(target, 1) == 7
    again = bench.send(messenger, relay, sender=ALICE)
    assert "message has already been relayed" in again.reason


def test_a_message_inside_a_message_waits_for_its_own_turn(layers):
    """The target relays another failed message while its own runs: that one stays failed."""
    messenger = L2_CROSS_DOMAIN_MESSENGER
    moody_target, reenterer = Address(b"\x3d" * 20), Address(b"\x4e" * 20)
    moody(layers.l2, moody_target)
    first = call_data(SEND, moody_target, b"", 100_000)
    layers.deliver(layers.l1.send(layers.at.l1_cross_domain_messenger, first))
    layers.l2.state.set_storage(moody_target, 0, 1)
    # Calls back with the calldata that it gets.
    layers.l2.place(reenterer, bytes.fromhex("365f5f375f5f365f5f335af100"))
    inner = call_data(RELAY, 1 << 240, SENDER, moody_target, 0, 100_000, b"")
    outer = call_data(SEND, reenterer, inner, 500_000)
    (relayed,) = layers.deliver(layers.l1.send(layers.at.l1_cross_domain_messenger, outer))
    assert names(relayed) == [
        event_topic("FailedRelayedMessage(bytes32)"),
        event_topic("RelayedMessage(bytes32)"),
    ]
    assert names(layers.l2.send(messenger, inner)) == [event_topic("RelayedMessage(bytes32)")]


def test_a_message_that_was_not_sent_cannot_be_relayed(layers):
    relay = call_data(RELAY, 1 << 240, ALICE, BOB, 0, 0, b"")
    for bench, messenger in (
        (layers.l1, layers.at.l1_cross_domain_messenger),
        (layers.l2, L2_CROSS_DOMAIN_MESSENGER),
    ):
        assert "message cannot be replayed" in bench.send(messenger, relay).reason
        old = call_data(RELAY, 5, ALICE, BOB, 0, 0, b"")
        assert "only version 1" in bench.send(messenger, old).reason


def test_a_withdrawal_by_anybody_does_not_speak_for_the_messenger(layers):
    # ALICE lets the portal call relayMessage for a message that the L2 messenger never sent.
    relay = call_data(RELAY, 1 << 240, L2_STANDARD_BRIDGE, BOB, 0, 0, b"")
    item = withdrawal(
        sender=ALICE, target=layers.at.l1_cross_domain_messenger, value=0, data=relay,
        gas_limit=500_000,
    )  # fmt: skip
    layers.prove(item)
    (log,) = layers.rollup.finalize(item).logs
    assert int.from_bytes(log.data, "big") == 0


def test_an_l1_contract_at_the_messengers_address_is_told_from_it_by_the_alias(layers):
    relay = call_data(RELAY, 1 << 240, ALICE, BOB, 0, 0, b"")
    unaliased = layers.at.l1_cross_domain_messenger
    refused = layers.l2.send(L2_CROSS_DOMAIN_MESSENGER, relay, sender=unaliased)
    assert "message cannot be replayed" in refused.reason
    alias = apply_l1_to_l2_alias(unaliased)
    assert layers.l2.send(L2_CROSS_DOMAIN_MESSENGER, relay, sender=alias).succeeded


@pytest.mark.parametrize("layer", ["l1", "l2"])
def test_a_message_cannot_make_the_messenger_send(layers, layer):
    blocked = L2_TO_L1_MESSAGE_PASSER if layer == "l2" else layers.at.portal
    relay = call_data(RELAY, 1 << 240, ALICE, blocked, 0, 0, b"")
    if layer == "l2":
        alias = apply_l1_to_l2_alias(layers.at.l1_cross_domain_messenger)
        refused = layers.l2.send(L2_CROSS_DOMAIN_MESSENGER, relay, sender=alias)
        assert "blocked system address" in refused.reason
        return
    item = withdrawal(
        sender=L2_CROSS_DOMAIN_MESSENGER, target=layers.at.l1_cross_domain_messenger, value=0,
        data=relay, gas_limit=500_000,
    )  # fmt: skip
    layers.prove(item)
    (log,) = layers.rollup.finalize(item).logs
    assert int.from_bytes(log.data, "big") == 0


def test_the_gas_limit_of_a_message_covers_the_call_it_asks_for(layers):
    # The target stores how much gas it was called with.
    meter = Address(b"\x3e" * 20)
    layers.l2.place(meter, bytes.fromhex("5a5f5500"))
    call = call_data(SEND, meter, bytes(1000), 300_000)
    (relayed,) = layers.deliver(layers.l1.send(layers.at.l1_cross_domain_messenger, call))
    assert names(relayed) == [event_topic("RelayedMessage(bytes32)")]
    assert layers.l2.state.get_storage(meter, 0) >= 300_000 - 10


def test_messages_are_numbered_and_priced_as_the_other_side_reads_them(layers):
    messenger = layers.at.l1_cross_domain_messenger
    nonce = ["uint256"]
    assert layers.l1.view(messenger, "messageNonce()", nonce) == 1 << 240
    layers.l1.send(messenger, call_data(SEND, ALICE, b"", 0))
    assert layers.l1.view(messenger, "messageNonce()", nonce) == (1 << 240) + 1
    base = layers.l1.view(messenger, "baseGas(bytes,uint32)", ["uint64"], b"", 63)
    assert base == 21_000 + 285_000 + 64 + 260 * 16
    floor = layers.l1.view(messenger, "baseGas(bytes,uint32)", ["uint64"], bytes(30_000), 0)
    assert floor == 21_000 + 30_260 * 40


def test_nobody_speaks_while_nothing_is_relayed(layers):
    for bench, messenger in (
        (layers.l1, layers.at.l1_cross_domain_messenger),
        (layers.l2, L2_CROSS_DOMAIN_MESSENGER),
    ):
        refused = bench.send(messenger, call_data("xDomainMessageSender()"))
        assert "is not set" in refused.reason


def test_a_pause_holds_everything_of_a_rollup_back_together(layers):
    """Were the messenger paused alone, a withdrawal would be carried out and its message lost."""
    layers.ether_in(ALICE, 100)
    call = call_data(BRIDGE_ETH_TO, BOB, 100_000, b"")
    sent = layers.l2.send(L2_STANDARD_BRIDGE, call, value=100, sender=ALICE)
    item = decode_withdrawal(sent.logs)
    layers.prove(item)
    pause = call_data("pause(address)", layers.at.portal)
    layers.l1.send(layers.at.superchain_config, pause, sender=GUARDIAN)
    for contract in (
        layers.at.l1_cross_domain_messenger,
        layers.at.l1_standard_bridge,
        layers.at.anchor_state_registry,
        layers.at.system_config,
        layers.at.portal,
    ):
        assert layers.l1.view(contract, "paused()", ["bool"])
    assert layers.rollup.finalize(item).refused_with("OptimismPortal_CallPaused()")
    unpause = call_data("unpause(address)", layers.at.portal)
    layers.l1.send(layers.at.superchain_config, unpause, sender=GUARDIAN)
    assert layers.rollup.finalize(item).succeeded
    assert layers.l1.state.get_balance(BOB) == 100


def test_a_bridge_pays_neither_itself_nor_the_messenger(layers):
    for to in (L2_STANDARD_BRIDGE, L2_CROSS_DOMAIN_MESSENGER):
        (relayed,) = layers.ether_in(to, 3)
        assert names(relayed)[-1] == event_topic("FailedRelayedMessage(bytes32)")


def test_the_zero_address_gets_no_tokens(layers):
    token = layers.token()
    twin = layers.twin(token)
    (relayed,) = layers.tokens_in(token, twin, ZERO_ADDRESS, 3)
    assert names(relayed)[-1] == event_topic("FailedRelayedMessage(bytes32)")
