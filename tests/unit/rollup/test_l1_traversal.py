"""L1 traversal: one block after the other, and a reorg noticed wherever it shows."""

from __future__ import annotations

import pytest
from l1_blocks import BATCHER, SYSTEM_CONFIG_ADDRESS, bare_rollup_config, l1_block, l1_chain

from chain.receipt import Log, Receipt
from genesis.config import SystemConfig
from rollup.bridge.system_config import CONFIG_UPDATE
from rollup.derivation.errors import ReorgDetected
from rollup.derivation.l1_traversal import L1Traversal
from rollup.l1.provider import L1DataMissing, MemoryL1Provider

SETTINGS = SystemConfig(BATCHER, 30_000_000, 0, 0)


def provider_of(blocks):
    provider = MemoryL1Provider()
    for block in blocks:
        provider.set_head(block)
    return provider


def traversal_at(provider, block):
    return L1Traversal(bare_rollup_config(), provider, block, SETTINGS)


def test_each_block_is_handed_out_once():
    blocks = l1_chain(3)
    traversal = traversal_at(provider_of(blocks), blocks[0])
    assert [traversal.next_block(), traversal.next_block()] == [blocks[0], None]
    traversal.advance()
    assert [traversal.next_block(), traversal.next_block()] == [blocks[1], None]
    assert traversal.origin == blocks[1]


def test_end_of_l1_asks_for_the_next_block_and_stays():
    blocks = l1_chain(3)
    traversal = traversal_at(provider_of(blocks), blocks[2])
    with pytest.raises(L1DataMissing) as caught:
        traversal.advance()
    assert caught.value.number == 3
    assert traversal.origin == blocks[2]


def test_next_block_with_another_parent_is_a_reorg():
    blocks = l1_chain(4)
    provider = provider_of(blocks)
    traversal = traversal_at(provider, blocks[2])
    for block in l1_chain(2, salt=1, parent=blocks[1]):
        provider.set_head(block)
    with pytest.raises(ReorgDetected, match="the pipeline stands at"):
        traversal.advance()


def test_reorg_to_an_equally_long_chain_is_noticed():
    blocks = l1_chain(3)
    provider = provider_of(blocks)
    traversal = traversal_at(provider, blocks[2])
    provider.set_head(l1_block(2, blocks[1].hash, salt=1))
    with pytest.raises(ReorgDetected, match="no longer canonical"):
        traversal.advance()


def test_reorg_to_a_shorter_chain_is_noticed():
    blocks = l1_chain(6)
    provider = provider_of(blocks)
    traversal = traversal_at(provider, blocks[5])
    provider.set_head(l1_block(3, blocks[2].hash, salt=1))
    with pytest.raises(ReorgDetected, match="is no longer canonical"):
        traversal.advance()


def test_l1_that_only_lags_behind_is_waited_for():
    blocks = l1_chain(6)
    provider = provider_of(blocks)
    traversal = traversal_at(provider, blocks[5])
    provider.set_head(blocks[3])
    with pytest.raises(L1DataMissing):
        traversal.advance()


def update_of_batcher(address):
    word = bytes(12) + address
    data = (32).to_bytes(32, "big") + (32).to_bytes(32, "big") + word
    return Log(SYSTEM_CONFIG_ADDRESS, (CONFIG_UPDATE, bytes(32), bytes(32)), data)


def test_system_config_is_that_of_the_block():
    first = l1_block(0)
    new_batcher = b"\xba" * 20
    receipt = Receipt(2, True, 21_000, (update_of_batcher(new_batcher),))
    second = l1_block(1, first.hash, receipts=(receipt,))
    traversal = traversal_at(provider_of([first, second]), first)
    assert traversal.system_config.batcher_address == BATCHER
    traversal.advance()
    assert traversal.system_config.batcher_address == new_batcher
