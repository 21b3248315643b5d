"""Specifications: the fork table, differences, the canonical hash, agreement of the two files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.heads import BlockId
from chain.types import Hash32
from genesis.allocation import GenesisAccount, L1Anchor, l2_genesis, rollup_config
from genesis.config import ChainConfig, ForkTimes
from genesis.fields import ConfigError
from genesis.presets import l2_preset
from genesis.specification import ABSENT, Specification, differences, fork_table

TIME = 1_700_000_000
PRESET = l2_preset("minimal")
GENESIS = l2_genesis(PRESET, TIME, chain_id=901)
ANCHOR = L1Anchor(900, BlockId(5, Hash32(b"\x01" * 32)), TIME, b"\x0a" * 20, b"\x0b" * 20)
ROLLUP = rollup_config(PRESET, ANCHOR, b"\x0c" * 20, GENESIS)
LATER = ForkTimes(
    shanghai=0, cancun=0, canyon=0, ecotone=0, fjord=0, granite=0, holocene=0,
    prague=TIME + 5, isthmus=TIME + 5,
)  # fmt: skip


def test_a_specification_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="needs a genesis or a rollup config"):
        Specification()


def test_fork_table_names_the_first_block_of_each_fork():
    rows = {row.fork: row for row in fork_table(Specification(rollup=replace(ROLLUP, forks=LATER)))}
    assert rows["holocene"].first_block == 0
    assert rows["isthmus"].time == TIME + 5
    assert rows["isthmus"].first_block == 3  # at TIME + 6, two seconds a block
    assert "jovian" not in rows


def test_fork_table_of_a_genesis_alone_knows_times_only():
    assert {row.first_block for row in fork_table(Specification(GENESIS))} == {None}


def test_equal_specifications_have_one_hash_and_no_difference():
    left, right = Specification(GENESIS, ROLLUP), Specification(GENESIS, ROLLUP)
    assert left.canonical_hash() == right.canonical_hash()
    assert differences(left, right) == ()


def test_each_difference_has_its_path_and_both_sides():
    code = bytes(range(200))
    changed = replace(
        GENESIS,
        gas_limit=31_000_000,
        alloc={**GENESIS.alloc, b"\xee" * 20: GenesisAccount(balance=7, code=code)},
    )
    left, right = Specification(GENESIS), Specification(changed)
    found = {item.path: item for item in differences(left, right)}
    account = "genesis.alloc.0x" + "ee" * 20
    assert set(found) == {"genesis.gasLimit", f"{account}.balance", f"{account}.code"}
    assert (found["genesis.gasLimit"].left, found["genesis.gasLimit"].right) == (
        hex(30_000_000),
        hex(31_000_000),
    )
    assert found[f"{account}.balance"].left == ABSENT
    assert found[f"{account}.code"].right.startswith("200 bytes, keccak 0x")
    assert left.canonical_hash() != right.canonical_hash()


def test_fork_table_has_the_forks_by_number_first():
    numbers = (("berlinBlock", 7), ("londonBlock", 9), ("grayGlacierBlock", None))
    config = replace(ChainConfig.ethereum(5), fork_blocks=numbers)
    rows = fork_table(Specification(replace(GENESIS, config=config)))
    first = [(row.fork, row.time, row.first_block) for row in rows[:3]]
    assert first == [("berlin", None, 7), ("london", None, 9), ("shanghai", 0, None)]


def test_rollup_config_of_another_genesis_is_refused():
    other = replace(GENESIS, extra_data=GENESIS.extra_data[:-1] + b"\x07")
    with pytest.raises(ConfigError, match=r"genesis\.json makes L2 block .* begins at"):
        Specification(other, ROLLUP).check_agreement()


def test_rollup_config_of_another_chain_id_is_refused():
    with pytest.raises(ConfigError, match=r"of chain 901, rollup\.json of 902"):
        Specification(GENESIS, replace(ROLLUP, l2_chain_id=902)).check_agreement()


def test_rollup_config_with_another_fork_time_is_refused():
    later = replace(ROLLUP, forks=replace(ROLLUP.forks, isthmus=TIME + 100))
    with pytest.raises(ConfigError, match=r"fork isthmus: genesis\.json has 0, rollup\.json has"):
        Specification(GENESIS, later).check_agreement()


def test_fork_times_before_the_first_block_are_alike():
    block = Specification(
        GENESIS, replace(ROLLUP, forks=replace(ROLLUP.forks, regolith=None))
    ).check_agreement()
    assert block is not None
    assert block.hash == ROLLUP.genesis.l2.hash
