"""Attributes of the block that activates a fork: old form, upgrade transactions, fee parameters."""

from __future__ import annotations

import pytest
from derivation_stages import config_at, l2_ref
from l1_blocks import BATCHER, l1_chain

from genesis.config import SystemConfig
from genesis.upgrades import upgrade_transactions
from rollup.derivation.attributes import prepare_attributes

CHAIN = l1_chain(4)
SYSTEM = SystemConfig(BATCHER, 30_000_000, 1_000, 2_000, min_base_fee=7)
ORDER = ("delta", "ecotone", "fjord", "granite", "holocene", "isthmus", "jovian")


def attributes_at(fork, *, blocks_after=0):
    """Attributes of the block so many blocks after the one that activates `fork`."""
    parent = l2_ref(CHAIN, 1, timestamp=CHAIN[1].timestamp)
    time = parent.timestamp + 2 - 2 * blocks_after
    before = ORDER[ORDER.index(fork) - 1]
    config = config_at(before, later={fork: time}, l1_genesis=CHAIN[0])
    return prepare_attributes(config, parent, SYSTEM, CHAIN[1])


@pytest.mark.parametrize("fork", ORDER[1:])
def test_upgrade_transactions_follow_the_l1_attributes_in_the_first_block_only(fork):
    first, *rest = attributes_at(fork).transactions
    assert tuple(rest) == upgrade_transactions(fork)
    assert len(attributes_at(fork, blocks_after=1).transactions) == 1
    assert first.data[:4] != b""


@pytest.mark.parametrize(
    ("fork", "selectors"),
    [
        ("ecotone", ("015d8eb9", "440a5e20")),
        ("fjord", ("440a5e20", "440a5e20")),
        ("isthmus", ("440a5e20", "098999be")),
        ("jovian", ("098999be", "3db6be2b")),
    ],
)
def test_form_of_the_l1_attributes_changes_one_block_later(fork, selectors):
    found = tuple(
        attributes_at(fork, blocks_after=after).transactions[0].data[:4].hex() for after in (0, 1)
    )
    assert found == selectors


def test_fee_parameters_come_with_holocene_and_the_minimum_with_jovian():
    assert attributes_at("granite").eip1559_params is None
    assert attributes_at("holocene").eip1559_params == (0, 0)
    assert attributes_at("isthmus").min_base_fee is None
    assert attributes_at("jovian").min_base_fee == 7
