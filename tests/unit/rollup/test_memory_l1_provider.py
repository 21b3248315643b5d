"""L1 in memory: what is canonical after heads, gaps and reorgs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from l1_blocks import l1_block, l1_chain

from chain.errors import DecodeError, Recovery
from rollup.l1.block import compute_blob_base_fee, verify_l1_block
from rollup.l1.provider import L1DataMissing, MemoryL1Provider


def filled(blocks):
    provider = MemoryL1Provider()
    for block in blocks:
        provider.set_head(block)
    return provider


def numbers_known(provider, up_to=12):
    known = []
    for number in range(up_to):
        try:
            known.append(provider.block_by_number(number).number)
        except L1DataMissing as missing:
            assert missing.number == number
    return known


def test_nothing_is_known_at_first():
    provider = MemoryL1Provider()
    assert (provider.head(), provider.safe(), provider.finalized()) == (None, None, None)
    with pytest.raises(L1DataMissing, match="block 0 is not available") as caught:
        provider.block_by_number(0)
    assert caught.value.recovery is Recovery.RETRY


def test_head_brings_its_ancestors():
    blocks = l1_chain(5)
    provider = MemoryL1Provider()
    for block in blocks[:4]:
        provider.add(block)
    assert numbers_known(provider) == []
    provider.set_head(blocks[4])
    assert numbers_known(provider) == [0, 1, 2, 3, 4]
    assert provider.head() == blocks[4].ref


def test_reorg_replaces_blocks_and_keeps_the_old_readable_by_hash():
    blocks = l1_chain(5)
    provider = filled(blocks)
    fork = l1_chain(2, salt=1, parent=blocks[1])
    for block in fork:
        provider.add(block)
    provider.set_head(fork[-1])
    assert numbers_known(provider) == [0, 1, 2, 3]
    assert provider.block_by_number(3) == fork[1]
    assert provider.block_by_hash(blocks[4].hash) == blocks[4]


def test_after_a_jump_numbers_below_the_gap_are_not_vouched_for():
    blocks = l1_chain(10)
    provider = filled(blocks[:4])
    provider.set_head(blocks[9])
    assert numbers_known(provider) == [9]


def test_gap_is_filled_from_the_head_down():
    blocks = l1_chain(10)
    provider = filled(blocks[:4])
    provider.set_head(blocks[9])
    for block in reversed(blocks[5:9]):
        provider.add(block)
    assert numbers_known(provider) == [5, 6, 7, 8, 9]
    provider.add(blocks[4])
    assert numbers_known(provider) == list(range(10))


def test_block_below_a_gap_is_canonical_on_the_word_of_its_source():
    blocks = l1_chain(10)
    provider = filled(blocks[9:])
    provider.add_canonical(blocks[3])
    assert numbers_known(provider) == [3, 9]


def test_block_of_another_fork_fills_no_gap():
    blocks = l1_chain(4)
    provider = filled(blocks[3:])
    provider.add(l1_block(2, blocks[1].hash, salt=1))
    assert numbers_known(provider) == [3]


def test_pruned_blocks_are_missing():
    blocks = l1_chain(6)
    provider = filled(blocks)
    provider.prune(below=4)
    assert numbers_known(provider) == [4, 5]
    with pytest.raises(L1DataMissing):
        provider.block_by_hash(blocks[2].hash)


def test_receipts_and_transactions_have_to_be_the_headers():
    block = l1_block(1)
    with pytest.raises(DecodeError, match="receipts root in the header"):
        verify_l1_block(block)
    other = replace(block, header=replace(block.header, transactions_root=b"\x01" * 32))
    with pytest.raises(DecodeError, match="transactions root in the header"):
        verify_l1_block(other)


def test_blob_base_fee_of_eip_4844():
    assert compute_blob_base_fee(0, 5_007_716) == 1
    # From the EIP's own definition, fake_exponential(1, excess, fraction).
    assert compute_blob_base_fee(5_007_716, 5_007_716) == 2
    assert compute_blob_base_fee(10 * 5_007_716, 5_007_716) == 22_026
