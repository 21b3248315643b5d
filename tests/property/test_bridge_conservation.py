"""Wei in = wei out, token in = token out, whatever is sent where and in whatever order."""

from __future__ import annotations

import itertools

from contract_bench import SENDER, call_data
from hypothesis import given, settings
from hypothesis import strategies as st
from settlement import PROPOSER, SETTLEMENT, Rollup, output_of, withdrawal
from two_layers import TwoLayers

from chain.crypto.keccak import keccak256
from chain.trie import verify_proof
from chain.types import Address
from genesis.addresses import (
    L2_CROSS_DOMAIN_MESSENGER,
    L2_STANDARD_BRIDGE,
)

ALICE = Address(b"\xa1" * 20)
BOB = Address(b"\xb0" * 20)
FUNDS = 10**21
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ether in", "ether out", "tokens in", "tokens out"]),
        st.integers(0, 10**20),
        # A receiver whose payment fails leaves the money with the messenger, not nowhere.
        st.sampled_from([ALICE, BOB, L2_STANDARD_BRIDGE]),
    ),
    max_size=6,
)


def take(layers, token, twin, step, amount, to):
    """One crossing; amounts beyond what ALICE has are cut to it."""
    if step == "ether in":
        layers.ether_in(to, amount)
    elif step == "ether out":
        layers.ether_out(ALICE, to, min(amount, layers.l2.state.get_balance(ALICE)))
    elif step == "tokens in":
        layers.tokens_in(token, twin, to, amount)
    else:
        amount = min(amount, layers.held(layers.l2, twin, ALICE))
        layers.tokens_out(token, twin, ALICE, to, amount)


@settings(max_examples=12)
@given(STEPS)
def test_what_l1_holds_is_what_l2_has(steps):
    layers = TwoLayers()
    layers.l1.state.set_balance(SENDER, FUNDS)
    token = layers.token()
    twin = layers.twin(token)
    for step, amount, to in steps:
        take(layers, token, twin, step, amount, to)
        on_l2 = sum(
            layers.l2.state.get_balance(account)
            for account in (ALICE, BOB, L2_STANDARD_BRIDGE, L2_CROSS_DOMAIN_MESSENGER)
        )
        portal = layers.l1.state.get_balance(layers.at.portal)
        assert portal == on_l2
        everywhere = (SENDER, ALICE, BOB, L2_STANDARD_BRIDGE, layers.at.l1_cross_domain_messenger)
        balances = sum(layers.l1.state.get_balance(account) for account in everywhere)
        assert balances + portal == FUNDS
        held = layers.held(layers.l1, token, layers.at.l1_standard_bridge)
        supply = layers.l2.view(twin, "totalSupply()", ["uint256"])
        deposits = layers.l1.view(
            layers.at.l1_standard_bridge, "deposits(address,address)", ["uint256"], token, twin
        )
        assert deposits == held
        assert supply <= held  # tokens that could not be minted wait in their message


@settings(max_examples=25)
@given(
    count=st.integers(1, 60),
    chosen=st.integers(0, 59),
    node=st.integers(0, 10),
    position=st.integers(0, 600),
    bit=st.integers(0, 7),
)
def test_a_proof_with_one_bit_changed_is_refused(count, chosen, node, position, bit):
    rollup = rollup_with_game(count)
    items, output, index = rollup.items, rollup.output, rollup.index
    item = items[chosen % count]
    proof = output.proof(item)
    changed = bytearray(proof[node % len(proof)])
    changed[position % len(changed)] ^= 1 << bit
    forged = [*proof]
    forged[node % len(proof)] = bytes(changed)
    assert not rollup.prove(item, output, index, proof=forged).succeeded
    assert rollup.prove(item, output, index, proof=proof).succeeded


_GAMES: dict[int, Rollup] = {}
_NUMBERS = itertools.count(2)


def rollup_with_game(count):
    """A rollup with one game about `count` withdrawals; made once for each count."""
    if count not in _GAMES:
        rollup = Rollup()
        rollup.items = [withdrawal(nonce) for nonce in range(count)]
        rollup.output = output_of(rollup.items, other_slots=count // 3)
        rollup.index, _ = rollup.propose(rollup.output.root.root)
        rollup.bench.advance(1)
        _GAMES[count] = rollup
    return _GAMES[count]


@settings(max_examples=15)
@given(count=st.integers(1, 200), absent=st.integers(1000, 2000))
def test_the_verifier_agrees_with_the_trie(count, absent):
    items = [withdrawal(nonce) for nonce in range(count)]
    output = output_of(items, other_slots=0)
    root = output.root.message_passer_storage_root
    rollup = rollup_with_game(1)
    index, _ = rollup.propose(output.root.root, next(_NUMBERS))
    rollup.bench.advance(1)
    there, missing = items[-1], withdrawal(absent)
    for item in (there, missing):
        proof = output.proof(item)
        value = verify_proof(root, keccak256(item.storage_slot), proof)
        assert rollup.prove(item, output, index, proof=proof).succeeded == (value == b"\x01")


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 2), st.integers(0, 400)),
        max_size=7,
    )
)
def test_every_bond_comes_back_to_somebody(moves):
    rollup = Rollup()
    bench = rollup.bench
    players = [PROPOSER, ALICE, BOB]
    for player in players:
        bench.state.set_balance(player, 10**24)
    _, game = rollup.propose(b"\xee" * 32)
    fields = ["uint32", "address", "address", "uint128", "bytes32", "uint128", "uint128"]
    count = 1
    for name, (parent, attack, player, wait_s) in enumerate(moves):
        bench.advance(wait_s)
        target = bench.view(game, "claimData(uint256)", fields, parent % count)
        position = 2 * target[5] if attack else 2 * (target[5] | 1)
        bond = bench.view(game, "getRequiredBond(uint128)", ["uint256"], position)
        call = call_data(
            "move(bytes32,uint256,bytes32,bool)", target[4], parent % count, bytes([name]) * 32,
            attack,
        )  # fmt: skip
        count += bench.send(game, call, value=bond, sender=players[player]).succeeded
    bench.advance(2 * SETTLEMENT.max_clock_s)
    for index in reversed(range(count)):
        assert bench.send(game, call_data("resolveClaim(uint256,uint256)", index, 0)).succeeded
    assert bench.send(game, call_data("resolve()")).succeeded
    for wait_s in (SETTLEMENT.game_finality_delay_s + 1, SETTLEMENT.bond_delay_s):
        bench.advance(wait_s)
        for player in players:
            bench.send(game, call_data("claimCredit(address)", player))
    assert sum(bench.state.get_balance(player) for player in players) == 3 * 10**24
    assert bench.state.get_balance(rollup.at.delayed_weth) == bench.state.get_balance(game) == 0
