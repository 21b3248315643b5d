"""What the contracts of a development network are told."""

from __future__ import annotations

from chain.heads import BlockId
from chain.types import Address, Hash32
from genesis.allocation import L1Anchor, l2_genesis, rollup_config
from genesis.presets import l2_preset
from node.provisioning import Founded, settlement_parameters

MOVES = 29


def founded():
    preset = l2_preset("devnet")
    anchor = L1Anchor(
        chain_id=900, block=BlockId(number=0, hash=Hash32(bytes(32))), timestamp=1_700_000_000,
        portal=Address(b"\x01" * 20), system_config=Address(b"\x02" * 20),
    )  # fmt: skip
    genesis = l2_genesis(preset, anchor.timestamp)
    return Founded(rollup_config(preset, anchor, Address(b"\x0b" * 20), genesis), genesis)


def test_a_network_with_a_lie_in_it_has_time_for_all_moves_of_its_game():
    usual = settlement_parameters(founded(), is_disputed=False)
    disputed = settlement_parameters(founded(), is_disputed=True)
    assert usual.settlement == l2_preset("devnet").settlement
    assert disputed.settlement.max_clock_s >= 10 * MOVES
    assert disputed.settlement.clock_extension_s >= 10
    assert disputed.settlement.proof_maturity_delay_s == usual.settlement.proof_maturity_delay_s
    assert disputed.anchor_root == usual.anchor_root
