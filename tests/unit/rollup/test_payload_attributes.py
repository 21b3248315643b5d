"""Payload attributes: what comes first in a block, and when a block is the one asked for."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from actors import World
from l1_blocks import l1_block

from chain.block import Block
from chain.errors import Recovery
from chain.transaction import DepositTransaction
from genesis.dev_accounts import dev_account
from rollup.derivation.attributes import attributes_mismatch, prepare_attributes
from rollup.derivation.errors import CorruptDerivation, ReorgDetected
from rollup.derivation.l2_block import l1_attributes_of, l2_block_ref, system_config_of

ALICE = dev_account("account0")
NEWCOMER = b"\xaa" * 20


@pytest.fixture(scope="module")
def world():
    """L1 block 2 has a deposit; the L2 chain reaches L1 block 3."""
    world = World(window=100)
    world.deposit(ALICE, to=NEWCOMER, mint=10**18)
    world.miner.mine(2)
    world.sequencer.build_to_l1_head()
    return world


def l2_blocks(world):
    count = world.sequencer.unsafe.number
    return [world.sequencer.engine.block_by_number(n) for n in range(count + 1)]


def prepared(world, parent):
    """Attributes of the block after parent as the chain has it."""
    child = world.sequencer.engine.block_by_number(parent.number + 1)
    origin = world.miner.l1_block(l2_block_ref(world.config, child).l1_origin.number)
    ref = l2_block_ref(world.config, parent)
    return prepare_attributes(world.config, ref, system_config_of(world.config, parent), origin)


def test_attributes_are_those_of_every_block_of_the_chain(world):
    blocks = l2_blocks(world)
    for parent, child in pairwise(blocks):
        assert attributes_mismatch(world.config, prepared(world, parent), child) is None


def test_deposits_come_in_the_first_block_of_their_epoch_only(world):
    counts = {}
    for block in l2_blocks(world)[1:]:
        ref = l2_block_ref(world.config, block)
        counts.setdefault(ref.l1_origin.number, []).append(len(block.transactions))
    assert counts[2][0] == 2
    assert all(count == 1 for count in counts[2][1:])
    assert all(count == 1 for origin in (0, 1, 3) for count in counts[origin])


def test_sequence_number_counts_from_each_new_origin(world):
    expected, previous = 0, None
    for block in l2_blocks(world):
        ref = l2_block_ref(world.config, block)
        expected = 0 if ref.l1_origin != previous else expected + 1
        previous = ref.l1_origin
        assert ref.sequence_number == expected


def test_system_config_is_read_back_from_blocks(world):
    genesis, first, *_ = l2_blocks(world)
    at_genesis = system_config_of(world.config, genesis)
    assert at_genesis == world.config.genesis.system_config
    # A block spells out the fee parameters that the config may leave to the chain.
    expected = replace(
        at_genesis,
        eip1559_denominator=world.config.eip1559_denominator,
        eip1559_elasticity=world.config.eip1559_elasticity,
    )
    assert system_config_of(world.config, first) == expected


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("parent hash", {"parent_hash": bytes(32)}),
        ("timestamp", {"timestamp": 1}),
        ("randao", {"prev_randao": b"\x01" * 32}),
        ("fee recipient", {"fee_recipient": bytes(20)}),
        ("beacon block root", {"parent_beacon_block_root": b"\x01" * 32}),
        ("gas limit", {"gas_limit": 21_000}),
        ("EIP-1559 parameters", {"eip1559_params": (7, 3)}),
        ("transaction count", {"transactions": ()}),
    ],
)
def test_mismatch_names_the_field(world, name, change):
    _, first, second, *_ = l2_blocks(world)
    attributes = replace(prepared(world, first), **change)
    assert name in attributes_mismatch(world.config, attributes, second)


def test_mismatch_names_the_transaction(world):
    _, first, second, *_ = l2_blocks(world)
    attributes = prepared(world, first)
    other = replace(attributes.transactions[0], gas_limit=1)
    attributes = replace(attributes, transactions=(other,))
    assert "transaction 0" in attributes_mismatch(world.config, attributes, second)


def test_origin_that_does_not_follow_is_refused(world):
    genesis, *_ = l2_blocks(world)
    ref = l2_block_ref(world.config, genesis)
    config = system_config_of(world.config, genesis)
    same_height = l1_block(0, time=ref.timestamp)
    with pytest.raises(ReorgDetected, match="its L1 origin is 0") as caught:
        prepare_attributes(world.config, ref, config, same_height)
    assert caught.value.recovery is Recovery.RESET
    next_height = l1_block(1, time=ref.timestamp)
    with pytest.raises(ReorgDetected, match="its L1 origin is 0"):
        prepare_attributes(world.config, ref, config, next_height)
    with pytest.raises(CorruptDerivation, match="does not follow") as stopped:
        prepare_attributes(world.config, ref, config, world.miner.l1_block(2))
    assert stopped.value.recovery is Recovery.STOP


def test_origin_of_the_future_is_refused(world):
    genesis, *_ = l2_blocks(world)
    ref = l2_block_ref(world.config, genesis)
    with pytest.raises(ReorgDetected, match="is before its origin's"):
        prepare_attributes(
            world.config, ref, system_config_of(world.config, genesis), world.miner.l1_block(1)
        )


def test_block_without_l1_attributes_is_not_of_this_chain(world):
    first = l2_blocks(world)[1]
    opening = first.transactions[0]
    assert isinstance(opening, DepositTransaction)
    forged = replace(opening, sender=ALICE.address)
    for transactions in ((), (forged,), (replace(opening, data=b""),)):
        block = Block(first.header, transactions, ())
        with pytest.raises(CorruptDerivation, match="L2 block 1 "):
            l1_attributes_of(block)


def test_another_genesis_is_refused(world):
    genesis, *_ = l2_blocks(world)
    header = replace(genesis.header, extra_data=b"\x00" * 9)
    with pytest.raises(CorruptDerivation, match="the rollup begins at"):
        l2_block_ref(world.config, Block(header, (), ()))
